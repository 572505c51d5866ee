"""What a process holds of the machine, read from /proc (Linux)."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """Resident memory in MiB, threads, and open file descriptors."""

    rss_mb: float
    threads: int
    descriptors: int


def held_by(pid: int) -> Held:
    """What the process holds now. Raises FileNotFoundError when it is gone."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    numbers = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE))
    if "VmRSS" not in numbers:
        raise FileNotFoundError(f"process {pid} has ended")
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Held(int(numbers["VmRSS"]) * 1024 / MIB, int(numbers["Threads"]), descriptors)


def typical(samples: Sequence[Held]) -> Held:
    """The medians: a sample taken in the middle of a reconnect is no leak."""
    return Held(
        statistics.median(one.rss_mb for one in samples),
        round(statistics.median(one.threads for one in samples)),
        round(statistics.median(one.descriptors for one in samples)),
    )
