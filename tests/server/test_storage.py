"""The disk under the server: full, locked, vanished, damaged or shared, people can work and nobody is told a lie."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from contract.clock import ManualClock
from contract.errors import KentonganError
from server.cli import app
from server.settings import Storage
from server.storage.disk_watch import DiskState, DiskWatch
from server.storage.installation import InstallationError, InstanceLock
from server.storage.reserve import STEPS, DiskReserve
from tests.support.disks import fill_disk, small_file_system
from tests.support.server import (
    API,
    LiveServer,
    Template,
    copied_server,
    event_of,
    problem,
    send,
    upload_clip,
    with_clip,
)

Maker = Callable[..., LiveServer]
MIB = 1 << 20
START = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def database_of(server: LiveServer) -> Path:
    return server.settings.data_dir / "kentongan.sqlite3"


def readiness(server: LiveServer) -> tuple[int, dict[str, bool]]:
    answer = server.client().get("/readyz")
    return answer.status_code, {name: check["ok"] for name, check in answer.json()["checks"].items()}


# --- a database that vanishes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_an_event_is_not_called_stored_in_a_database_that_lost_its_name(
    live_server: LiveServer, replaced: bool
) -> None:
    device = live_server.device()
    assert send(device, event_of(1)).status_code == 201
    database = database_of(live_server)
    content = database.read_bytes()
    database.unlink()
    if replaced:
        database.write_bytes(content)
    refused = problem(send(device, event_of(2)), 503, "unavailable")
    assert "gone or replaced" in refused["detail"]
    status, checks = readiness(live_server)
    assert (status, checks["database"]) == (503, False)


def write_config(folder: Path, data_dir: Path) -> Path:
    config = folder / "server.yaml"
    config.write_text(f"data_dir: {data_dir}\nlisten:\n  port: 0\nstorage:\n  reserve_bytes: 0\n")
    return config


def test_a_start_without_the_database_that_was_there_is_refused_with_the_way_back(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    config = write_config(tmp_path, data_dir)
    assert CliRunner().invoke(app, ["migrate", "--config", str(config)]).exit_code == 0
    (data_dir / "kentongan.sqlite3").unlink()
    refused = CliRunner().invoke(app, ["migrate", "--config", str(config)])
    assert refused.exit_code == 2
    assert "is gone, but" in refused.stderr
    assert "to begin anew on purpose, remove" in refused.stderr
    assert not (data_dir / "kentongan.sqlite3").exists()
    (data_dir / "installation.json").unlink()
    assert CliRunner().invoke(app, ["migrate", "--config", str(config)]).exit_code == 0


def test_a_second_server_on_the_same_folder_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    first = InstanceLock.take(tmp_path)
    with pytest.raises(InstallationError, match=rf"another server \(process {os.getpid()}\) serves .*; stop it first"):
        InstanceLock.take(tmp_path)
    first.release()
    InstanceLock.take(tmp_path).release()


def test_the_run_command_refuses_a_folder_that_is_served(tmp_path: Path) -> None:
    config = write_config(tmp_path, tmp_path / "data")
    assert CliRunner().invoke(app, ["migrate", "--config", str(config)]).exit_code == 0
    lock = InstanceLock.take(tmp_path / "data")
    try:
        refused = CliRunner().invoke(app, ["run", "--config", str(config)])
    finally:
        lock.release()
    assert refused.exit_code == 2
    assert "another server" in refused.stderr


# --- a database that is damaged or locked ---------------------------------------------------------------------------


def test_readiness_says_that_a_database_is_damaged(live_server: LiveServer) -> None:
    live_server.new_alert(1)
    assert readiness(live_server)[0] == 200
    database = database_of(live_server)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'alert'").fetchone()[0]
    with database.open("r+b") as file:
        file.seek((root - 1) * page_bytes)
        file.write(b"\xff" * page_bytes)
    operator = live_server.client()
    # Whatever first touches the damaged table notices it; readiness then says so, and never again that all is well.
    answers = [send(live_server.device(), event_of(number)).status_code for number in range(2, 5)]
    assert 201 not in answers
    assert operator.get("/readyz").status_code in (200, 503)
    live_server.services.readiness._known_mono_s = float("-inf")
    status, checks = readiness(live_server)
    assert (status, checks["database"]) == (503, False)


@contextmanager
def foreign_write_lock(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_reading_waits_for_no_write_although_the_session_was_not_used_for_long(make_server: Maker) -> None:
    clock = ManualClock(START)
    server = make_server(clock)
    operator = server.log_in("operator-bahari")
    clock.advance(600.0)
    with foreign_write_lock(database_of(server)):
        answer = operator.get(f"{API}/alerts", timeout=httpx.Timeout(5.0))
    assert answer.status_code == 200


def test_use_puts_off_the_end_of_a_session_before_it_is_written_and_after_a_restart(make_server: Maker) -> None:
    clock = ManualClock(START)
    server = make_server(clock, sessions={"idle_s": 3600})
    operator = server.log_in("operator-bahari")
    for _ in range(3):
        clock.advance(3000.0)
        assert operator.get(f"{API}/alerts").status_code == 200
    server.stop()
    with closing(sqlite3.connect(database_of(server))) as connection:
        (written,) = connection.execute("SELECT max(last_used_at) FROM user_session").fetchone()
    assert written.startswith((START + timedelta(seconds=9000)).strftime("%Y-%m-%d %H:%M"))


# --- a disk that fills ----------------------------------------------------------------------------------------------

SMALL = Storage(
    reserve_bytes=8 * MIB, events_need_bytes=10 * MIB, media_needs_bytes=40 * MIB, warn_bytes=100 * MIB, warn_days=7.0
)


class Disk:
    """A disk whose free bytes the test sets; the reserve's parts are counted as taken."""

    def __init__(self, folder: Path, free: int) -> None:
        self.reserve = DiskReserve(folder, SMALL.reserve_bytes)
        self.clock = ManualClock(START)
        self.free = free
        self.watch = DiskWatch((folder,), self.reserve, SMALL, self.clock, self._free)

    def _free(self, _: Path) -> int:
        return self.free - self.reserve.steps_held * SMALL.reserve_bytes // STEPS


