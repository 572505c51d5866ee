"""The ground of a calibrated camera: metres, areas, pixel density, and a grid to draw over a frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge.calibration.pinhole import pinhole_of
from edge.calibration.solve import CalibrationError, homography_of_points, pinhole_of_people
from edge.config.calibration import CalibrationConfig
from edge.detections import Detections
from edge.geometry import Located, Polygon

Array = npt.NDArray[np.float64]

MAX_RESIDUAL = 0.12
"""Relative error of heights or distances above which metres are refused."""
FARTHEST_M = 200.0
STRONG_EVERY = 5
"""Every fifth line of the grid is drawn strong, so that viewers can count metres."""
BANDS = (
    (1500.0, "scrutinise"),
    (500.0, "validate"),
    (250.0, "characterise"),
    (125.0, "perceive"),
    (80.0, "discern"),
    (40.0, "outline"),
    (20.0, "overview"),
)
"""Lowest pixels per metre of each band of IEC 62676-4:2025."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A segment of a grid line on the ground, one step long. start, end: normalised coordinates."""

    start: tuple[float, float]
    end: tuple[float, float]
    strong: bool


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A camera's relation to the ground.

    homography: (3, 3), from frame heights relative to the centre to metres. aspect: width over height of the marked
        frame. distance_residual, height_residual: relative; None without redundant marks.
    """

    homography: Array
    aspect: float
    version: int
    distance_residual: float | None
    height_residual: float | None

    @property
    def trusted(self) -> bool:
        """Whether rules may use metres."""
        known = [one for one in (self.distance_residual, self.height_residual) if one is not None]
        return all(one <= MAX_RESIDUAL for one in known)

    def to_ground(self, points_xyn: npt.ArrayLike) -> Array:
        """(N, 2) metres for (N, 2) normalised points, clipped to `FARTHEST_M`, also beyond the horizon."""
        return np.clip(self._metres(points_xyn), -FARTHEST_M, FARTHEST_M)

    def sees_ground(self, points_xyn: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(N,) bool: whether points lie below the horizon."""
        points = np.asarray(points_xyn, dtype=np.float64).reshape(-1, 2)
        centred = (points - 0.5) * np.array([self.aspect, 1.0])
        below: npt.NDArray[np.bool_] = (np.column_stack((centred, np.ones(len(centred)))) @ self._signed()[2]) > 1e-6
        return below

    def to_frame(self, ground_m: npt.ArrayLike) -> Array:
        """(N, 2) normalised points for (N, 2) metres; the inverse of `to_ground` in front of the camera."""
        metres = np.asarray(ground_m, dtype=np.float64).reshape(-1, 2)
        mapped = np.column_stack((metres, np.ones(len(metres)))) @ np.linalg.inv(self._signed()).T
        points_xyn: Array = mapped[:, :2] / mapped[:, 2:] / np.array([self.aspect, 1.0]) + 0.5
        return points_xyn

    def pixels_per_metre(self, points_xyn: npt.ArrayLike, frame_height_px: int) -> Array:
        """(N,) pixels of a metre across the line of sight at each point; 0 above the horizon."""
        points = np.asarray(points_xyn, dtype=np.float64).reshape(-1, 2)
        aside = points + np.array([1e-4, 0.0])
        metres = np.hypot(*(self._metres(aside) - self._metres(points)).T)
        density: Array = 1e-4 * self.aspect * frame_height_px / np.maximum(metres, 1e-12)
        return np.where(self.sees_ground(points), density, 0.0)

    def in_front(self, ground_m: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(N,) bool: whether (N, 2) metres on the ground lie in front of the camera, where `to_frame` is valid."""
        metres = np.asarray(ground_m, dtype=np.float64).reshape(-1, 2)
        depth = np.column_stack((metres, np.ones(len(metres)))) @ np.linalg.inv(self._signed())[2]
        front: npt.NDArray[np.bool_] = depth > 1e-9
        return front

    def grid(self, step_m: float = 1.0, reach_m: float = 30.0) -> list[Stroke]:
        """The strokes of a grid on the ground, up to `reach_m` from the frame's lower edge.

        Each has at least one end inside the frame; the other may lie outside.
        """
        columns, rows = np.meshgrid(np.linspace(0.0, 1.0, 33), np.linspace(0.0, 1.0, 33))
        points = np.column_stack((columns.ravel(), rows.ravel()))
        points = points[self.sees_ground(points)]
        if len(points) == 0:
            return []
        nearest = self.to_ground(points[points[:, 1] == points[:, 1].max()]).mean(axis=0)
        metres = self.to_ground(points)
        metres = metres[np.hypot(*(metres - nearest).T) <= reach_m]
        starts, ends, strong = _grid_lines(metres, step_m)
        seen = self.in_front(starts) & self.in_front(ends)
        starts, ends, strong = self.to_frame(starts[seen]), self.to_frame(ends[seen]), strong[seen]
        inside = np.zeros(len(starts), np.bool_)
        for ends_xyn in (starts, ends):
            inside |= ((ends_xyn >= 0.0) & (ends_xyn <= 1.0)).all(axis=1)
        return [
            Stroke((float(x1), float(y1)), (float(x2), float(y2)), bool(heavy))
            for (x1, y1), (x2, y2), heavy in zip(starts[inside], ends[inside], strong[inside], strict=True)
        ]

    def _metres(self, points_xyn: npt.ArrayLike) -> Array:
        """(N, 2) metres without a limit; meaningless above the horizon."""
        points = np.asarray(points_xyn, dtype=np.float64).reshape(-1, 2)
        centred = (points - 0.5) * np.array([self.aspect, 1.0])
        mapped = np.column_stack((centred, np.ones(len(centred)))) @ self._signed().T
        metres: Array = mapped[:, :2] / np.maximum(mapped[:, 2:], 1e-9)
        return metres

    def _signed(self) -> Array:
        """The homography with the sign that makes the third coordinate positive below the horizon."""
        lower_middle = self.homography[2] @ np.array([0.0, 0.5, 1.0])
        return self.homography if lower_middle > 0 else -self.homography


@lru_cache(maxsize=64)
def calibrate(config: CalibrationConfig, aspect: float) -> Calibration:
    """Works a calibration out of an operator's marks; raises CalibrationError for marks that fit no ground.

    The result is cached: the rules of a camera and its tiles for far people ask for it with the same first frame.
    """
    if not config.ground_points:
        camera, residual = pinhole_of_people(config.people, aspect)
        return Calibration(camera.homography(), aspect, config.version, None, residual)
    marks = (np.array(config.ground_points) - 0.5) * np.array([aspect, 1.0])
    homography, residual = homography_of_points(marks, config.distances)
    redundant = residual if len(config.distances) > 5 else None
    found = Calibration(homography, aspect, config.version, redundant, None)
    heights = _height_residual(found, config) if config.people else None
    return Calibration(homography, aspect, config.version, redundant, heights)


def band(pixels_per_metre: float) -> str | None:
    """The band of IEC 62676-4:2025 that a pixel density reaches; None below all of them."""
    return next((name for least, name in BANDS if pixels_per_metre >= least), None)


def _height_residual(found: Calibration, config: CalibrationConfig) -> float:
    """Root mean square relative error of the marked people's heights under a homography made from ground points."""
    camera = pinhole_of(found.homography)
    if camera is None:
        raise CalibrationError("the ground points fit no ordinary camera; mark them again, further apart")
    errors = []
    for one in config.people:
        ground = found.to_ground([one.foot])[0]
        mapped = camera[1] @ np.array([ground[0], ground[1], one.height_m, 1.0])
        head = mapped[:2] / mapped[2]
        foot, seen = ((np.array(point) - 0.5) * np.array([found.aspect, 1.0]) for point in (one.foot, one.head))
        errors.append(float(np.linalg.norm(head - foot) / np.linalg.norm(seen - foot)) - 1.0)
    return float(np.sqrt(np.mean(np.square(errors))))


def _grid_lines(metres: Array, step_m: float) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Starts and ends, (S, 2) metres, of all strokes around these points, and (S,) bool for strong ones."""
    (left, low), (right, high) = np.floor(metres.min(axis=0) / step_m), np.ceil(metres.max(axis=0) / step_m)
    columns, rows = np.meshgrid(np.arange(left, right + 1), np.arange(low, high + 1))
    corners = np.column_stack((columns.ravel(), rows.ravel()))
    starts = np.concatenate((corners, corners))
    ends = np.concatenate((corners + np.array([1.0, 0.0]), corners + np.array([0.0, 1.0])))
    # A stroke along x lies on the line of its row, one along y on that of its column.
    lines = np.concatenate((corners[:, 1], corners[:, 0]))
    return starts * step_m, ends * step_m, lines % STRONG_EVERY == 0


class GroundPlane:
    """The plane of a calibrated camera: positions in metres."""

    metric = True

    def __init__(self, calibration: Calibration) -> None:
        if not calibration.trusted:
            raise CalibrationError(
                f"a calibration is trusted up to a residual of {MAX_RESIDUAL:.0%}; this one has heights "
                f"{_percent(calibration.height_residual)}, distances {_percent(calibration.distance_residual)}"
            )
        self.calibration = calibration

    def locate(self, people: Detections, aspect: float) -> Located:
        if abs(aspect / self.calibration.aspect - 1.0) > 0.02:
            raise CalibrationError(
                f"the calibration was marked on a frame of aspect {self.calibration.aspect:.3f}, this has {aspect:.3f}"
            )
        feet = people.foot_points_xyn.astype(np.float64)
        return Located(self.calibration.to_ground(feet), np.ones(len(people)), feet)

    def area_m2(self, polygon: Polygon) -> float | None:
        """Area of a zone in m²; None if part of it lies above the horizon."""
        if not self.calibration.sees_ground(polygon.vertices).all():
            return None
        x, y = self.calibration.to_ground(polygon.vertices).T
        return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2.0


def _percent(residual: float | None) -> str:
    return "unknown" if residual is None else f"{residual:.0%}"
