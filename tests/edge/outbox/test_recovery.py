from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from contract.clock import ManualClock, SystemClock
from contract.ids import UuidV7Factory
from edge.outbox import Outbox, OutboxError
from edge.outbox.recovery import KEPT_QUARANTINES
from tests.support.events import NOON, building, clip_file
from tests.support.outboxes import open_outbox, send_everything

KILLS = 3


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A folder whose name needs escaping in a URI."""
    folder = tmp_path / "posko #1? 100%"
    folder.mkdir()
    return folder


def test_every_acknowledged_event_survives_kill_9_and_numbers_have_no_gap(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for kill in range(KILLS):
        acknowledged += _commit_until_killed(tmp_path, at_least=5 + 7 * kill)
    clock = ManualClock(NOON)
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.recovery is None
        events = send_everything(outbox)
    stored = [str(event.id) for event in events]
    assert [event.data.device_sequence for event in events] == list(range(1, len(events) + 1))
    assert len(set(stored)) == len(stored)
    assert [event_id for event_id in stored if event_id in set(acknowledged)] == acknowledged
    assert len(stored) - len(acknowledged) <= KILLS  # committed, but killed before saying so


def test_a_file_that_is_no_database_is_moved_aside_and_counting_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        for _ in range(3):
            outbox.commit(building())
    path = tmp_path / "outbox.db"
    garbage = os.urandom(8192)
    path.write_bytes(garbage)
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.recovery is not None
        assert outbox.recovery.quarantined.read_bytes() == garbage
        assert outbox.recovery.salvaged_events == 0
        assert outbox.commit(building()).data.device_sequence == 4
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.recovery is None
        assert outbox.commit(building()).data.device_sequence == 5


def test_what_can_be_read_of_a_damaged_database_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        clip, reference = clip_file(tmp_path, b"clip")
        outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])
        events = [outbox.commit(building()) for _ in range(60)]
    _damage_an_event_page(tmp_path / "outbox.db")
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.recovery is not None
        kept = send_everything(outbox)
        assert outbox.recovery.salvaged_events == len(kept)
        assert 30 <= len(kept) < 61
        assert {event.id for event in kept[1:]} <= {event.id for event in events}
        assert outbox.commit(building()).data.device_sequence == 62
        assert clip.path.exists()


def test_without_database_and_sidecar_the_numbers_jump_visibly(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building())
    (tmp_path / "outbox.db").write_bytes(b"not a database at all" * 500)
    (tmp_path / "outbox.sequence").write_bytes(b"torn")
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.commit(building()).data.device_sequence == int(NOON.timestamp()) + 1


@pytest.mark.parametrize("remains", [None, b""], ids=["deleted", "emptied"])
def test_a_lost_database_goes_on_counting_from_the_sidecar(
    tmp_path: Path, clock: ManualClock, remains: bytes | None
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        for _ in range(3):
            outbox.commit(building())
    path = tmp_path / "outbox.db"
    path.unlink()
    if remains is not None:
        path.write_bytes(remains)
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.commit(building()).data.device_sequence == 4


def test_a_sidecar_that_is_one_ahead_after_a_crash_leaves_no_gap(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building())
    (tmp_path / "outbox.sequence").write_bytes(b"%020d\n" % 2)
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.commit(building()).data.device_sequence == 2


def test_a_recovery_that_was_cut_short_between_its_renames_is_finished(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        event = outbox.commit(building())
    (tmp_path / "outbox.db").rename(tmp_path / "outbox.db.rebuilt")
    with open_outbox(tmp_path, clock) as outbox:
        assert send_everything(outbox) == [event]


def test_only_the_newest_damaged_files_are_kept(tmp_path: Path, clock: ManualClock) -> None:
    for _ in range(KEPT_QUARANTINES + 2):
        (tmp_path / "outbox.db").write_bytes(b"not a database at all" * 500)
        with open_outbox(tmp_path, clock):
            clock.advance(1.0)
    assert len(list(tmp_path.glob("outbox.db.corrupt-*"))) == KEPT_QUARANTINES


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="got another program's SQLite database"):
        Outbox(path, quota_bytes=1 << 20, clock=clock, new_id=UuidV7Factory(clock))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.glob("outbox.db*")] == ["outbox.db"]


def test_an_outbox_of_a_newer_version_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock):
        pass
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxError, match="written by a newer version \\(schema 99\\)"):
        Outbox(path, quota_bytes=1 << 20, clock=clock, new_id=UuidV7Factory(clock))


def _commit_until_killed(folder: Path, at_least: int) -> list[str]:
    """Event ids that a process acknowledged before it was killed while it committed more."""
    script = (
        "import sys; from pathlib import Path; from tests.edge.outbox.test_recovery import commit_for_ever;"
        "commit_for_ever(Path(sys.argv[1]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(at_least)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    return acknowledged


def commit_for_ever(folder: Path) -> None:
    """Commit events, with a clip now and then, and print the id of each once it is acknowledged."""
    clock = SystemClock()
    outbox = Outbox(folder / "outbox.db", quota_bytes=1 << 26, clock=clock, new_id=UuidV7Factory(clock))
    while True:
        clip, reference = clip_file(folder, os.urandom(2000))
        event = outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])
        sys.stdout.write(f"{event.id}\n")
        sys.stdout.flush()


def _damage_an_event_page(path: Path) -> None:
    """Overwrite one page in the middle of the events table."""
    with closing(sqlite3.connect(path)) as connection:
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = [
            page
            for (page,) in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY path"
            )
        ]
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * page_size)
        file.write(b"\xa5" * page_size)
