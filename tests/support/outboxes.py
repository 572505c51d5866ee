"""Outboxes for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract.clock import Clock, SystemClock
from contract.event import Event, Phase
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
    """Mark everything as sent, as if a server had accepted it; returns the events."""
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


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a stopped worker left in its outbox: the last sequence number it gave, and the events still to be sent."""

    last_sequence: int
    unsent: list[Event]

    def missing(self, received: Iterable[Event]) -> list[int]:
        """The sequence numbers of events that the server has not received and that no longer wait to be sent."""
        there = {event.data.device_sequence for event in (*received, *self.unsent)}
        return sorted(set(range(1, self.last_sequence + 1)) - there)


def left_behind(data_dir: Path) -> LeftBehind:
    """Read the outbox of a worker that has stopped. Its events count as sent afterwards."""
    path = data_dir / "outbox.sqlite3"
    assert path.is_file(), f"no outbox in {data_dir}"
    with closing(Outbox(path, quota_bytes=QUOTA_BYTES, clock=SystemClock(), new_id=new_id)) as outbox:
        return LeftBehind(outbox.stats().last_sequence, send_everything(outbox))


def assert_nothing_lost(received: Iterable[Event], data_dir: Path) -> None:
    """Every event of the stopped worker was received or still waits, once, and each signal has its first and last.

    `received` are the events that the server has, `data_dir` is the worker's data folder.
    """
    received, left = list(received), left_behind(data_dir)
    assert received, "the server has received nothing"
    events = {event.id: event for event in (*received, *left.unsent)}  # sent and not yet marked as sent: both
    in_order = sorted(events.values(), key=lambda event: event.data.device_sequence)
    assert [event.data.device_sequence for event in in_order] == list(range(1, left.last_sequence + 1))
    phases: dict[object, list[Phase]] = {}
    for event in in_order:
        phases.setdefault(event.data.signal_id, []).append(event.data.phase)
    assert [of_signal for of_signal in phases.values() if of_signal[0] is not Phase.BEGAN] == []
    assert [of_signal for of_signal in phases.values() if Phase.ENDED not in of_signal] == []
