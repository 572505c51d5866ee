"""The soak in short: its faults are injected and got over, nothing is lost, and it would notice a leak."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.soak import Plan, soak
from bench.soaking.process import Held, held_by, typical
from tests.support.media import Film, make_video, people_pictures

FILM = Film(width=320, height=240, fps=8, seconds=20.0, gop=16, kbps=200)


def test_what_a_process_holds_is_read(tmp_path: Path) -> None:
    before = held_by(os.getpid())
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(5)]
    files = [(tmp_path / str(number)).open("w") for number in range(7)]
    # Pages of its own: what a heap grows by depends on what earlier tests left free in it.
    ballast = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    ballast.write(b"x" * len(ballast))
    for thread in threads:
        thread.start()
    after = held_by(os.getpid())
    release.set()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()
    assert after.threads == before.threads + 5
    assert after.descriptors == before.descriptors + 7
    assert after.rss_mb - before.rss_mb == pytest.approx(32.0, abs=8.0)
    assert len(ballast) == 32 << 20


def test_a_process_that_has_ended_holds_nothing_and_that_is_said() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(FileNotFoundError, match="has ended"):
        held_by(process.pid)
    process.wait()
    with pytest.raises(FileNotFoundError):
        held_by(process.pid)


def test_one_sample_out_of_line_is_no_leak() -> None:
    usual, odd = Held(100.0, 15, 16), Held(150.0, 18, 30)
    assert typical([usual, usual, odd, usual, usual]) == usual


@pytest.mark.parametrize(("seconds", "cameras", "says"), [(5.0, 4, "at least 10 samples"), (60.0, 0, "1 to 16")])
def test_a_soak_that_says_nothing_is_refused(seconds: float, cameras: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Plan(seconds, cameras)


def test_a_short_soak_injects_faults_and_finds_nothing_lost_nor_leaking(shared_data: Path, tmp_path: Path) -> None:
    film = make_video(tmp_path / "street.mp4", FILM, people_pictures(shared_data, FILM))
    work = tmp_path / "work"
    work.mkdir()
    # In half a minute rings and pools still fill: only the long soak can say that memory stays flat.
    plan = Plan(seconds=28.0, cameras=2, sample_every_s=0.25, fault_every_s=0.5, max_growth_mb=60.0)
    said: list[str] = []
    result = soak([film], work, plan, said.append)
    assert result["exit_status"] == 0
    assert result["faults_injected"] >= 4
    assert result["events"] > 0
    assert result["events_missing"] == 0
    assert result["rss_growth_mb"] <= plan.max_growth_mb
    # A camera that is away for the moment has a socket and a thread less than one that is seen.
    assert abs(result["thread_growth"]) <= plan.cameras
    assert abs(result["fd_growth"]) <= 2 * plan.cameras
