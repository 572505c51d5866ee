"""Scores with their uncertainty: area under the ROC, F1, and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % percentile bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def area_under_roc(scores: Array, truth: Ints) -> float:
    """The probability that a positive scores above a negative, ties counting half (Mann and Whitney); else nan."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def f1_at(called: Ints, truth: Ints) -> float:
    """The harmonic mean of precision and recall; 0 without a true positive."""
    right = int((called & truth).sum())
    return 2.0 * right / max(1, int(called.sum()) + int(truth.sum()))


def best_f1_cut(scores: Array, truth: Ints) -> float:
    """The score threshold with the best F1 on these items."""
    cuts = np.quantile(scores, np.linspace(0.4, 0.98, 117))
    return float(max(cuts, key=lambda cut: f1_at((scores > cut).astype(np.int64), truth)))


def bootstrap(count: int, score: Callable[[Ints], float], seed: int, rounds: int = 500) -> Interval:
    """`score` on all of `count` items, and the 2.5 and 97.5 % points of its values on resamples with replacement."""
    everything = np.arange(count)
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    values = [score(rng.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(score(everything), float(low), float(high))
