"""The durable outbox: it stores every event before anything is sent, and keeps it until the server has accepted it."""

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
