"""The height of a standing body by its position in one camera's frame, learned from people who are seen whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.detections import Detections

Array = npt.NDArray[np.float64]

CONFIDENT_SCORE = 0.5
"""Only boxes with at least this score are learned from."""
EDGE = 0.01
"""A box that ends closer than this to the frame's upper or lower edge, in frame heights, may be cut off."""
MEMORY_BOXES = 20_000.0
"""After this many boxes an old one weighs 1/e: ten minutes of a busy place."""
MIN_BOXES = 10
SPREAD = 0.03
"""Standard deviation of the foot points, in frame heights, at which they determine the slope as much as the assumption
that the horizon lies at the frame's upper edge."""
LEAST_HEIGHT = 0.02
"""No body is taken to be lower than this, in frame heights."""


class BodyHeights:
    """A straight line of body height over foot position: on flat ground the one is linear in the other."""

    def __init__(self) -> None:
        # Decaying sums of 1, y, h, y², yh: all that a straight line needs.
        self._sums = np.zeros(5)

    @property
    def is_known(self) -> bool:
        """Whether enough boxes have been learned from."""
        return bool(self._sums[0] >= MIN_BOXES)

    def observe(self, people: Detections) -> None:
        """Learn from one frame's detections. Uncertain boxes, and boxes that the frame may cut, are skipped."""
        boxes = people.boxes_xyxyn.astype(np.float64)
        whole = (people.scores >= CONFIDENT_SCORE) & (boxes[:, 1] > EDGE) & (boxes[:, 3] < 1.0 - EDGE)
        feet, heights = boxes[whole, 3], boxes[whole, 3] - boxes[whole, 1]
        if len(feet) == 0:
            return
        self._sums *= np.exp(-len(feet) / MEMORY_BOXES)
        self._sums += (len(feet), feet.sum(), heights.sum(), (feet * feet).sum(), (feet * heights).sum())

    def at(self, feet_y: npt.ArrayLike) -> Array:
        """(N,) body heights, in frame heights, for feet at (N,) normalised y. Requires `is_known`."""
        slope, intercept = self._line()
        heights: Array = np.maximum(slope * np.asarray(feet_y, dtype=np.float64) + intercept, LEAST_HEIGHT)
        return heights

    def feet_below(self, heads_y: npt.ArrayLike) -> Array:
        """(N,) normalised y of the feet of bodies with heads at (N,) normalised y. Requires `is_known`."""
        slope, intercept = self._line()
        feet: Array = (np.asarray(heads_y, dtype=np.float64) + intercept) / (1.0 - slope)
        return feet

    def _line(self) -> tuple[float, float]:
        """(slope, intercept) of the least-squares line, drawn towards a horizon at the frame's upper edge."""
        count, feet, heights, feet_feet, feet_heights = self._sums
        variance = max(0.0, feet_feet / count - (feet / count) ** 2)
        covariance = feet_heights / count - feet * heights / count**2
        # With the horizon at y = 0 a body's height is proportional to y.
        assumed = heights / feet
        slope = float(np.clip((covariance + SPREAD**2 * assumed) / (variance + SPREAD**2), 0.0, 0.9))
        return slope, float((heights - slope * feet) / count)
