"""Real faults of a link: a camera in its own network, whose cable is pulled and whose packets are lost.

Needs root and `ip`, and network namespaces; skipped where any of them is missing. Packets are lost by sending them to a
station that is not there, because `tc netem` is missing from many kernels.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from contract.clock import SystemClock
from edge.capture.packets import Packet
from edge.capture.session import SourceSettings
from edge.capture.supervisor import RETRY_CAP_S, StreamSupervisor
from tests.support.media import Film, make_video

ROOT = Path(__file__).parents[3]
SERVE = """
import sys
from pathlib import Path
from typing import Literal
from tests.support.rtsp import FaultyLink, RtspCameras
with RtspCameras(Path(sys.argv[1])) as cameras, FaultyLink(cameras.port, host=sys.argv[2]) as link:
    print(link.port, flush=True)
    sys.stdin.read()
"""
"""The camera itself speaks TCP only; the link in front of it, in the same network, also serves UDP."""
TIMEOUT_S = 2.0
TURN_S = 1.0
"""Tolerance for a loaded machine, on top of the configured timeouts."""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)


@dataclass(frozen=True, slots=True)
class FarCamera:
    """A camera in a network namespace, at the other end of a pair of virtual cables."""

    namespace: str
    near: str
    near_address: str
    far: str
    url: str

    def plug(self, state: str) -> None:
        """Pull the cable ("down") or plug it in ("up"). Neither end is notified."""
        run("ip", "link", "set", self.near, state)

    def lose(self) -> None:
        """Lose every packet that the camera sends, by directing it to a station that does not exist."""
        nobody = ("lladdr", "02:00:00:00:00:01", "nud", "permanent")
        run("ip", "-n", self.namespace, "neigh", "replace", self.near_address, *nobody, "dev", self.far)

    def deliver(self) -> None:
        """Stop losing packets."""
        run("ip", "-n", self.namespace, "neigh", "del", self.near_address, "dev", self.far)


@pytest.fixture
def far_camera(tmp_path: Path) -> Iterator[FarCamera]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and ip to make a network")
    name = f"kt{os.getpid()}"
    near, far = f"{name}n", f"{name}f"
    net = f"198.18.{os.getpid() >> 6 & 255}"  # reserved for benchmarks (RFC 2544)
    low = (os.getpid() & 63) * 4
    with ExitStack() as undo:
        try:
            run("ip", "netns", "add", name)
            undo.callback(run, "ip", "netns", "del", name)
            run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
            undo.callback(run, "ip", "link", "del", near)  # at once; with the namespace it goes later
            run("ip", "addr", "add", f"{net}.{low + 1}/30", "dev", near)
            run("ip", "-n", name, "addr", "add", f"{net}.{low + 2}/30", "dev", far)
            run("ip", "link", "set", near, "up")
            for link in (far, "lo"):
                run("ip", "-n", name, "link", "set", link, "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"a network with faults cannot be made here: {error.stderr.strip()}")
        make_video(tmp_path / "street.mp4", Film(fps=25, gop=12, seconds=2.0))
        command = ["ip", "netns", "exec", name, sys.executable, "-c", SERVE, str(tmp_path), f"{net}.{low + 2}"]
        serving = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        undo.enter_context(serving)
        undo.callback(serving.kill)
        assert serving.stdout is not None
        port = int(serving.stdout.readline())
        yield FarCamera(name, near, f"{net}.{low + 1}", far, f"rtsp://{net}.{low + 2}:{port}/street.mp4/play_count_0")


@dataclass
class Watched:
    """What the supervisor reported from its thread."""

    packets: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def session_started(self, _camera_id: str) -> None:
        return None

    def session_lost(self, _camera_id: str, fault: str) -> None:
        self.faults.append(fault)

    def frame_seen(self, _camera_id: str) -> None:
        return None

    def take(self, _packet: Packet) -> None:
        self.packets.append(time.monotonic())


def longer(things: Sized, count: int) -> bool:
    return len(things) > count


def waited_s(until: Callable[[], bool], at_most_s: float) -> float:
    """How long it took; fails where it takes longer than `at_most_s`."""
    began_mono_s = time.monotonic()
    while not until():
        assert time.monotonic() - began_mono_s < at_most_s, f"not within {at_most_s:g} s"
        time.sleep(0.05)
    return time.monotonic() - began_mono_s


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_stream_recovers_from_a_pulled_cable_and_from_a_link_that_loses_everything(
    far_camera: FarCamera, transport: Literal["tcp", "udp"]
) -> None:
    settings = SourceSettings(
        far_camera.url, transport=transport, open_timeout_s=TIMEOUT_S, silence_timeout_s=TIMEOUT_S
    )
    watched, stop = Watched(), threading.Event()
    supervisor = StreamSupervisor("gate", settings, watched.take, telemetry=watched, clock=SystemClock())
    thread = threading.Thread(target=supervisor.run, args=(stop,), daemon=True)
    thread.start()
    try:
        waited_s(lambda: len(watched.packets) > 25, 8.0)
        for breaks, heals in (
            (partial(far_camera.plug, "down"), partial(far_camera.plug, "up")),
            (far_camera.lose, far_camera.deliver),
        ):
            lost = len(watched.faults)
            breaks()
            waited_s(partial(longer, watched.faults, lost), TIMEOUT_S + 1.0 + TURN_S)
            seen = len(watched.packets)
            heals()
            waited_s(partial(longer, watched.packets, seen + 25), RETRY_CAP_S + TIMEOUT_S + TURN_S)
        assert not [fault for fault in watched.faults if "internal error" in fault]
    finally:
        stop.set()
        thread.join(10.0)
    assert not thread.is_alive()
