"""What befalls a worker in the field, done to a real one: it recovers by itself, and nothing in its outbox is lost."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.event import Event, Phase
from edge.camera import build
from edge.cli.main import app
from edge.detections import Detections
from edge.detector import Detector, ResizableFrame
from edge.telemetry.status import StatusFile, WorkerState, state_of
from edge.worker import Worker
from tests.support.ingest import IngestServer, running_ingest
from tests.support.outboxes import assert_nothing_lost
from tests.support.rtsp import FaultyLink, RtspCameras
from tests.support.workers import camera, eventually, load_device_config, start_process, working, write_config

CROWD = {"occupancy": {"capacity": 2, "on_delay_s": 0.5, "off_delay_s": 1.0, "cooldown_s": 0.0}}
STALL_S = 6.0
"""Longer than the watchdog's 5 s."""


@pytest.fixture
def server() -> Iterator[IngestServer]:
    with running_ingest() as running:
        yield running


def config_of(folder: Path, server: IngestServer, *urls: str, **more: object) -> Path:
    """One camera for each URL, all with the same rule: more than two people."""
    cameras = [camera(f"camera-{number}", url, CROWD) for number, url in enumerate(urls, start=1)]
    return write_config(folder, server.url, server.token, cameras, **more)


def began(server: IngestServer) -> list[Event]:
    return [event for event in list(server.events.values()) if event.data.phase is Phase.BEGAN]


def more_than(count: int, server: IngestServer) -> Callable[[], bool]:
    return lambda: len(began(server)) > count


def is_live(worker: Worker) -> bool:
    return all(one.telemetry.state == "live" for one in worker.telemetry.cameras())


def is_seen_again(worker: Worker) -> bool:
    return is_live(worker) and all(one.telemetry.analysed_fps > 0.0 for one in worker.telemetry.cameras())


def sessions_lost(worker: Worker) -> int:
    return sum(one.sessions_lost for one in worker.telemetry.cameras())


def test_an_rtsp_server_that_dies_is_seen_again_when_it_is_back(
    server: IngestServer, street: Path, tmp_path: Path
) -> None:
    first = RtspCameras(street.parent).__enter__()
    with FaultyLink(first.port) as link:
        config = load_device_config(config_of(tmp_path, server, link.url("street.mp4")))
        with working(config) as worker:
            eventually(more_than(0, server))
            link.cut()
            first.__exit__()
            eventually(lambda: sessions_lost(worker) >= 2)
            eventually(lambda: worker.telemetry.cameras()[0].telemetry.analysed_fps == 0.0)
            assert worker.telemetry.cameras()[0].telemetry.state == "lost"
            with RtspCameras(street.parent, first.port) as second:
                assert second.port == first.port
                eventually(lambda: is_seen_again(worker), 60.0)
                link.cut()
                time.sleep(0.2)  # the server prints what it thinks of a client that hangs up while it stops
    assert_nothing_lost(server.events.values(), tmp_path / "data")


