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
    """CPU seconds (user + sys, all threads) of the work without the set-up, and the most memory that was resident."""

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
    before = resource.getrusage(resource.RUSAGE_SELF)
    yield usage
    after = resource.getrusage(resource.RUSAGE_SELF)
    usage.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    usage.rss_mb = after.ru_maxrss / 1024  # kilobytes on Linux
