"""A camera's frame with its calibration drawn over it: ground grid in metres, pixel density, zones and marks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edge.calibration.ground import BANDS, Calibration
from edge.cli.annotate import ZONE_BGR, BgrImage, write_text
from edge.config.calibration import CalibrationConfig
from edge.config.zones import ZoneConfig

MIN_CELL_PX = 4.0
"""Where a metre covers fewer pixels, lines would merge: only the strong ones are drawn there."""
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
"""The colours of the bands of IEC 62676-4 from overview to scrutinise; what is below overview is darkened."""
BAND_SHARE = 0.22
LABEL_COLUMN = 0.02

Size = tuple[int, int]
Points = npt.NDArray[np.float64]


def draw_calibration(
    image: BgrImage, ground: Calibration, config: CalibrationConfig, zones: Sequence[ZoneConfig], head: str
) -> BgrImage:
    """Draw everything into a copy of the image. head: a line at the top, red if the calibration is not trusted."""
    out = image.copy()
    scale = max(0.4, out.shape[0] / 1200)
    _tint_bands(out, ground, scale)
    _draw_grid(out, ground)
    _draw_zones(out, zones, scale)
    _draw_marks(out, config, scale)
    write_text(out, head, (8, round(34 * scale) + 4), GOOD_BGR if ground.trusted else BAD_BGR, scale)
    return out


def densities(ground: Calibration, size_wh: Size, every_px: int) -> npt.NDArray[np.float64]:
    """(rows, columns) pixels per metre, sampled every `every_px` pixels; NaN above the horizon."""
    width, height = size_wh
    columns, rows = np.meshgrid(np.arange(every_px / 2, width, every_px), np.arange(every_px / 2, height, every_px))
    points = np.column_stack((columns.ravel() / width, rows.ravel() / height))
    found = ground.pixels_per_metre(points, height)
    found[~ground.sees_ground(points)] = np.nan
    return found.reshape(columns.shape)


def _tint_bands(image: BgrImage, ground: Calibration, scale: float) -> None:
    """Tint each band of IEC 62676-4, with a line at its border and its name at the left."""
    height, width = image.shape[:2]
    density = np.nan_to_num(densities(ground, (width, height), 4), nan=-1.0).astype(np.float32)
    full = cv2.resize(density, (width, height), interpolation=cv2.INTER_LINEAR)
    limits = sorted(least for least, _ in BANDS)
    levels = np.digitize(full, [0.0, *limits]).astype(np.uint8)
    colours = np.array([(0, 0, 0), (30, 30, 30), *BAND_BGR], dtype=np.uint8)
    tinted = cv2.addWeighted(image, 1 - BAND_SHARE, colours[levels], BAND_SHARE, 0.0)
    on_ground = levels > 0
    image[on_ground] = tinted[on_ground]
    for one in range(1, len(limits) + 2):
        border = np.diff(np.asarray(levels >= one, dtype=np.int8), axis=0, append=levels[-1:] >= one) != 0
        thick = cv2.dilate(border.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        image[thick] = HORIZON_BGR if one == 1 else BAND_BGR[one - 2]
    _name_bands(image, levels, scale)


def _name_bands(image: BgrImage, levels: npt.NDArray[np.uint8], scale: float) -> None:
    column = levels[:, int(LABEL_COLUMN * levels.shape[1])]
    names = ["below overview", *(f"{name}, from {least:g} px/m" for least, name in reversed(BANDS))]
    for one, name in enumerate(names, start=1):
        rows = np.flatnonzero(column == one)
        if len(rows) >= 24 * scale:
            at = (int(LABEL_COLUMN * levels.shape[1]), int(rows.mean() + 12 * scale))
            write_text(image, name, at, GRID_BGR, scale)


def _draw_grid(image: BgrImage, ground: Calibration) -> None:
    size = np.array([image.shape[1], image.shape[0]])
    strokes = ground.grid()
    if not strokes:
        return
    # Sixteenths of a pixel; clipped, so that OpenCV's integers do not overflow for points far outside the image.
    ends_xyn = np.array([(one.start, one.end) for one in strokes])
    ends = np.clip(ends_xyn * size - 0.5, -10 * size, 11 * size)
    cells_px = _along_px(ground, ends_xyn.mean(axis=1), image.shape[0])
    layer = image.copy()
    for stroke, (start, end), seen_px in zip(strokes, np.round(ends * 16).astype(int).tolist(), cells_px, strict=True):
        if stroke.strong or seen_px >= MIN_CELL_PX:
            cv2.line(layer, start, end, GRID_BGR, 2 if stroke.strong else 1, cv2.LINE_AA, shift=4)
    cv2.addWeighted(layer, 0.6, image, 0.4, 0.0, image)


def _along_px(ground: Calibration, points_xyn: Points, height_px: int) -> npt.NDArray[np.float64]:
    """(N,) pixels that a metre along the line of sight covers: the shorter side of a grid cell in the image."""
    below = points_xyn + np.array([0.0, 1e-4])
    metres = np.hypot(*(ground.to_ground(below) - ground.to_ground(points_xyn)).T)
    found: npt.NDArray[np.float64] = 1e-4 * height_px / np.maximum(metres, 1e-12)
    return found


def _draw_zones(image: BgrImage, zones: Sequence[ZoneConfig], scale: float) -> None:
    for zone in zones:
        corners = _pixels(image, zone.polygon)
        cv2.polylines(image, [corners], isClosed=True, color=ZONE_BGR, thickness=2, lineType=cv2.LINE_AA)
        x, y = corners.min(axis=0)
        write_text(image, zone.id, (x + 8, y + round(30 * scale)), ZONE_BGR, scale)


def _draw_marks(image: BgrImage, config: CalibrationConfig, scale: float) -> None:
    points = _pixels(image, config.ground_points)
    for one in config.distances:
        start, end = points[one.first - 1], points[one.second - 1]
        cv2.line(image, start.tolist(), end.tolist(), MARK_BGR, 1, cv2.LINE_AA)
        write_text(image, f"{one.metres:g} m", (2 * start + end) // 3, MARK_BGR, 0.8 * scale)
    for number, at in enumerate(points, start=1):
        cv2.circle(image, at.tolist(), 5, MARK_BGR, -1, cv2.LINE_AA)
        write_text(image, str(number), at + 8, MARK_BGR, scale)
    for person in config.people:
        foot, head = _pixels(image, (person.foot, person.head))
        cv2.line(image, foot.tolist(), head.tolist(), MARK_BGR, 2, cv2.LINE_AA)
        cv2.circle(image, foot.tolist(), 4, MARK_BGR, -1, cv2.LINE_AA)
        write_text(image, f"{person.height_m:g} m", head + np.array([4, -4]), MARK_BGR, 0.8 * scale)


def _pixels(image: BgrImage, points_xyn: Sequence[tuple[float, float]]) -> npt.NDArray[np.int32]:
    size = np.array([image.shape[1], image.shape[0]])
    return np.asarray(np.array(points_xyn).reshape(-1, 2) * size, dtype=np.int32)