def test_a_link_that_stalls_cuts_damages_and_loses_is_got_over(
    server: IngestServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    with FaultyLink(cameras.port) as link:
        config = load_device_config(config_of(tmp_path, server, link.url("street.mp4")))
        with working(config) as worker:
            eventually(more_than(0, server))
            link.corrupt_share = link.lose_share = 0.1
            time.sleep(3.0)
            link.corrupt_share = link.lose_share = 0.0
            link.cut()
            eventually(lambda: sessions_lost(worker) >= 1)
            eventually(lambda: is_live(worker))
            lost = sessions_lost(worker)
            link.stalled = True
            eventually(lambda: sessions_lost(worker) > lost, STALL_S + 20.0)
            eventually(lambda: worker.telemetry.cameras()[0].telemetry.analysed_fps == 0.0)
            link.stalled = False
            eventually(lambda: is_seen_again(worker), 60.0)
    assert_nothing_lost(server.events.values(), tmp_path / "data")


def test_a_worker_stops_in_time_while_one_camera_says_nothing_and_another_does_not_answer(
    server: IngestServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    with FaultyLink(cameras.port) as silent, FaultyLink(cameras.port) as deaf:
        deaf.stalled = True
        path = config_of(tmp_path, server, silent.url("street.mp4"), deaf.url("street.mp4"))
        process = start_process(path)
        eventually(more_than(0, server))
        silent.stalled = True
        time.sleep(0.5)
        process.terminate()
        began_mono_s = time.monotonic()
        assert process.wait(30.0) == 0
        assert time.monotonic() - began_mono_s < 4.0
    with working(load_device_config(path)):  # what the stop had no time to send waits in the outbox
        eventually(lambda: Phase.ENDED in {event.data.phase for event in list(server.events.values())})
    assert_nothing_lost(server.events.values(), tmp_path / "data")


def test_a_stream_takes_one_thread_and_decoding_no_more_than_there_are_cores(
    server: IngestServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    count = 5
    config = load_device_config(config_of(tmp_path, server, *[cameras.url("street.mp4")] * count))
    with working(config) as worker:
        eventually(lambda: is_live(worker))
        names = [thread.name for thread in threading.enumerate()]
    assert sum(name.startswith("camera camera-") for name in names) == count
    assert sum(name.startswith("decoder ") for name in names) == min(count, len(os.sched_getaffinity(0)))


def test_a_server_that_is_away_for_a_while_gets_everything_afterwards(
    server: IngestServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    config = load_device_config(config_of(tmp_path, server, cameras.url("street.mp4")))
    server.stop(abruptly=True)
    with working(config) as worker:
        eventually(lambda: worker.status().sender.fault)
        eventually(lambda: worker.status().outbox.pending_clips)
        held = worker.status().outbox
        assert held.pending_events >= 2
        server.start()
        eventually(lambda: worker.status().outbox.pending_clips == 0 and worker.status().sender.fault is None, 90.0)
        assert len(server.events) >= held.pending_events
    sealed = [event.data.clip for event in server.events.values() if event.data.clip is not None]
    assert sealed
    stored = {clip_id: hashlib.sha256(clip).hexdigest() for clip_id, clip in server.clips.items()}
    assert [clip.clip_id for clip in sealed if stored.get(clip.clip_id) != clip.sha256] == []
    assert_nothing_lost(server.events.values(), tmp_path / "data")


def test_a_worker_that_is_killed_loses_nothing_and_its_status_says_so(
    server: IngestServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    path = config_of(tmp_path, server, cameras.url("street.mp4"))
    process = start_process(path)
    try:
        eventually(more_than(0, server))
        eventually(lambda: (status := StatusFile(tmp_path / "data").read()) and status.outbox.last_sequence > 0)
        running = CliRunner().invoke(app, ["status", "--config", str(path)])
    finally:
        process.kill()
        process.wait(10.0)
    assert running.exit_code == 0, running.output
    assert "running for" in running.stdout
    assert "camera-1" in running.stdout
    for private, mode in ((tmp_path / "data", 0o700), (tmp_path / "data" / "clips", 0o700)):
        assert private.stat().st_mode & 0o777 == mode
    killed = CliRunner().invoke(app, ["status", "--config", str(path)])
    assert killed.exit_code == 1
    assert "NOT RUNNING: it died after" in killed.stdout
    with working(load_device_config(path)):
        eventually(more_than(1, server))
    assert_nothing_lost(server.events.values(), tmp_path / "data")
    signals = {event.data.signal_id for event in began(server)[:1]}
    told = [event.data for event in server.events.values() if event.data.signal_id in signals]
    assert told[-1].phase is Phase.ENDED
    last = StatusFile(tmp_path / "data").read()
    assert last is not None
    assert state_of(last, last.written_at) is WorkerState.STOPPED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MB, as the worker's data folder."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"needs the right to mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Take all the room that there is."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_a_full_disk_stops_no_watching_and_its_events_come_when_there_is_room(
    server: IngestServer, cameras: RtspCameras, small_disk: Path, tmp_path: Path
) -> None:
    outbox = {"quota_bytes": "16MiB", "keep_free_bytes": 0}
    config = load_device_config(config_of(tmp_path, server, cameras.url("street.mp4"), outbox=outbox))
    with working(config) as worker:
        eventually(more_than(0, server))
        ballast = small_disk / "ballast"
        fill(ballast)
        held = eventually(worker._drafts.flush, 60.0)
        assert held >= 1
        assert is_live(worker)
        known = len(server.events)
        ballast.unlink()
        eventually(lambda: worker._drafts.flush() == 0)
        eventually(lambda: len(server.events) > known)
    assert worker._drafts.lost == 0
    assert_nothing_lost(server.events.values(), tmp_path / "data")


class SlowDetector(Detector):
    """The detector on a box that is far too weak."""

    def detect(self, frame: ResizableFrame) -> Detections:
        time.sleep(0.4)
        return super().detect(frame)


def test_a_device_that_cannot_keep_up_asks_its_cameras_for_less(
    server: IngestServer, cameras: RtspCameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "Detector", SlowDetector)
    config = load_device_config(config_of(tmp_path, server, *[cameras.url("street.mp4")] * 2))
    with working(config) as worker:
        eventually(lambda: all(one.telemetry.degraded for one in worker.telemetry.cameras()), 60.0)
        told = eventually(
            lambda: [one for one in server.heartbeats if [c.degraded for c in one.cameras] == [True] * 2]
        )[0]
        assert all(each.target_fps is not None and 1.0 <= each.target_fps < 5.0 for each in told.cameras)
        assert all(each.dropped_frames > 0 for each in told.cameras)
        assert is_live(worker)
