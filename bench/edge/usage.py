"""CPU time and peak memory of a measured program, printed as JSON on the last line of its output.

Standard library only: Ultralytics measures itself with this module too, in an environment of its own.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.process_usage import peak_rss_mb


@dataclass(slots=True)
class Usage:
    """What the program used.

    cpu_s: user + system CPU seconds of all threads during the work, set-up left out; includes child processes that
        have been waited for.
    rss_mb: peak resident memory of this process in MiB, set-up included, child processes left out.
    frames: frames analysed.
    """

    cpu_s: float = 0.0
    rss_mb: float = 0.0
    frames: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    def print_json(self) -> None:
        """Print the line that `bench.bench_edge` reads."""
        print(json.dumps(asdict(self)), flush=True)


@contextmanager
def measured() -> Iterator[Usage]:
    """Measure the block."""
    usage = Usage()
    before = _cpu_s()
    yield usage
    usage.cpu_s = _cpu_s() - before
    usage.rss_mb = peak_rss_mb()


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
