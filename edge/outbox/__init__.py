"""The durable outbox: an event is safe here before anybody hears of it, and leaves only when the server has it."""

from edge.outbox.outbox import Outbox
from edge.outbox.records import (
    Attachment,
    AttachmentKind,
    Deletion,
    DeletionReason,
    OpenSignal,
    OutboxError,
    OutboxFullError,
    OutboxStats,
    ParkedItem,
    PendingAttachment,
    PendingEvent,
)

__all__ = [
    "Attachment",
    "AttachmentKind",
    "Deletion",
    "DeletionReason",
    "OpenSignal",
    "Outbox",
    "OutboxError",
    "OutboxFullError",
    "OutboxStats",
    "ParkedItem",
    "PendingAttachment",
    "PendingEvent",
]
