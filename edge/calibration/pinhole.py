"""A camera over flat ground: pinhole, square pixels, principal point in the centre of the frame.

Frame points are in frame heights from the centre, x to the right, y down. Ground points are in metres, x to the right
and y away from the camera, which stands at (0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pinhole:
    """focal: frame heights. height_m: over the ground. tilt, roll: radians, tilt downwards from the horizontal."""

    focal: float
    height_m: float
    tilt: float
    roll: float = 0.0

    def project(self, points_m: Array) -> Array:
        """(N, 2) frame points for (N, 3) metres x, y, z (z up)."""
        seen = (points_m - np.array([0.0, 0.0, self.height_m])) @ self._rotation().T
        depth = np.maximum(seen[:, 2:], 1e-6)
        points: Array = self.focal * seen[:, :2] / depth
        return points

    def ground(self, points: Array) -> Array:
        """(N, 2) metres where the rays of (N, 2) frame points meet the ground; NaN above the horizon."""
        rays = np.column_stack((points / self.focal, np.ones(len(points)))) @ self._rotation()
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.where(rays[:, 2] < -1e-9, -self.height_m / rays[:, 2], np.nan)
        ground: Array = rays[:, :2] * far[:, None]
        return ground

    def homography(self) -> Array:
        """(3, 3) from frame points to metres on the ground, up to scale."""
        rotation = self._rotation()
        onto = np.column_stack((rotation[:, 0], rotation[:, 1], rotation @ np.array([0.0, 0.0, -self.height_m])))
        scaled = np.diag([self.focal, self.focal, 1.0]) @ onto
        inverse: Array = np.linalg.inv(scaled)
        return inverse

    def _rotation(self) -> Array:
        """World to camera: the camera looks along +y and down by the tilt, then rolls about its axis."""
        sine, cosine = math.sin(self.tilt), math.cos(self.tilt)
        level = np.array([[1.0, 0.0, 0.0], [0.0, -sine, -cosine], [0.0, cosine, -sine]])
        sine, cosine = math.sin(self.roll), math.cos(self.roll)
        rolled: Array = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]]) @ level
        return rolled


def pinhole_of(homography: Array) -> tuple[float, Array] | None:
    """(focal, (3, 4) projection) of a frame-to-ground homography; None if no pinhole with these assumptions fits.

    The columns of the inverse are K r1, K r2 and K t; r1 and r2 are orthogonal and equally long (Zhang 2000), which
    gives the focal length; their cross product gives the missing column for points above the ground.
    """
    onto = np.linalg.inv(homography)
    if onto[2, 2] < 0:
        onto = -onto
    (a, b, c), (d, e, f) = onto[:, 0], onto[:, 1]
    candidates = []
    if abs(c * f) > 1e-12:
        candidates.append((-(a * d + b * e) / (c * f), abs(c * f)))
    if abs(f * f - c * c) > 1e-12:
        candidates.append(((a * a + b * b - d * d - e * e) / (f * f - c * c), abs(f * f - c * c)))
    sound = [one for one in candidates if one[0] > 1e-3]
    if not sound:
        return None
    focal = math.sqrt(max(sound, key=lambda one: one[1])[0])
    unscaled = np.diag([1 / focal, 1 / focal, 1.0]) @ onto
    scale = 2.0 / (np.linalg.norm(unscaled[:, 0]) + np.linalg.norm(unscaled[:, 1]))
    rotation_x, rotation_y, shift = (unscaled * scale).T
    up = np.cross(rotation_x, rotation_y)
    if up[1] > 0:  # up points to the frame's top, and y is down
        up = -up
    projection = np.diag([focal, focal, 1.0]) @ np.column_stack((rotation_x, rotation_y, up, shift))
    return focal, projection
