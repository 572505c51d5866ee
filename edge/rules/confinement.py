"""How confined a path is: the features by which staying is told from passing through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SHARE_RADIUS = 1.5
"""Units (metres, or body heights) of the circle whose share of the time is taken."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """Features of a path of points at equal steps of time, lengths in units.

    dwell_s: first to last point. net: first to last point, straight. radius: of the circle around the median point
    that holds nine tenths of the points. share: of the points within `SHARE_RADIUS` of the median point, 0..1.
    gyration: root mean square distance from the mean point. entropy: of the cells (1 unit wide) visited, in bits.
    """

    dwell_s: float
    net: float
    radius: float
    share: float
    gyration: float
    entropy: float


def measure(times_s: Array, positions: Array) -> Confinement:
    """The features of a path: times (P,) in seconds, positions (P, 2) in units, P >= 1."""
    if len(times_s) == 0 or positions.shape != (len(times_s), 2):
        raise ValueError(f"a path needs P >= 1 times and (P, 2) positions, got {times_s.shape} and {positions.shape}")
    from_median = np.hypot(*(positions - np.median(positions, axis=0)).T)
    from_mean = positions - positions.mean(axis=0)
    cells = np.unique(np.floor(positions), axis=0, return_counts=True)[1] / len(positions)
    return Confinement(
        dwell_s=float(times_s[-1] - times_s[0]),
        net=float(np.hypot(*(positions[-1] - positions[0]))),
        radius=float(np.quantile(from_median, 0.9)),
        share=float((from_median <= SHARE_RADIUS).mean()),
        gyration=float(np.sqrt((from_mean**2).sum(axis=1).mean())),
        entropy=float(-(cells * np.log2(cells)).sum()) + 0.0,
    )
