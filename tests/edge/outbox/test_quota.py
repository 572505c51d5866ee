from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from contract.clock import ManualClock
from contract.event import Phase, Severity
from edge.outbox import Outbox, OutboxFullError
from tests.support.disks import fill_disk, small_file_system
from tests.support.events import NOON, building, clip_file, thumbnail_file
from tests.support.outboxes import open_outbox, pending_event, send_everything

QUOTA_BYTES = 2 << 20
CLIP_BYTES = 400 << 10


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def test_disk_use_stays_under_the_quota_whatever_is_committed(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, quota_bytes=QUOTA_BYTES) as outbox:
        for _ in range(12):
            _commit_clip(outbox, tmp_path)
            used = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
            assert used <= QUOTA_BYTES
            assert outbox.stats().used_bytes <= QUOTA_BYTES
        assert outbox.stats().last_sequence > 12  # every clip deleted unsent added an event with its fault


def test_sent_files_are_deleted_first_then_the_least_severe_then_the_oldest(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, quota_bytes=QUOTA_BYTES) as outbox:
        sent = _commit_clip(outbox, tmp_path, Severity.CRITICAL)
        send_everything(outbox)
        old = _commit_clip(outbox, tmp_path, Severity.WARNING)
        mild = _commit_clip(outbox, tmp_path, Severity.NOTICE)
        new = _commit_clip(outbox, tmp_path, Severity.WARNING)
        gone = []
        for _ in range(4):
            _commit_clip(outbox, tmp_path, Severity.CRITICAL)
            gone += [path for path in (sent, mild, old, new) if not path.exists() and path not in gone]
        assert gone == [sent, mild, old, new]
        assert {deletion.reason for deletion in outbox.deletions()} == {"quota"}


def test_thumbnails_outlive_clips(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, quota_bytes=QUOTA_BYTES) as outbox:
        thumbnail, reference = thumbnail_file(tmp_path, b"\xff\xd8" * 5000)
        outbox.commit(building(severity=Severity.NOTICE, thumbnail=reference), [thumbnail])
        for _ in range(12):
            _commit_clip(outbox, tmp_path, Severity.CRITICAL)
        assert thumbnail.path.exists()


def test_every_clip_deleted_for_the_quota_sends_a_clip_fault(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, quota_bytes=QUOTA_BYTES) as outbox:
        for _ in range(8):
            _commit_clip(outbox, tmp_path)
        taken = {deletion.clip_id for deletion in outbox.deletions()}
        faulty = {event.data.clip_id for event in send_everything(outbox) if event.data.clip_fault}
        assert taken == faulty
        assert len(taken) >= 3


def test_events_are_deleted_only_when_no_file_is_left_and_the_deletion_is_recorded(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock, quota_bytes=320 << 10) as outbox:
        clip = _commit_clip(outbox, tmp_path, size_bytes=100 << 10)
        while clip.exists():
            outbox.commit(building(severity=Severity.CRITICAL))
        assert {deletion.kind for deletion in outbox.deletions()} == {"clip"}
        while len(outbox.deletions()) == 1:
            outbox.commit(building(severity=Severity.CRITICAL))
        event_deletions = outbox.deletions()[:-1]
        assert {(deletion.kind, deletion.sent) for deletion in event_deletions} == {("event", False)}
        assert outbox.stats().deleted_unsent == len(outbox.deletions())
        stats = outbox.stats()
        assert stats.pending_events + len(event_deletions) == stats.last_sequence


def test_files_but_not_events_are_deleted_when_other_programs_fill_the_disk(tmp_path: Path, clock: ManualClock) -> None:
    more_than_there_is = shutil.disk_usage(tmp_path).total * 2
    with open_outbox(tmp_path, clock, keep_free_bytes=more_than_there_is) as outbox:
        clip = _commit_clip(outbox, tmp_path)
        outbox.commit(building())
        assert not clip.exists()
        assert outbox.stats().pending_events == 3  # the clip's, its fault, and the last


