"""What a process uses of the machine, read from /proc (Linux). Standard library only: peers run in environments of
their own."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Held:
    """Resident memory in MiB, threads, and open file descriptors."""

    rss_mb: float
    threads: int
    descriptors: int


def held_by(pid: int) -> Held:
    """What the process holds now. Raises FileNotFoundError when it has ended."""
    status = _status(pid)
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Held(status["VmRSS"] / _KIB_PER_MIB, status["Threads"], descriptors)


def peak_rss_mb(pid: int | Literal["self"] = "self") -> float:
    """The peak resident memory of the process in MiB (VmHWM). Raises FileNotFoundError when it has ended.

    Not `ru_maxrss` of getrusage(2): a child inherits that from the process that forked it, and execve(2) keeps it, so
    a small child of a large parent reports the parent's size. VmHWM belongs to the address space that execve makes.
    """
    return _status(pid)["VmHWM"] / _KIB_PER_MIB


def typical(samples: Sequence[Held]) -> Held:
    """The medians: a sample taken in the middle of a reconnect is no leak."""
    return Held(
        statistics.median(one.rss_mb for one in samples),
        round(statistics.median(one.threads for one in samples)),
        round(statistics.median(one.descriptors for one in samples)),
    )


def _status(pid: int | Literal["self"]) -> dict[str, int]:
    """The numbers of /proc/PID/status; sizes in KiB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    numbers = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)(?: kB)?$", text, re.MULTILINE)}
    if "VmRSS" not in numbers:
        raise FileNotFoundError(f"process {pid} has ended")  # a zombie has no memory
    return numbers
