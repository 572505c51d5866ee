"""Outboxes for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.clock import Clock
from contract.event import Event
from edge.outbox import Outbox
from tests.support.events import new_id

QUOTA_BYTES = 64 << 20


@contextmanager
def open_outbox(
    folder: Path,
    clock: Clock,
    *,
    quota_bytes: int = QUOTA_BYTES,
    keep_sent_s: float = 72 * 3600.0,
    keep_free_bytes: int = 0,
) -> Iterator[Outbox]:
    """An outbox in `folder`, closed afterwards."""
    outbox = Outbox(
        folder / "outbox.db",
        quota_bytes=quota_bytes,
        clock=clock,
        new_id=new_id,
        keep_sent_s=keep_sent_s,
        keep_free_bytes=keep_free_bytes,
    )
    try:
        yield outbox
    finally:
        outbox.close()


def send_everything(outbox: Outbox) -> list[Event]:
    """Mark all as sent, as if a server had taken it; returns the events."""
    events = []
    while (pending := outbox.next_event()) is not None:
        events.append(Event.model_validate_json(pending.body))
        outbox.mark_event_sent(pending.sequence)
    while (attachment := outbox.next_attachment()) is not None:
        outbox.mark_attachment_sent(attachment.attachment_id)
    return events


def pending_event(outbox: Outbox) -> Event:
    """The event that the outbox would send next."""
    pending = outbox.next_event()
    assert pending is not None, "nothing is pending"
    return Event.model_validate_json(pending.body)
