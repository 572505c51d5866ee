"""What one measured process says of itself, on the last line of its output."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Usage:
    """CPU seconds (user + sys, all threads) of the work without the set-up, and the most memory that was resident.

    Processes that the work started and waited for are in the CPU seconds, and not in the memory.
    """

    cpu_s: float = 0.0
    rss_mb: float = 0.0
    frames: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    def tell(self) -> None:
        """Print it as the line that `bench.bench_edge` reads."""
        print(json.dumps(asdict(self)), flush=True)


@contextmanager
def measured() -> Iterator[Usage]:
    """Measures the block by getrusage."""
    usage = Usage()
    before = _cpu_s()
    yield usage
    usage.cpu_s = _cpu_s() - before
    usage.rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
