"""Privacy masks: parts of a camera's picture that nobody may ever see, burnt black before anything else looks.

A mask is opaque. It never blurs, because blur can be undone and a black block cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from edge.decode.frame import Frame, Plane

Polygon = Sequence[tuple[float, float]]
Pixels = npt.NDArray[np.bool_]

_BLACK_LIMITED = 16
_BLACK_FULL = 0
_NO_COLOUR = 128
_SIZES_MAX = 8
_SHIFT = 8  # fractional bits of OpenCV's fixed-point polygon corners


class PrivacyMask:
    """The parts of one camera's picture that are blackened. May be used from several threads.

    polygons: each at least three (x, y) corners in parts of the picture's width and height, origin top left. The
        mask is rounded outwards to whole 2 x 2 chroma blocks and one block further, so that no pixel that a polygon
        touches, nor any colour that the halved chroma would smear across its edge, is left.
    """

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        if not polygons:
            raise ValueError("a privacy mask needs at least one polygon, got none")
        self._polygons = [_corners(polygon) for polygon in polygons]
        self._rasters: dict[tuple[int, int], tuple[Pixels, Pixels]] = {}

    def burnt_into(self, frame: Frame) -> Frame:
        """A copy of the frame with the masked parts black.

        It copies the planes: the decoder predicts the next pictures from the ones it gave out, so writing into those
        would spoil what follows.
        """
        luma, chroma = self._rastered(frame.width, frame.height)
        black = _BLACK_FULL if frame.full_range else _BLACK_LIMITED
        return replace(
            frame,
            y=_filled(frame.y, luma, black),
            u=_filled(frame.u, chroma, _NO_COLOUR),
            v=_filled(frame.v, chroma, _NO_COLOUR),
        )

    def covers(self, width: int, height: int) -> Pixels:
        """Which pixels of a picture of this size are black: (height, width) bool."""
        return self._rastered(width, height)[0]

    def _rastered(self, width: int, height: int) -> tuple[Pixels, Pixels]:
        """The mask for luma and for chroma; drawn once for each size, as a camera has one for each of its streams."""
        size = (width, height)
        raster = self._rasters.get(size)
        if raster is None:
            chroma = _blocks(self._polygons, width, height)
            luma = np.ascontiguousarray(chroma.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])
            raster = (luma, chroma)
            if len(self._rasters) >= _SIZES_MAX:  # a stream that keeps changing its size must not eat the memory
                self._rasters.clear()
            self._rasters[size] = raster
        return raster


def _corners(polygon: Polygon) -> npt.NDArray[np.float64]:
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != 2:
        raise ValueError(f"a mask's polygon is at least three (x, y) corners, got {polygon!r}")
    if not bool(np.all((corners >= 0.0) & (corners <= 1.0))):
        raise ValueError(f"a mask's corners are parts of the picture, 0..1, got {polygon!r}")
    return corners


def _blocks(polygons: list[npt.NDArray[np.float64]], width: int, height: int) -> Pixels:
    """((height + 1) // 2, (width + 1) // 2) bool: the chroma samples that the polygons touch, and their neighbours."""
    even = np.zeros(((height + 1) // 2 * 2, (width + 1) // 2 * 2), dtype=np.uint8)
    for corners in polygons:
        outline = np.zeros((height + 2, width + 2), dtype=np.uint8)  # with a border, from which the outside is reached
        # Pixel i covers i..i+1 of the continuous picture, while OpenCV puts integer coordinates at pixel centres. An
        # outline within half a pixel of the picture's edge is drawn on its last pixels, or it would fall beside them.
        centres = np.clip(corners * (width, height) - 0.5, 0.0, (width - 1, height - 1))
        fixed = np.round((centres + 1.0) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(outline, [fixed], 1, shift=_SHIFT)
        cv2.polylines(outline, [fixed], isClosed=True, color=1, thickness=1, shift=_SHIFT)
        outline[0, :] = outline[-1, :] = outline[:, 0] = outline[:, -1] = 0
        # Whatever the outline encloses is masked, holes too, even where it crosses itself.
        cv2.floodFill(outline, None, (0, 0), 2)
        even[:height, :width] |= outline[1:-1, 1:-1] != 2
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).max(axis=(1, 3))
    grown = cv2.dilate(blocks, np.ones((3, 3), dtype=np.uint8))
    return np.asarray(grown, dtype=np.bool_)


def _filled(plane: Plane, where: Pixels, value: int) -> Plane:
    copy = plane.copy()
    np.copyto(copy, np.uint8(value), where=where)
    return copy
