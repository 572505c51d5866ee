"""What a process uses: each figure is that process's own."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.edge.usage import measured
from bench.process_usage import Held, held_by, peak_rss_mb, typical

ROOT = Path(__file__).parents[2]
MEASURE_NOTHING = "from bench.edge.usage import measured\nwith measured() as usage: pass\nusage.print_json()"
BALLAST_MB = 192


def ballast(mb: int) -> mmap.mmap:
    """Resident pages outside the heap, whose growth depends on what earlier tests left free in it."""
    pages = mmap.mmap(-1, mb << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.write(b"x" * len(pages))
    return pages


def test_what_a_process_holds_is_read(tmp_path: Path) -> None:
    before = held_by(os.getpid())
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(5)]
    files = [(tmp_path / str(number)).open("w") for number in range(7)]
    pages = ballast(32)
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
    pages.close()


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


def test_the_peak_of_resident_memory_stays_after_the_memory_is_given_back() -> None:
    before_mb = held_by(os.getpid()).rss_mb
    ballast(BALLAST_MB).close()
    assert held_by(os.getpid()).rss_mb < before_mb + BALLAST_MB / 2
    assert peak_rss_mb() >= before_mb + BALLAST_MB * 0.9


def test_a_large_parent_does_not_enlarge_the_figure_of_its_child() -> None:
    pages = ballast(BALLAST_MB)
    # -S: without the packages of this environment, as in the environment of a peer.
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURE_NOTHING],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert held_by(os.getpid()).rss_mb > BALLAST_MB
    assert 1.0 < json.loads(done.stdout)["rss_mb"] < BALLAST_MB / 2
    pages.close()


def test_what_a_child_spends_is_measured_as_well() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    with measured() as usage:
        subprocess.run([sys.executable, "-c", burn], check=True)
    assert usage.cpu_s >= 0.3
