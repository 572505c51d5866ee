import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from contract.clock import ManualClock
from contract.errors import ErrorKind
from contract.event import Event, EventData, Phase, Rule, Severity
from contract.ids import UuidV7Factory
from edge.events import drafts
from edge.events.drafts import Draft, DraftQueue
from edge.outbox import Attachment, AttachmentKind, Outbox, OutboxError, OutboxFullError

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


class FullDisk:
    """An outbox whose disk is full until `room` is true."""

    def __init__(self, outbox: Outbox, error: OutboxError | None = None) -> None:
        self.outbox = outbox
        self.room = False
        self.error = error or OutboxFullError("no room")

    def commit(self, build: Callable[[int], EventData], attachments: Sequence[Attachment] = ()) -> Event:
        if not self.room:
            raise self.error
        return self.outbox.commit(build, attachments)


def draft(new_id: Callable[[], UUID], people_count: int) -> Draft:
    def build(sequence: int) -> EventData:
        return EventData(
            signal_id=new_id(),
            device_id="box-1",
            device_sequence=sequence,
            kampung_id="melati",
            camera_id="gate",
            zone_id="post",
            rule=Rule.OCCUPANCY,
            phase=Phase.BEGAN,
            severity=Severity.NOTICE,
            score=0.5,
            reasons=(),
            began_at=NOW,
            captured_at=NOW,
            time_uncertainty_s=0.1,
            people_count=people_count,
            zone_polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),
            model_sha256="0" * 64,
            config_sha256="1" * 64,
            software_version="0",
        )

    return Draft(build)


def stored_counts(folder: Path) -> list[int]:
    with sqlite3.connect(folder / "outbox.sqlite3") as connection:
        rows = connection.execute("SELECT body FROM events ORDER BY sequence").fetchall()
    connection.close()
    return [Event.model_validate_json(body).data.people_count for (body,) in rows]


def test_events_wait_in_order_while_the_disk_is_full_and_none_is_lost(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    disk = FullDisk(outbox)
    queue = DraftQueue(disk)
    for count in range(5):
        queue.submit(draft(new_id, count))
    assert queue.flush() == 5
    disk.room = True
    queue.submit(draft(new_id, 5))
    assert queue.flush() == 0
    outbox.close()
    assert stored_counts(tmp_path) == [0, 1, 2, 3, 4, 5]
    assert queue.lost == 0


def test_a_disk_that_stays_full_costs_the_oldest_events_and_the_loss_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MAX_WAITING", 3)
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    disk = FullDisk(outbox)
    queue = DraftQueue(disk)
    for count in range(5):
        queue.submit(draft(new_id, count))
    disk.room = True
    assert queue.flush() == 0
    outbox.close()
    assert stored_counts(tmp_path) == [2, 3, 4]
    assert queue.lost == 2


def test_a_disk_that_cannot_be_written_keeps_events_waiting_as_a_full_one_does(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    disk = FullDisk(outbox, OutboxError(ErrorKind.UNAVAILABLE, "the outbox's folder refuses: read-only file system"))
    queue = DraftQueue(disk)
    for count in range(3):
        queue.submit(draft(new_id, count))
    assert queue.flush() == 3
    disk.room = True
    assert queue.flush() == 0
    outbox.close()
    assert stored_counts(tmp_path) == [0, 1, 2]


def test_an_event_that_cannot_be_built_does_not_block_later_events(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    queue = DraftQueue(outbox)
    queue.submit(draft(new_id, 1))
    queue.submit(draft(new_id, -1))
    queue.submit(draft(new_id, 2))
    assert queue.flush() == 0
    assert queue.lost == 1
    outbox.close()
    assert stored_counts(tmp_path) == [1, 2]


def test_an_event_whose_file_is_missing_is_committed_without_it(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    queue = DraftQueue(outbox)
    there = tmp_path / "there.jpg"
    there.write_bytes(b"12345")
    files = [Attachment(AttachmentKind.THUMBNAIL, path, "0" * 64, 5) for path in (there, tmp_path / "gone.jpg")]
    queue.submit(Draft(draft(new_id, 1).build, tuple(files)))
    queue.submit(draft(new_id, 2))
    assert outbox.stats().pending_thumbnails == 1
    outbox.close()
    assert stored_counts(tmp_path) == [1, 2]
    assert queue.lost == 0


def test_a_stopping_worker_waits_for_the_disk(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    disk = FullDisk(outbox)
    queue = DraftQueue(disk)
    for count in range(3):
        queue.submit(draft(new_id, count))

    def pause(seconds: float) -> None:
        clock.advance(seconds)
        disk.room = clock.mono_s() - began_mono_s >= 2.0

    began_mono_s = clock.mono_s()
    assert queue.close(4.0, clock, pause) == 0
    assert clock.mono_s() - began_mono_s == 2.0
    outbox.close()
    assert stored_counts(tmp_path) == [0, 1, 2]
    assert queue.lost == 0


def test_each_event_that_a_stopping_worker_cannot_store_is_logged_and_counted(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    new_id = UuidV7Factory(clock)
    outbox = Outbox(tmp_path / "outbox.sqlite3", quota_bytes=1 << 30, clock=clock, new_id=new_id)
    queue = DraftQueue(FullDisk(outbox))
    signal_ids = [new_id() for _ in range(3)]
    for signal_id in signal_ids:
        queue.submit(draft(lambda signal_id=signal_id: signal_id, 1))  # type: ignore[misc] # bound for this turn
    began_mono_s = clock.mono_s()
    with capture_logs() as logs:
        assert queue.close(4.0, clock, clock.advance) == 3
    assert clock.mono_s() - began_mono_s == 4.0
    lost = [entry for entry in logs if entry["event"] == "event_lost"]
    assert [entry["signal_id"] for entry in lost] == [str(one) for one in signal_ids]
    assert {(entry["camera"], entry["zone"], entry["rule"], entry["phase"]) for entry in lost} == {
        ("gate", "post", "occupancy", "began")
    }
    assert queue.lost == 3
    assert queue.flush() == 0
    outbox.close()
    assert stored_counts(tmp_path) == []
