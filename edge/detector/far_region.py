"""Where a calibrated camera shows people small."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import structlog

from edge.calibration.ground import Calibration, calibrate
from edge.calibration.pinhole import pinhole_of
from edge.calibration.solve import CalibrationError
from edge.config import CameraConfig
from edge.detector.tiling import Region, Size, input_scale
from edge.geometry import Polygon

FAR_PX = 24.0
"""People below this height in the detector's input, in pixels, are small: recall in `docs/measurements/tiling.md`."""
LEAST_PX = 12.0
"""People below this height in the frame's own pixels are not found, however much a tile enlarges them."""
STANDING_M = 1.6
"""Height of a standing person."""
GRID_WH = (64, 48)
"""Columns and rows of the foot points that are tried in a frame."""

Array = npt.NDArray[np.float64]

_log = structlog.get_logger(__name__)


def calibrated_region(camera: CameraConfig, frame_wh: Size, input_wh: Size) -> Region | None:
    """The region that people cover who stand in one of the camera's zones and are small there, but not too small.

    None if there are no such people. None, and a warning in the log, if the calibration cannot be trusted.
    """
    try:
        ground = _trusted_ground(camera, frame_wh)
        feet = _feet_in_zones(camera, ground)
        heights = standing_heights(ground, feet)
    except CalibrationError as error:
        _log.warning("far_people_tiles_off", camera=camera.id, error=str(error))
        return None
    heights_px = heights * frame_wh[1]
    small = (heights_px * input_scale(frame_wh, input_wh) < FAR_PX) & (heights_px >= LEAST_PX)
    if not small.any():
        return None
    feet, heights = feet[small], heights[small]
    # An upright person, arms included, is about half as wide as tall.
    aside = np.column_stack((heights / ground.aspect / 4, np.zeros(len(heights))))
    heads = feet - np.column_stack((np.zeros(len(heights)), heights))
    return bounds(np.clip(np.concatenate((feet - aside, feet + aside, heads)), 0.0, 1.0))


def standing_heights(ground: Calibration, feet_xyn: Array) -> Array:
    """(N,) heights, in frame heights, of people of `STANDING_M` with their feet at (N, 2) points.

    Raises CalibrationError if no pinhole camera sees this ground.
    """
    camera = pinhole_of(ground.homography)
    if camera is None:
        raise CalibrationError("the ground points fit no ordinary camera")
    metres = ground.to_ground(feet_xyn)
    heads = np.column_stack((metres, np.full(len(metres), STANDING_M), np.ones(len(metres)))) @ camera[1].T
    feet = (feet_xyn - 0.5) * np.array([ground.aspect, 1.0])
    heights: Array = np.linalg.norm(heads[:, :2] / heads[:, 2:] - feet, axis=1)
    return heights


def bounds(points_xyn: npt.ArrayLike) -> Region:
    """The smallest region around (N, 2) points."""
    points = np.asarray(points_xyn, dtype=np.float64)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _trusted_ground(camera: CameraConfig, frame_wh: Size) -> Calibration:
    if camera.calibration is None:
        raise CalibrationError("the camera has no calibration")
    ground = calibrate(camera.calibration, frame_wh[0] / frame_wh[1])
    if not ground.trusted:
        raise CalibrationError("the calibration's residuals are too large")
    return ground


def _feet_in_zones(camera: CameraConfig, ground: Calibration) -> Array:
    """(N, 2) points of a grid over the frame that lie on the ground and in a zone."""
    columns, rows = np.meshgrid((np.arange(GRID_WH[0]) + 0.5) / GRID_WH[0], (np.arange(GRID_WH[1]) + 0.5) / GRID_WH[1])
    points = np.column_stack((columns.ravel(), rows.ravel()))
    inside = np.zeros(len(points), np.bool_)
    for zone in camera.zones:
        inside |= Polygon.of(zone.polygon).contains(points)
    feet: Array = points[inside & ground.sees_ground(points)]
    return feet
