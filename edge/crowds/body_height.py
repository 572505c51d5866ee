"""How tall a body looks at each height of one camera's picture, learned from the people whom it shows whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.detections import Detections

Array = npt.NDArray[np.float64]

SURE_SCORE = 0.5
EDGE = 0.01
"""A box so close to the picture's edge, in parts of it, may be cut off."""
MEMORY = 20_000.0
"""Boxes after which an old one weighs a third: ten minutes of a busy place."""
LEAST_BOXES = 10
SPREAD = 0.03
"""Standard deviation of the feet, in parts of the picture, at which they tell as much about the slope as the guess that
the ground's horizon lies at the picture's upper edge."""
SMALLEST = 0.02


class BodyHeights:
    """A line through the heights of sure boxes over their feet: on flat ground a body's height is linear in them."""

    def __init__(self) -> None:
        # Decayed sums of 1, y, h, y², yh: all that a straight line needs.
        self._sums = np.zeros(5)

    @property
    def is_known(self) -> bool:
        return bool(self._sums[0] >= LEAST_BOXES)

    def observe(self, people: Detections) -> None:
        """Take in one picture's people, unsure ones included: only sure and whole ones teach."""
        boxes = people.boxes_xyxyn.astype(np.float64)
        whole = (people.scores >= SURE_SCORE) & (boxes[:, 1] > EDGE) & (boxes[:, 3] < 1.0 - EDGE)
        feet, tall = boxes[whole, 3], boxes[whole, 3] - boxes[whole, 1]
        if len(feet) == 0:
            return
        self._sums *= np.exp(-len(feet) / MEMORY)
        self._sums += (len(feet), feet.sum(), tall.sum(), (feet * feet).sum(), (feet * tall).sum())

    def at(self, feet_y: npt.ArrayLike) -> Array:
        """(N,) heights, parts of the picture, of bodies whose feet are at (N,) heights of it. Needs `is_known`."""
        slope, level = self._line()
        heights: Array = np.maximum(slope * np.asarray(feet_y, dtype=np.float64) + level, SMALLEST)
        return heights

    def feet_below(self, heads_y: npt.ArrayLike) -> Array:
        """(N,) where the feet are of bodies whose heads are at (N,) heights of the picture. Needs `is_known`."""
        slope, level = self._line()
        feet: Array = (np.asarray(heads_y, dtype=np.float64) + level) / (1.0 - slope)
        return feet

    def _line(self) -> tuple[float, float]:
        count, feet, tall, feet_feet, feet_tall = self._sums
        spread = max(0.0, feet_feet / count - (feet / count) ** 2)
        together = feet_tall / count - feet * tall / count**2
        guess = tall / feet
        slope = float(np.clip((together + SPREAD**2 * guess) / (spread + SPREAD**2), 0.0, 0.9))
        return slope, float((tall - slope * feet) / count)
