"""One-to-one matching of alerts and true episodes, and the figures computed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.scores import Interval, bootstrap

EARLY_S = 5.0
LATE_S = 30.0
"""An alert counts for a true episode within [T - 5 s, T + 30 s], T being when it should have fired."""


@dataclass(frozen=True, slots=True)
class Matched:
    """One camera's counts: true episodes, alerts, matches, and the delay of each matched alert (seconds after T)."""

    true: int
    alerts: int
    matches: int
    late_s: tuple[float, ...]


def match(
    due_s: Sequence[float], alerts_s: Sequence[float], early_s: float = EARLY_S, late_s: float = LATE_S
) -> Matched:
    """Matches in order of time, each alert and episode once; a second alert for an episode is a false one."""
    waiting = sorted(alerts_s)
    late: list[float] = []
    for due in sorted(due_s):
        found = next((alert for alert in waiting if due - early_s <= alert <= due + late_s), None)
        if found is not None:
            waiting.remove(found)
            late.append(found - due)
    return Matched(len(due_s), len(alerts_s), len(late), tuple(late))


@dataclass(frozen=True, slots=True)
class Figures:
    """Recall, precision and F1 with 95 % intervals by resampling cameras; median and P95 lateness in seconds."""

    recall: Interval
    precision: Interval
    f1: Interval
    median_late_s: float
    p95_late_s: float
    alerts: int
    true: int


def figures(cameras: Sequence[Matched], seed: int) -> Figures:
    counts = np.array([(one.true, one.alerts, one.matches) for one in cameras], dtype=np.int64)

    def ratio(some: np.ndarray[tuple[int], np.dtype[np.int64]], column: int) -> float:
        true, alerts, matches = counts[some].sum(axis=0)
        below = (true, alerts, (true + alerts) / 2)[column]
        return float(matches / below) if below else float("nan")

    late = np.array([second for one in cameras for second in one.late_s])
    return Figures(
        recall=bootstrap(len(cameras), lambda some: ratio(some, 0), seed),
        precision=bootstrap(len(cameras), lambda some: ratio(some, 1), seed),
        f1=bootstrap(len(cameras), lambda some: ratio(some, 2), seed),
        median_late_s=float(np.median(late)) if len(late) else float("nan"),
        p95_late_s=float(np.percentile(late, 95)) if len(late) else float("nan"),
        alerts=int(counts[:, 1].sum()),
        true=int(counts[:, 0].sum()),
    )
