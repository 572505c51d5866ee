"""Children end with their parent, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from demo import processes

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('awake', flush=True); time.sleep(300)",
]
PARENT = """
import sys, time, os
from pathlib import Path
from demo import processes
command = [sys.executable, "-c", "import time; time.sleep(300)"]
child = processes.start("sleeper", command, Path(sys.argv[1]), os.environ)
print(child.process.pid, flush=True)
time.sleep(300)
"""


def wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"{log} never said {text}"
        time.sleep(0.02)


@pytest.fixture
def started() -> Iterator[list[processes.Child]]:
    children: list[processes.Child] = []
    yield children
    for child in children:
        if child.exit_status is None:
            child.process.kill()
            child.process.wait()


def test_a_child_is_asked_to_stop_and_stops(tmp_path: Path, started: list[processes.Child]) -> None:
    child = processes.start("sleeper", SLEEPER, tmp_path / "log", os.environ)
    started.append(child)
    wait_for(child.log, "awake")
    assert processes.stop([child], patience_s=10.0) == []
    assert child.exit_status == -signal.SIGTERM


def test_a_child_that_does_not_listen_is_killed_and_named(tmp_path: Path, started: list[processes.Child]) -> None:
    child = processes.start("stubborn", STUBBORN, tmp_path / "log", os.environ)
    started.append(child)
    wait_for(child.log, "awake")
    assert processes.stop([child], patience_s=0.2) == ["stubborn"]
    assert child.exit_status == -signal.SIGKILL


def test_a_childs_last_words_are_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('first', flush=True); sys.exit('why it ended')"]
    child = processes.start("short", command, tmp_path / "log", os.environ)
    child.process.wait(timeout=20)
    assert child.exit_status == 1
    assert child.last_words() == "  first\n  why it ended"
    assert child.last_words(lines=1) == "  why it ended"


def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    child = psutil.Process(pid)
    parent.kill()
    parent.wait(timeout=10)
    _, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []
