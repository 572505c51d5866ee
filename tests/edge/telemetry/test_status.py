"""The worker's status file and the screen that shows it, also without a running worker."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from contract.heartbeat import CameraState, CameraTelemetry
from edge.cli.status_screen import duration_text, show
from edge.outbox import OutboxStats
from edge.sender import SenderStatus
from edge.telemetry.status import (
    FILE_NAME,
    STALE_AFTER_S,
    CameraStatus,
    StatusFile,
    WorkerState,
    WorkerStatus,
    state_of,
)
from tests.support.events import NOON


def camera(camera_id: str = "gate", **changes: object) -> CameraStatus:
    fields: dict[str, object] = {
        "camera_id": camera_id,
        "state": CameraState.LIVE,
        "coverage": 0.998,
        "analysed_fps": 4.8,
        "target_fps": 5.0,
        "dropped_frames": 7,
        "people_count": 3,
    }
    return CameraStatus(telemetry=CameraTelemetry.model_validate(fields | changes), attention="active", sessions_lost=2)


def status_of(**changes: object) -> WorkerStatus:
    fields: dict[str, object] = {
        "device_id": "box-1",
        "software_version": "0.1.0",
        "pid": os.getpid(),
        "written_at": NOON,
        "uptime_s": 11_520.0,
        "stopped": False,
        "cameras": (camera(), camera("yard", state=CameraState.LOST, fault="the camera refuses the log-in")),
        "outbox": OutboxStats(
            pending_events=3,
            pending_thumbnails=2,
            pending_clips=1,
            parked=4,
            used_bytes=10 << 20,
            quota_bytes=2048 << 20,
            last_sequence=77,
            oldest_pending_at=NOON - timedelta(seconds=30),
            deleted_unsent=5,
        ),
        "sender": SenderStatus(
            events_sent=70,
            thumbnails_sent=60,
            clips_sent=50,
            clip_bytes_sent=1,
            failures=9,
            fault="no connection: refused",
            file_fault=None,
            last_success_at=NOON - timedelta(minutes=5),
        ),
    }
    return WorkerStatus.model_validate(fields | changes)


def screen(status: WorkerStatus, later_s: float = 2.0, *, columns: int = 160) -> str:
    console = Console(file=io.StringIO(), width=columns)
    show(console, status, NOON + timedelta(seconds=later_s))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def ended_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_one_screen_shows_the_state_of_cameras_outbox_and_link() -> None:
    shown = screen(status_of())
    for words in (
        "kentongan-edge 0.1.0, device box-1: running for 3 h 12 min, as of 2 s ago",
        "gate",
        "live",
        "4.8 fps",
        "active",
        "99.8%",
        "the camera refuses the log-in",
        "outbox: 3 events, 2 thumbnails, 1 clips to send, the oldest for 32 s; 10.0 of 2048 MiB used",
        "4 refused by the server; 5 deleted unsent to free disk space",
        "server: last reached 5 min ago; 70 events, 60 thumbnails, 50 clips sent since the start",
        "no connection: refused",
    ):
        assert words in shown
    assert len(shown.splitlines()) <= 24
    assert "overload" not in shown


def test_overload_is_shown() -> None:
    shown = screen(status_of(cameras=(camera(target_fps=1.7, degraded=True),)))
    assert "overload: gate slowed to 1.7 fps" in shown


def test_a_terminal_of_80_columns_and_24_lines_shows_eight_cameras_with_their_faults_whole() -> None:
    fault = "rtsp://***@192.168.10.11:554/stream1/channel refused the log-in: check user and password"
    lost = [camera(f"pasar-timur-{number}", state=CameraState.LOST, fault=fault) for number in range(3)]
    slow = [camera(f"gang-tiga-{number}", target_fps=1.7, degraded=True) for number in range(5)]
    lines = screen(status_of(cameras=(*lost, *slow)), columns=80).splitlines()
    assert len(lines) < 24, "the prompt needs a line too"
    assert max(map(len, lines)) <= 80
    for each in (*lost, *slow):
        assert sum(line.startswith(f"{each.telemetry.camera_id} ") and "fps  " in line for line in lines) == 1
    words = " ".join(" ".join(lines).split())
    assert words.count(f": {fault}") == len(lost)
    assert words.count("slowed to 1.7 fps") == len(slow)


@pytest.mark.parametrize(
    ("changes", "later_s", "state", "words"),
    [
        ({}, 2.0, WorkerState.RUNNING, "running for 3 h 12 min"),
        ({}, STALE_AFTER_S, WorkerState.SILENT, "NOT ANSWERING since"),
        ({"stopped": True}, 2.0, WorkerState.STOPPED, "NOT RUNNING: it was stopped at"),
    ],
)
def test_the_headline_says_whether_the_worker_runs_and_since_when_it_does_not(
    changes: dict[str, object], later_s: float, state: WorkerState, words: str
) -> None:
    status = status_of(**changes)
    assert state_of(status, NOON + timedelta(seconds=later_s)) is state
    head = screen(status, later_s).splitlines()[0]
    assert words in head
    assert state is WorkerState.RUNNING or f"{NOON.astimezone():%Y-%m-%d %H:%M:%S}" in head


def test_a_killed_worker_is_shown_as_died() -> None:
    status = status_of(pid=ended_process())
    assert state_of(status, NOON + timedelta(seconds=1)) is WorkerState.DIED
    assert "NOT RUNNING: it died after" in screen(status, 7200.0)
    assert "2 h 0 min ago" in screen(status, 7200.0)


def test_the_file_is_readable_by_its_owner_only_and_round_trips(tmp_path: Path) -> None:
    file, status = StatusFile(tmp_path), status_of()
    assert file.read() is None
    file.write(status_of(uptime_s=1.0))
    file.write(status)
    assert file.read() == status
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("content", ["", "{}", '{"pid": "none"}', "\x00\x01"])
def test_a_file_of_another_version_is_refused_with_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(ValueError, match=r"status\.json is of another version"):
        StatusFile(tmp_path).read()


def test_a_failed_write_leaves_the_last_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StatusFile(tmp_path)
    file.write(status_of())

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Read-only"):
        file.write(status_of(uptime_s=1.0))
    assert file.read() == status_of()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.0, "0 s"),
        (0.4, "0 s"),
        (89.0, "89 s"),
        (90.0, "1 min"),
        (3599.0, "59 min"),
        (3660.0, "1 h 1 min"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_durations_have_at_most_two_units(seconds: float, words: str) -> None:
    assert duration_text(seconds) == words