async def test_pictures_are_refused_before_events_and_both_are_taken_again_with_room(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 300 * MIB)
    for _ in range(STEPS):
        assert await disk.watch.look() is DiskState.OK
    assert disk.reserve.steps_held == STEPS
    disk.free = 90 * MIB
    assert await disk.watch.look() is DiskState.LOW
    disk.watch.require_room_for_media()
    disk.free = 40 * MIB
    assert await disk.watch.look() is DiskState.NO_MEDIA
    disk.watch.require_room_for_events()
    with pytest.raises(KentonganError, match="takes no clips"):
        disk.watch.require_room_for_media()
    disk.free = 9 * MIB
    assert await disk.watch.look() is DiskState.NO_EVENTS
    with pytest.raises(KentonganError, match="the event was not stored"):
        disk.watch.require_room_for_events()
    assert disk.reserve.steps_held < STEPS, "people get a part of the reserve"
    disk.free = 300 * MIB
    for _ in range(STEPS + 1):
        await disk.watch.look()
    assert (disk.watch.state, disk.reserve.steps_held) == (DiskState.OK, STEPS)


async def test_events_do_not_take_what_the_reserve_gave_to_people(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 300 * MIB)
    for _ in range(STEPS):
        await disk.watch.look()
    disk.free = 8 * MIB
    await disk.watch.look()
    disk.free = 20 * MIB  # somebody tidied a little: enough for events, were it not people's
    assert await disk.watch.look() is DiskState.NO_EVENTS


async def test_a_disk_that_fills_steadily_is_said_days_ahead(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 1000 * MIB)
    for _ in range(48):
        await disk.watch.look()
        disk.clock.advance(3600.0)
        disk.free -= 8 * MIB  # 192 MiB a day
    assert disk.watch.state is DiskState.LOW
    assert disk.watch.days_left == pytest.approx(3.0, abs=0.4)


def test_a_full_disk_refuses_devices_and_lets_people_work(server_template: Template, tmp_path: Path) -> None:
    with small_file_system(tmp_path / "disk", "48m") as disk:
        storage = {
            "reserve_bytes": 8 * MIB,
            "events_need_bytes": 4 * MIB,
            "media_needs_bytes": 8 * MIB,
            "warn_bytes": 16 * MIB,
            "check_every_s": 0.1,
        }
        server = copied_server(server_template, disk / "data", storage=storage)
        with server:
            for _ in range(100):
                if DiskReserve(server.settings.data_dir, 8 * MIB).steps_held == STEPS:
                    break
                server.client().get("/healthz")
            operator, device = server.log_in("operator-bahari"), server.device()
            content = b"\x00" * 1000
            event = with_clip(event_of(1), content)
            alert_id = send(device, event).json()["alert_id"]
            fill_disk(disk / "ballast")
            answers = {send(device, event_of(number)).status_code for number in range(2, 40)}
            assert 507 in answers
            assert event.data.clip is not None
            problem(upload_clip(device, event.data.clip.clip_id, content), 507, "storage-full")
            # People decide, log in and are written into the audit log.
            body = {
                "to": "acknowledged",
                "expected_version": operator.get(f"{API}/alerts/{alert_id}").json()["version"],
            }
            decided = [operator.post(f"{API}/alerts/{alert_id}/transitions", json=body).status_code for _ in range(2)]
            assert 200 in decided, decided
            server.log_in("auditor-bahari")
            assert readiness(server)[1]["disk"] is False
            (disk / "ballast").unlink()
        with copied_free(server) as again:
            assert send(again.device(), event_of(50)).status_code == 201


@contextmanager
def copied_free(server: LiveServer) -> Iterator[LiveServer]:
    with LiveServer(server.settings, server.tokens) as again:
        yield again
