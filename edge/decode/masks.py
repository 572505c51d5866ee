"""Privacy masks: polygons in which a camera's frames are blackened before anything reads them.

A mask is opaque rather than blurred, because blur can be undone.
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
    """The polygons of one camera that are blackened. May be used from several threads.

    polygons: at least one, each with at least three (x, y) corners in normalised coordinates. The mask is rounded
        outwards to whole 2 x 2 chroma blocks plus one block, so that no pixel touched by a polygon remains, nor any
        colour that the halved chroma would smear across its edge.

    Raises ValueError for polygons outside these limits.
    """

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        if not polygons:
            raise ValueError("a privacy mask needs at least one polygon, got none")
        self._polygons = [_corners(polygon) for polygon in polygons]
        self._rasters: dict[tuple[int, int], tuple[Pixels, Pixels]] = {}

    def burnt_into(self, frame: Frame) -> Frame:
        """Return a copy of the frame with the mask black.

        The planes are copied because the decoder predicts the next frames from the originals.
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
        """Return which pixels of a frame of this size are black: (height, width) bool."""
        return self._rastered(width, height)[0]

    def _rastered(self, width: int, height: int) -> tuple[Pixels, Pixels]:
        """Return the masks for luma and chroma, drawn once per frame size: each stream of a camera has its own."""
        size = (width, height)
        raster = self._rasters.get(size)
        if raster is None:
            chroma = _blocks(self._polygons, width, height)
            luma = np.ascontiguousarray(chroma.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])
            raster = (luma, chroma)
            if len(self._rasters) >= _SIZES_MAX:  # a stream that keeps changing its size must not fill the memory
                self._rasters.clear()
            self._rasters[size] = raster
        return raster


def _corners(polygon: Polygon) -> npt.NDArray[np.float64]:
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != 2:
        raise ValueError(f"a mask's polygon is at least three (x, y) corners, got {polygon!r}")
    if not bool(np.all((corners >= 0.0) & (corners <= 1.0))):
        raise ValueError(f"a mask's corners are normalised coordinates, 0 to 1, got {polygon!r}")
    return corners


def _blocks(polygons: list[npt.NDArray[np.float64]], width: int, height: int) -> Pixels:
    """Return which chroma samples the polygons or their neighbours touch: ((height + 1) // 2, (width + 1) // 2)."""
    even = np.zeros(((height + 1) // 2 * 2, (width + 1) // 2 * 2), dtype=np.uint8)
    for corners in polygons:
        outline = np.zeros((height + 2, width + 2), dtype=np.uint8)  # with a border for the flood fill from outside
        # Pixel i covers i..i+1 of the continuous frame, while OpenCV puts integer coordinates at pixel centres. An
        # outline within half a pixel of the frame's edge is clipped to the outermost pixels, or it would miss them.
        centres = np.clip(corners * (width, height) - 0.5, 0.0, (width - 1, height - 1))
        fixed = np.round((centres + 1.0) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(outline, [fixed], 1, shift=_SHIFT)
        cv2.polylines(outline, [fixed], isClosed=True, color=1, thickness=1, shift=_SHIFT)
        outline[0, :] = outline[-1, :] = outline[:, 0] = outline[:, -1] = 0
        # Everything that the outline encloses is masked, including holes where it crosses itself.
        cv2.floodFill(outline, None, (0, 0), 2)
        even[:height, :width] |= outline[1:-1, 1:-1] != 2
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).max(axis=(1, 3))
    grown = cv2.dilate(blocks, np.ones((3, 3), dtype=np.uint8))
    return np.asarray(grown, dtype=np.bool_)


def _filled(plane: Plane, where: Pixels, value: int) -> Plane:
    copy = plane.copy()
    np.copyto(copy, np.uint8(value), where=where)
    return copy
