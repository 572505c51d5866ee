"""The device's outbox and sender against the real server, as a process that can be killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from uuid import UUID

import httpx
import pytest
import yaml

from contract.clock import SystemClock
from contract.event import Event, Phase
from contract.reasons import Reason
from edge.outbox import Outbox
from edge.sender import IngestClient, Sender
from edge.sender.client import Reply
from tests.support.delivery import sender_of, server_config
from tests.support.events import building, clip_file, new_id, thumbnail_file
from tests.support.outboxes import open_outbox

CLIP = Random(7).randbytes(12 << 20)
START_TIMEOUT_S = 60.0


@dataclass
class RealServer:
    """`kentongan-server run` with its folder, on a port that it keeps over restarts."""

    folder: Path
    port: int
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def clips(self) -> Path:
        return self.folder / "data" / "clips"

    def command(self, *arguments: str, check: bool = True) -> str:
        """Run a command of `kentongan-server` on this server's folder and return what it prints."""
        line = [sys.executable, "-m", "server.cli", *arguments, "--config", str(self.folder / "server.yaml")]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=START_TIMEOUT_S)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        line = [sys.executable, "-m", "server.cli", "run", "--config", str(self.folder / "server.yaml")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log)
        until(self._is_ready, START_TIMEOUT_S)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def received_bytes(self) -> int:
        """The size of everything that is stored of clips, whole or in part."""
        return sum(path.stat().st_size for path in self.clips.rglob("*") if path.is_file())

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        try:
            return httpx.get(f"{self.url}/readyz", timeout=1.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"listen": {"port": port}, "data_dir": str(folder / "data")}
    (folder / "server.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    zone = {"id": "ronda", "name": "Pos ronda"}
    site = {
        "kampung": [{"id": "bahari", "name": "Bahari"}],
        "cameras": [{"id": "gate", "name": "Gerbang", "kampung_id": "bahari", "zones": [zone]}],
        "devices": [{"id": "box-1", "name": "Kotak 1", "cameras": ["gate"]}],
    }
    (folder / "site.yaml").write_text(yaml.safe_dump(site), encoding="utf-8")
    real = RealServer(folder, port)
    real.command("provision", str(folder / "site.yaml"))
    real.token = real.command("device", "token", "box-1").split()[-1]
    real.start()
    try:
        yield real
    finally:
        real.kill()


class SlowLink(IngestClient):
    """A link that takes its time over each chunk, so that a test can act in the middle of a clip."""

    def patch_clip(self, clip_id: UUID, offset: int, chunk: bytes) -> Reply:
        time.sleep(0.03)
        return super().patch_clip(clip_id, offset, chunk)


@contextmanager
def delivering(outbox: Outbox, server: RealServer) -> Iterator[Sender]:
    """A sender in its own thread, on the real clock, as in the worker."""
    config = server_config(server.url, server.token)
    stop = threading.Event()
    with SlowLink(config) as client:
        sender = sender_of(outbox, client, SystemClock())
        thread = threading.Thread(target=sender.run, args=(stop,))
        thread.start()
        try:
            yield sender
        finally:
            stop.set()
            sender.wake()
            thread.join()


def test_a_signal_with_its_pictures_arrives_whole_over_a_kill_9_of_the_server_in_mid_clip(
    server: RealServer, tmp_path: Path
) -> None:
    folder = tmp_path / "device"
    with open_outbox(folder, SystemClock()) as outbox, delivering(outbox, server) as sender:
        began, clip_path = _commit_signal(outbox, folder)
        until(lambda: server.received_bytes() > len(CLIP) // 8)
        server.kill()
        received = server.received_bytes()
        assert received < len(CLIP)
        outbox.commit(building(signal_id=began.data.signal_id, clip_id=began.data.clip_id, phase=Phase.ENDED))
        until(lambda: sender.status().fault is not None)
        assert outbox.stats().pending_events == 1
        server.start()
        until(lambda: outbox.stats().pending_clips == 0)
        stats, status = outbox.stats(), sender.status()
        assert (stats.pending_events, stats.pending_thumbnails, stats.parked, stats.deleted_unsent) == (0, 0, 0, 0)
        assert (status.events_sent, status.thumbnails_sent, status.clips_sent) == (3, 1, 1)
        assert status.clip_bytes_sent < len(CLIP) + (1 << 20)  # it went on, it did not begin again
    digest = sha256(CLIP).hexdigest()
    assert [path for path in server.clips.rglob("*") if path.is_file() and _sha256(path) == digest]
    assert _sha256(clip_path) == digest
    assert server.command("check") == "All invariants hold."


def test_what_the_server_refuses_and_what_it_is_told_of_lost_clips_leaves_it_consistent(
    server: RealServer, tmp_path: Path
) -> None:
    folder = tmp_path / "device"
    with open_outbox(folder, SystemClock()) as outbox:
        lost_event, lost_path = _commit_signal(outbox, folder, CLIP[:100_000])
        lost_path.unlink()
        unknown = outbox.commit(building(camera_id="nobody-knows"))
        with delivering(outbox, server):
            until(lambda: outbox.stats().pending_events == 0 and outbox.stats().pending_clips == 0)
        (parked,) = outbox.parked()
        assert parked.event_id == unknown.id
        assert parked.reason.startswith("status 422 unknown-camera")
        assert [deletion.clip_id for deletion in outbox.deletions()] == [lost_event.data.clip_id]
        assert outbox.stats().last_sequence == 4  # began, sealed, unknown, and the fault that tells of the lost clip
    assert server.command("check") == "All invariants hold."


def _commit_signal(outbox: Outbox, folder: Path, content: bytes = CLIP) -> tuple[Event, Path]:
    """A signal that began with a thumbnail, and whose clip was sealed."""
    thumbnail, picture = thumbnail_file(folder, b"\xff\xd8\xff\xe0 picture")
    clip, reference = clip_file(folder, content)
    signal_id = new_id()
    began = outbox.commit(building(signal_id=signal_id, clip_id=reference.clip_id, thumbnail=picture), [thumbnail])
    sealed = {
        "signal_id": signal_id,
        "clip_id": reference.clip_id,
        "clip": reference,
        "phase": Phase.CONTINUES,
        "reasons": (Reason(code="stayed", params={"dwell_s": 150.0}),),
    }
    outbox.commit(building(**sealed), [clip])
    return began, clip.path


def _sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)
