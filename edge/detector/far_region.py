"""Where in a calibrated camera's picture people are small."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import structlog

from edge.calibration.ground import Calibration, calibrate
from edge.calibration.pinhole import pinhole_of
from edge.calibration.solve import CalibrationError
from edge.config import CameraConfig
from edge.detector.tiles import FAR_PX, Region, Size, shrink_of
from edge.geometry import Polygon

LEAST_PX = 12.0
"""Below this height in the camera's own picture nobody is found, however closely one looks."""
STANDING_M = 1.6
GRID_WH = (64, 48)

Array = npt.NDArray[np.float64]

_log = structlog.get_logger(__name__)


def calibrated_region(camera: CameraConfig, picture_wh: Size, input_wh: Size) -> Region | None:
    """What people cover who stand in a zone of the camera and are small, but not too small to be found at all.

    None without such people, and, which is logged, where the calibration cannot be trusted.
    """
    try:
        ground = _trusted_ground(camera, picture_wh)
        feet = _feet_in_zones(camera, ground)
        tall = standing_heights(ground, feet)
    except CalibrationError as error:
        _log.warning("no second look at far people", camera=camera.id, fault=str(error))
        return None
    tall_px = tall * picture_wh[1]
    small = (tall_px * shrink_of(picture_wh, input_wh) < FAR_PX) & (tall_px >= LEAST_PX)
    if not small.any():
        return None
    feet, tall = feet[small], tall[small]
    # Upright people are about half as wide as tall, their arms included.
    aside = np.column_stack((tall / ground.aspect / 4, np.zeros(len(tall))))
    heads = feet - np.column_stack((np.zeros(len(tall)), tall))
    return bounds(np.clip(np.concatenate((feet - aside, feet + aside, heads)), 0.0, 1.0))


def standing_heights(ground: Calibration, feet_xyn: Array) -> Array:
    """(N,) how tall somebody of `STANDING_M` is, in parts of the picture's height, whose feet are at (N, 2).

    Raises CalibrationError where the ground was not seen by any ordinary camera.
    """
    camera = pinhole_of(ground.homography)
    if camera is None:
        raise CalibrationError("the ground points fit no ordinary camera")
    metres = ground.ground(feet_xyn)
    heads = np.column_stack((metres, np.full(len(metres), STANDING_M), np.ones(len(metres)))) @ camera[1].T
    feet = (feet_xyn - 0.5) * np.array([ground.aspect, 1.0])
    tall: Array = np.linalg.norm(heads[:, :2] / heads[:, 2:] - feet, axis=1)
    return tall


def bounds(points_xyn: npt.ArrayLike) -> Region:
    """The smallest region around (N, 2) points."""
    points = np.asarray(points_xyn, dtype=np.float64)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _trusted_ground(camera: CameraConfig, picture_wh: Size) -> Calibration:
    if camera.calibration is None:
        raise CalibrationError("the camera has no calibration")
    ground = calibrate(camera.calibration, picture_wh[0] / picture_wh[1])
    if not ground.trusted:
        raise CalibrationError("the calibration's residuals are too large")
    return ground


def _feet_in_zones(camera: CameraConfig, ground: Calibration) -> Array:
    """(N, 2) points of a grid over the picture that lie on the ground and in a zone."""
    columns, rows = np.meshgrid((np.arange(GRID_WH[0]) + 0.5) / GRID_WH[0], (np.arange(GRID_WH[1]) + 0.5) / GRID_WH[1])
    points = np.column_stack((columns.ravel(), rows.ravel()))
    inside = np.zeros(len(points), np.bool_)
    for zone in camera.zones:
        inside |= Polygon.of(zone.polygon).contains(points)
    feet: Array = points[inside & ground.sees_ground(points)]
    return feet
