"""Distances between the people in a zone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
import numpy.typing as npt

from edge.presence.episodes import Episode

Array = npt.NDArray[np.float64]


def distances(episodes: Sequence[Episode]) -> Array:
    """(N, N) distances in units (metres, or mean body heights of the two people); infinite on the diagonal."""
    if not episodes:
        return np.empty((0, 0))
    positions = np.array([one.position for one in episodes])
    units = np.array([one.unit for one in episodes])
    between = np.hypot(*(positions[:, None] - positions[None]).transpose(2, 0, 1))
    scaled: Array = between / ((units[:, None] + units[None]) / 2)
    np.fill_diagonal(scaled, np.inf)
    return scaled


def median_nearest(episodes: Sequence[Episode]) -> float | None:
    """The median distance to the nearest neighbour, in units; None with fewer than two people."""
    if len(episodes) < 2:
        return None
    nearest: list[float] = distances(episodes).min(axis=1).tolist()
    return median(nearest)  # faster than NumPy's on so few values
