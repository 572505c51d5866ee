"""How confined a path is: the features by which staying is told from passing through, and the score made of them.

The score is a logistic of the features, each bent at fixed knots (hinges) and flat outside the range on which it was
fitted, so that nothing unheard-of can drive it. `bench/fit_loitering.py` fits it and writes its numbers.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from edge.rules.staying_model import INTERCEPT, KNOTS, WEIGHTS

Array = npt.NDArray[np.float64]

WINDOW_S = 120.0
"""Only the newest part of a path is judged: as long as the paths on which the score was fitted."""
SHARE_RADIUS = 1.5
"""Units (metres, or body heights) of the circle whose share of the time is taken."""
STANDING_SPEED = 0.3
"""Units per second below which a step counts as standing."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """Features of a path, lengths in units (metres, or body heights), in the order in which the score takes them.

    dwell: natural log of 1 + seconds from first to last point. net: log of 1 + the straight way from first to last.
    straightness: net over the way gone, 0..1. share: of the points within `SHARE_RADIUS` of the median point, 0..1.
    gyration: log of 1 + the root mean square distance from the mean point. entropy: of the cells (1 unit wide)
    visited, in bits. standing: share of the steps slower than `STANDING_SPEED`. speed: median, units per second.
    """

    dwell: float
    net: float
    straightness: float
    share: float
    gyration: float
    entropy: float
    standing: float
    speed: float


def measure(times_s: Array, positions: Array) -> Confinement:
    """The features of the newest `WINDOW_S` of a path: times (P,) in seconds, positions (P, 2) in units, P >= 1."""
    if len(times_s) == 0 or positions.shape != (len(times_s), 2):
        raise ValueError(f"a path needs P >= 1 times and (P, 2) positions, got {times_s.shape} and {positions.shape}")
    newest = times_s >= times_s[-1] - WINDOW_S
    times_s, positions = times_s[newest], positions[newest]
    steps = np.hypot(*np.diff(positions, axis=0).T)
    speeds = steps / np.maximum(np.diff(times_s), 1e-3) if len(steps) else np.zeros(1)
    net = float(np.hypot(*(positions[-1] - positions[0])))
    from_mean = positions - positions.mean(axis=0)
    cells = np.unique(np.floor(positions), axis=0, return_counts=True)[1] / len(positions)
    return Confinement(
        dwell=math.log1p(float(times_s[-1] - times_s[0])),
        net=math.log1p(net),
        straightness=net / (float(steps.sum()) + 0.5),
        share=float((_from_median(positions) <= SHARE_RADIUS).mean()),
        gyration=math.log1p(float(np.sqrt((from_mean**2).sum(axis=1).mean()))),
        entropy=float(-(cells * np.log2(cells)).sum()) + 0.0,
        standing=float((speeds < STANDING_SPEED).mean()),
        speed=float(np.median(speeds)),
    )


def radius_of(positions: Array) -> float:
    """Units: the circle around the median point that holds nine tenths of the points."""
    return float(np.quantile(_from_median(positions), 0.9))


def staying_score(confinement: Confinement) -> float:
    """0..1: how probably a person would call this path loitering (see `bench/fit_loitering.py`)."""
    features = np.array([astuple(confinement)])
    logit = INTERCEPT + float((hinges(features, KNOTS) @ np.array(WEIGHTS))[0])
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def hinges(features: Array, knots: tuple[tuple[float, ...], ...]) -> Array:
    """(N, F) features as (N, B) columns: each clipped to its outer knots, then one hinge for every inner knot."""
    columns = []
    for values, own in zip(features.T, knots, strict=True):
        clipped = np.clip(values, own[0], own[-1])
        columns.append(clipped)
        columns.extend(np.maximum(clipped - knot, 0.0) for knot in own[1:-1])
    return np.column_stack(columns)


def _from_median(positions: Array) -> Array:
    distances: Array = np.hypot(*(positions - np.median(positions, axis=0)).T)
    return distances
