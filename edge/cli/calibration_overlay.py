"""A camera's picture with its calibration drawn over it: the ground's metres, pixel density, zones and marks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.calibration.ground import BANDS, Calibration
from edge.cli.annotate import ZONE_BGR, Picture, write_text
from edge.config.calibration import CalibrationConfig
from edge.config.zones import ZoneConfig

LEAST_CELL_PX = 4.0
"""Where a metre covers fewer pixels its lines would be a smear: only the strong ones are drawn there."""
GRID_BGR, MARK_BGR, HORIZON_BGR = (255, 255, 255), (0, 220, 255), (80, 80, 255)
GOOD_BGR, BAD_BGR = (120, 220, 120), (60, 60, 240)
BAND_BGR = (
    (60, 60, 200),
    (40, 130, 240),
    (60, 200, 240),
    (80, 190, 90),
    (190, 170, 60),
    (220, 110, 60),
    (200, 60, 160),
)
"""From overview to scrutinise; below overview is darkened."""
BAND_SHARE = 0.22
LABEL_COLUMN = 0.02

Size = tuple[int, int]
Points = npt.NDArray[np.float64]


def drawn(
    picture: Picture, ground: Calibration, config: CalibrationConfig, zones: Sequence[ZoneConfig], head: str
) -> Picture:
    """A copy of the (height, width, 3) BGR picture with everything drawn in.

    head: a line at the top, in red where the calibration is not trusted.
    """
    out = picture.copy()
    scale = max(0.4, out.shape[0] / 1200)
    _tint_bands(out, ground, scale)
    _draw_grid(out, ground)
    _draw_zones(out, zones, scale)
    _draw_marks(out, config, scale)
    write_text(out, head, (8, round(34 * scale) + 4), GOOD_BGR if ground.trusted else BAD_BGR, scale)
    return out


def densities(ground: Calibration, size_wh: Size, every_px: int) -> npt.NDArray[np.float64]:
    """(rows, columns) pixels per metre of every so-manieth pixel; NaN above the horizon."""
    width, height = size_wh
    columns, rows = np.meshgrid(np.arange(every_px / 2, width, every_px), np.arange(every_px / 2, height, every_px))
    points = np.column_stack((columns.ravel() / width, rows.ravel() / height))
    found = ground.pixels_per_metre(points, height)
    found[~ground.sees_ground(points)] = np.nan
    return found.reshape(columns.shape)


def _tint_bands(picture: Picture, ground: Calibration, scale: float) -> None:
    """Colour each band of IEC 62676-4 lightly, with a line where one ends and its name at the left."""
    height, width = picture.shape[:2]
    density = np.nan_to_num(densities(ground, (width, height), 4), nan=-1.0).astype(np.float32)
    full = cv2.resize(density, (width, height), interpolation=cv2.INTER_LINEAR)
    limits = sorted(least for least, _ in BANDS)
    levels = np.digitize(full, [0.0, *limits]).astype(np.uint8)
    colours = np.array([(0, 0, 0), (30, 30, 30), *BAND_BGR], dtype=np.uint8)
    tinted = cv2.addWeighted(picture, 1 - BAND_SHARE, colours[levels], BAND_SHARE, 0.0)
    on_ground = levels > 0
    picture[on_ground] = tinted[on_ground]
    for one in range(1, len(limits) + 2):
        border = np.diff(np.asarray(levels >= one, dtype=np.int8), axis=0, append=levels[-1:] >= one) != 0
        thick = cv2.dilate(border.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        picture[thick] = HORIZON_BGR if one == 1 else BAND_BGR[one - 2]
    _name_bands(picture, levels, scale)


def _name_bands(picture: Picture, levels: npt.NDArray[np.uint8], scale: float) -> None:
    column = levels[:, int(LABEL_COLUMN * levels.shape[1])]
    names = ["below overview", *(f"{name}, from {least:g} px/m" for least, name in reversed(BANDS))]
    for one, name in enumerate(names, start=1):
        rows = np.flatnonzero(column == one)
        if len(rows) >= 24 * scale:
            at = (int(LABEL_COLUMN * levels.shape[1]), int(rows.mean() + 12 * scale))
            write_text(picture, name, at, GRID_BGR, scale)


def _draw_grid(picture: Picture, ground: Calibration) -> None:
    size = np.array([picture.shape[1], picture.shape[0]])
    strokes = ground.grid()
    if not strokes:
        return
    # Sixteenths of a pixel, and a bound that keeps OpenCV's integers from overflowing beside the picture.
    ends_xyn = np.array([(one.start, one.end) for one in strokes])
    ends = np.clip(ends_xyn * size - 0.5, -10 * size, 11 * size)
    cells_px = _along_px(ground, ends_xyn.mean(axis=1), picture.shape[0])
    layer = picture.copy()
    for stroke, (start, end), seen_px in zip(strokes, np.round(ends * 16).astype(int).tolist(), cells_px, strict=True):
        if stroke.strong or seen_px >= LEAST_CELL_PX:
            cv2.line(layer, start, end, GRID_BGR, 2 if stroke.strong else 1, cv2.LINE_AA, shift=4)
    cv2.addWeighted(layer, 0.6, picture, 0.4, 0.0, picture)


def _along_px(ground: Calibration, points_xyn: Points, height_px: int) -> npt.NDArray[np.float64]:
    """(N,) pixels that a metre along the line of sight covers, the shorter side of a cell seen from a camera."""
    below = points_xyn + np.array([0.0, 1e-4])
    metres = np.hypot(*(ground.ground(below) - ground.ground(points_xyn)).T)
    found: npt.NDArray[np.float64] = 1e-4 * height_px / np.maximum(metres, 1e-12)
    return found


def _draw_zones(picture: Picture, zones: Sequence[ZoneConfig], scale: float) -> None:
    for zone in zones:
        corners = _pixels(picture, zone.polygon)
        cv2.polylines(picture, [corners], isClosed=True, color=ZONE_BGR, thickness=2, lineType=cv2.LINE_AA)
        x, y = corners.min(axis=0)
        write_text(picture, zone.id, (x + 8, y + round(30 * scale)), ZONE_BGR, scale)


def _draw_marks(picture: Picture, config: CalibrationConfig, scale: float) -> None:
    points = _pixels(picture, config.ground_points)
    for one in config.distances:
        start, end = points[one.first - 1], points[one.second - 1]
        cv2.line(picture, start.tolist(), end.tolist(), MARK_BGR, 1, cv2.LINE_AA)
        write_text(picture, f"{one.metres:g} m", (2 * start + end) // 3, MARK_BGR, 0.8 * scale)
    for number, at in enumerate(points, start=1):
        cv2.circle(picture, at.tolist(), 5, MARK_BGR, -1, cv2.LINE_AA)
        write_text(picture, str(number), at + 8, MARK_BGR, scale)
    for person in config.people:
        foot, head = _pixels(picture, (person.foot, person.head))
        cv2.line(picture, foot.tolist(), head.tolist(), MARK_BGR, 2, cv2.LINE_AA)
        cv2.circle(picture, foot.tolist(), 4, MARK_BGR, -1, cv2.LINE_AA)
        write_text(picture, f"{person.height_m:g} m", head + np.array([4, -4]), MARK_BGR, 0.8 * scale)


def _pixels(picture: Picture, points_xyn: Sequence[tuple[float, float]]) -> npt.NDArray[np.int32]:
    size = np.array([picture.shape[1], picture.shape[0]])
    return np.asarray(np.array(points_xyn).reshape(-1, 2) * size, dtype=np.int32)
