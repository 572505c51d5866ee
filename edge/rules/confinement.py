"""How confined a path is: the features that distinguish staying from passing through, and the score made of them.

The score is a logistic of the features, each bent at fixed knots and flat outside the range on which it was fitted, so
that nothing unheard-of can drive it; and each may push in one direction only, so that an operator can foresee it.
`bench/fit_loitering.py` fits it and writes its numbers. A path is first laid on whole seconds, so that gaps and skipped
frames do not look like movement; where standing is measured it is smoothed over three of them, so that the jitter of
boxes does not either.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edge.rules.staying_model import INTERCEPT, KNOTS, WEIGHTS

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Knots = tuple[tuple[float, ...], ...]

WINDOW_S = 120.0
"""Only the newest part of a path is judged: as long as the paths on which the score was fitted."""
HOLD_RADIUS = 1.5
"""Units (metres, or body heights) of the circle that is laid where it holds the largest share of the time."""
CENTRE_EVERY_S = 4
"""Seconds between the places at which that circle is tried."""
WIDE_RADIUS = 12.0
"""Units around the median point that hold who paces up and down."""
CELL = 2.0
"""Units: the edge of the cells whose entropy is taken."""
DRIFT_S = 5
"""Seconds over which a movement is judged, so that shifting from foot to foot is none."""
STANDING_SPEED, TURNING_SPEED = 0.4, 0.2
"""Units per second: below the one a drift is a standstill, above the other it has a direction."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """Features of a path, lengths in units (metres, or body heights), in the order in which the score takes them.

    dwell: natural log of 1 + seconds from first to last point. path: log of 1 + the way gone. straightness: the
    straight way from first to last over the way gone, 0..1. held: the largest share of the time within `HOLD_RADIUS` of
    any place of the path; wide: the share within `WIDE_RADIUS` of the median point, both 0..1. entropy: of the time
    spent in cells of `CELL`, in bits. standstills: log of 1 + the number of stretches slower than `STANDING_SPEED`.
    turning: mean change of direction from second to second while moving, radians, 0..pi.
    """

    dwell: float
    path: float
    straightness: float
    held: float
    wide: float
    entropy: float
    standstills: float
    turning: float


def measure(times_s: Array, positions: Array) -> Confinement:
    """The features of the newest `WINDOW_S` of a path: times (P,) in seconds, positions (P, 2) in units, P >= 1."""
    if len(times_s) == 0 or positions.shape != (len(times_s), 2):
        raise ValueError(f"a path needs P >= 1 times and (P, 2) positions, got {times_s.shape} and {positions.shape}")
    newest = times_s >= times_s[-1] - WINDOW_S
    dwell_s = float(times_s[-1] - times_s[newest][0])
    plain = _each_second(times_s[newest], positions[newest])
    way, net = float(np.hypot(*np.diff(plain, axis=0).T).sum()), float(np.hypot(*(plain[-1] - plain[0])))
    places = _smooth(plain)
    return Confinement(
        dwell=math.log1p(dwell_s),
        path=math.log1p(way),
        straightness=net / (way + 0.5),
        held=_held_share(places),
        wide=float((_from_median(places) <= WIDE_RADIUS).mean()),
        entropy=_cell_entropy(places),
        standstills=math.log1p(_runs(np.hypot(*_drifts(places).T) < STANDING_SPEED)),
        turning=_turning(_drifts(plain)),
    )


def radius_of(positions: Array) -> float:
    """Units: the circle around the median point that holds nine tenths of the points."""
    return float(np.quantile(_from_median(positions), 0.9))


def staying_score(confinement: Confinement) -> float:
    """0..1: how probably a person would call this path loitering (see `bench/fit_loitering.py`)."""
    logit = INTERCEPT + float(ramps(np.array([astuple(confinement)]), KNOTS)[0] @ np.array(WEIGHTS))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def ramps(features: Array, knots: Knots) -> Array:
    """(N, F) features as (N, B) columns: how far each has come between each two neighbouring knots of its own."""
    feature, low, high = columns(knots)
    between: Array = np.clip(features[:, feature], low, high) - low
    return between


@cache
def columns(knots: Knots) -> tuple[Ints, Array, Array]:
    """(B,) each: the feature of a column, and the knots between which it rises. Every feature needs two knots."""
    rows = [(feature, *pair) for feature, own in enumerate(knots) for pair in pairwise(own)]
    feature, low, high = np.array(rows).T
    return feature.astype(np.int64), low, high


def _each_second(times_s: Array, positions: Array) -> Array:
    """(S, 2): the path at every whole second since its start, straight in between; S >= 1."""
    seconds = times_s[0] + np.arange(int(times_s[-1] - times_s[0]) + 1.0)
    return np.column_stack([np.interp(seconds, times_s, axis) for axis in positions.T])


def _smooth(places: Array) -> Array:
    """The mean of three seconds, of two at the ends."""
    if len(places) < 3:
        return places
    inner = (places[:-2] + places[1:-1] + places[2:]) / 3.0
    return np.vstack(((places[0] + places[1]) / 2.0, inner, (places[-2] + places[-1]) / 2.0))


def _held_share(places: Array) -> float:
    centres = places[::CENTRE_EVERY_S]
    away2 = ((centres[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)
    return float((away2 <= HOLD_RADIUS**2).mean(axis=1).max())


def _cell_entropy(places: Array) -> float:
    cells = np.floor(places / CELL) @ np.array((1e5, 1.0))
    share = np.unique(cells, return_counts=True)[1] / len(places)
    return float(-(share * np.log2(share)).sum()) + 0.0


def _drifts(places: Array) -> Array:
    """(D, 2) units per second over `DRIFT_S`, or over the whole of a shorter path; D >= 1."""
    lag_s = min(DRIFT_S, len(places) - 1)
    drifts: Array = (places[lag_s:] - places[:-lag_s]) / lag_s if lag_s else np.zeros((1, 2))
    return drifts


def _runs(true: npt.NDArray[np.bool_]) -> int:
    """The number of runs of True."""
    return int(true[0]) + int((true[1:] & ~true[:-1]).sum())


def _turning(drifts: Array) -> float:
    moving = np.hypot(*drifts.T) >= TURNING_SPEED
    both = moving[1:] & moving[:-1]
    if not both.any():
        return 0.0
    headings = np.arctan2(drifts[:, 1], drifts[:, 0])
    turns = np.abs((np.diff(headings) + math.pi) % (2 * math.pi) - math.pi)
    return float(turns[both].mean())


def _from_median(positions: Array) -> Array:
    distances: Array = np.hypot(*(positions - np.median(positions, axis=0)).T)
    return distances
