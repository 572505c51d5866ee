"""A pinhole camera over flat ground: gives simulated people boxes of the right size at the right place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SimulatedCamera:
    """A camera at (0, 0), `height_m` above the ground, looking along +y and down by `tilt_deg`; x grows to the right.

    `focal` is the focal length in frame heights (1.2 is a vertical field of view of about 45 degrees).
    """

    height_m: float = 5.0
    tilt_deg: float = 25.0
    focal: float = 1.1
    aspect: float = 16 / 9

    def to_frame(self, ground: Array, above_m: Array | float = 0.0) -> Array:
        """(..., 2) normalised coordinates of (..., 2) metres on the ground, `above_m` above it."""
        sine, cosine = math.sin(math.radians(self.tilt_deg)), math.cos(math.radians(self.tilt_deg))
        x, y = ground[..., 0], ground[..., 1]
        drop = self.height_m - above_m
        depth = np.maximum(y * cosine + drop * sine, 0.1)
        down = drop * cosine - y * sine
        return np.stack((0.5 + self.focal * x / depth / self.aspect, 0.5 + self.focal * down / depth), axis=-1)

    def boxes(self, feet: Array, heights_m: Array) -> Array:
        """(..., 4) x1 y1 x2 y2 in normalised coordinates, not clipped at the frame; NaN where the foot is NaN."""
        foot, head = self.to_frame(feet), self.to_frame(feet, heights_m)
        tall = foot[..., 1] - head[..., 1]
        half = tall * 0.2 / self.aspect
        return np.stack((foot[..., 0] - half, head[..., 1], foot[..., 0] + half, foot[..., 1]), axis=-1)

    def zone(self, left_m: float, right_m: float, near_m: float, far_m: float) -> list[tuple[float, float]]:
        """The polygon, in normalised coordinates, of a rectangle on the ground. Raises ValueError if it leaves the
        frame."""
        corners = np.array([(left_m, far_m), (right_m, far_m), (right_m, near_m), (left_m, near_m)])
        points = self.to_frame(corners)
        if not ((points >= 0) & (points <= 1)).all():
            raise ValueError(f"the rectangle does not fit the frame: {points.round(3).tolist()}")
        return [(float(x), float(y)) for x, y in points]