def test_a_full_database_refuses_the_commit_and_takes_it_once_there_is_room(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building())
        connection = outbox._database._connection
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size instead
        _fill_until_full(outbox)
        taken = outbox.stats().last_sequence
        connection.execute("PRAGMA max_page_count = 1000000")
        assert outbox.commit(building()).data.device_sequence == taken + 1
        assert [event.data.device_sequence for event in send_everything(outbox)] == list(range(1, taken + 2))


def test_a_full_disk_refuses_the_commit_and_takes_it_once_there_is_room(small_disk: Path, clock: ManualClock) -> None:
    with open_outbox(small_disk, clock) as outbox:
        outbox.commit(building())
        ballast = small_disk / "ballast"
        fill_disk(ballast)
        _fill_until_full(outbox)
        taken = outbox.stats().last_sequence
        ballast.unlink()
        assert outbox.commit(building()).data.device_sequence == taken + 1
        assert [event.data.device_sequence for event in send_everything(outbox)] == list(range(1, taken + 2))


def test_a_full_disk_deletes_files_that_the_server_has_so_that_commits_go_on(
    small_disk: Path, clock: ManualClock
) -> None:
    with open_outbox(small_disk, clock, keep_free_bytes=256 << 10) as outbox:
        sent = _commit_clip(outbox, small_disk)
        send_everything(outbox)
        fill_disk(small_disk / "ballast")
        event = None
        for _ in range(3):  # the first tries may find no room even for the record of the deletion
            try:
                event = outbox.commit(building())
                break
            except OutboxFullError:
                continue
        assert event is not None
        assert not sent.exists()
        assert pending_event(outbox) == event


def test_a_file_size_limit_is_an_error_that_says_so_and_nothing_is_half_written(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.edge.outbox.test_quota import commit_under_a_size_limit;"
        "commit_under_a_size_limit(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    taken = int(done.stdout)
    assert taken >= 1
    with open_outbox(tmp_path, ManualClock(NOON)) as outbox:
        assert [event.data.device_sequence for event in send_everything(outbox)] == list(range(1, taken + 1))
        assert outbox.commit(building()).data.device_sequence == taken + 1


def commit_under_a_size_limit(folder: Path) -> None:
    """Commit until the process's file size limit stops it, and print how many events were taken."""
    with open_outbox(folder, ManualClock(NOON)) as outbox:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, resource.RLIM_INFINITY))
        _fill_until_full(outbox)
        taken = outbox.stats().last_sequence
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.stdout.write(str(taken))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    with small_file_system(tmp_path / "disk", "1m") as folder:
        yield folder


def _fill_until_full(outbox: Outbox) -> None:
    with pytest.raises(OutboxFullError, match="no room"):
        _commit_for_ever(outbox)


def _commit_for_ever(outbox: Outbox) -> NoReturn:
    while True:
        outbox.commit(building())


def _commit_clip(
    outbox: Outbox, folder: Path, severity: Severity = Severity.WARNING, size_bytes: int = CLIP_BYTES
) -> Path:
    clip, reference = clip_file(folder, bytes(size_bytes))
    changes = {"clip_id": reference.clip_id, "clip": reference}
    outbox.commit(building(phase=Phase.CONTINUES, severity=severity, **changes), [clip])
    return clip.path


def test_every_signal_that_shared_a_deleted_clip_gets_a_clip_fault(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, quota_bytes=QUOTA_BYTES) as outbox:
        clip, reference = clip_file(tmp_path, bytes(CLIP_BYTES))
        shared = {
            "phase": Phase.CONTINUES,
            "clip_id": reference.clip_id,
            "clip": reference,
            "severity": Severity.NOTICE,
        }
        signals = {outbox.commit(building(**shared), [clip]).data.signal_id for _ in range(3)}
        while clip.path.exists():
            _commit_clip(outbox, tmp_path)
        faults = [event.data for event in send_everything(outbox) if event.data.clip_fault]
        assert [data.signal_id for data in faults if data.signal_id in signals] == sorted(signals)
        assert {data.clip_id for data in faults if data.signal_id in signals} == {reference.clip_id}
        assert [deletion.clip_id for deletion in outbox.deletions()].count(reference.clip_id) == 1
