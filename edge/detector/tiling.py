"""Tiled inference: run the detector on enlarged parts of a frame, for far people and for dense crowds alike.

`plan_tiles` covers a region with tiles, `detect_tiles` runs the detector on them and returns each person once, in
coordinates of the whole frame. When and why tiles run: docs/design/tiling.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.decode.frame import Frame
from edge.detections import BoolArray, Detections
from models.layouts import suppress
from models.manifest import ModelSpec

CUT_MARGIN_PX = 3.0
"""A box that ends closer than this to a tile's edge, in pixels of the detector's input, is cut by that edge."""

Region = tuple[float, float, float, float]
"""x1, y1, x2, y2 in normalised coordinates."""
Size = tuple[int, int]
"""Width and height in pixels."""


class PersonDetector(Protocol):
    """A detector and the model that it runs."""

    @property
    def spec(self) -> ModelSpec: ...

    def detect(self, frame: Frame) -> Detections:
        """The people in the frame, highest score first, in normalised coordinates."""
        ...


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a frame, in the frame's pixels. All four numbers are even, because chroma has half the resolution."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, frame: Frame) -> Frame:
        """A view of this part of the frame's planes, without a copy."""
        rows, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        chroma_rows = slice(self.top // 2, (self.top + self.height) // 2)
        chroma_columns = slice(self.left // 2, (self.left + self.width) // 2)
        return replace(
            frame,
            y=frame.y[rows, columns],
            u=frame.u[chroma_rows, chroma_columns],
            v=frame.v[chroma_rows, chroma_columns],
        )

    def to_frame(self, boxes_xyxyn: npt.ArrayLike, frame_wh: Size) -> npt.NDArray[np.float64]:
        """Boxes (N, 4) in normalised coordinates of the tile, converted to those of the frame."""
        size, origin = np.tile((self.width, self.height), 2), np.tile((self.left, self.top), 2)
        placed: npt.NDArray[np.float64] = (np.asarray(boxes_xyxyn) * size + origin) / np.tile(frame_wh, 2)
        return placed

    def cuts(self, boxes_xyxyn: npt.NDArray[np.float32], frame_wh: Size, margin_px: float) -> BoolArray:
        """(N,) whether a box, normalised to the tile, ends within `margin_px` of an edge that is not the frame's own.

        Such a person continues outside the tile, and the box shows only a part.
        """
        size, origin = np.array((self.width, self.height)), np.array((self.left, self.top))
        margin = margin_px / size
        cut = (boxes_xyxyn[:, :2] < margin) & (origin > 0)
        # A frame of odd size ends one pixel after its last even one.
        cut |= (boxes_xyxyn[:, 2:] > 1.0 - margin) & (origin + size < np.array(frame_wh) - 1)
        found: BoolArray = np.any(cut, axis=1)
        return found


def input_scale(frame_wh: Size, input_wh: Size) -> float:
    """Detector input pixels per pixel of a frame, or tile, of this size."""
    return min(input_wh[0] / frame_wh[0], input_wh[1] / frame_wh[1])


def plan_tiles(
    region: Region,
    frame_wh: Size,
    sizes_wh: Iterable[tuple[float, float]],
    *,
    overlap_px: tuple[float, float],
    max_tiles: int,
) -> tuple[Tile, ...]:
    """Tiles of the first size with which at most `max_tiles` cover the region; none if no size does.

    sizes_wh: width and height of a tile in the frame's pixels, in order of preference; a tile is never larger than the
    frame. overlap_px: how much neighbours share across and down, so that a person of that size is whole in one of them.
    """
    x1, y1, x2, y2 = region
    for wanted_wh in sizes_wh:
        width, height = (min(float(whole), side) for whole, side in zip(frame_wh, wanted_wh, strict=True))
        columns = _Cover(x1 * frame_wh[0], x2 * frame_wh[0], width, overlap_px[0])
        rows = _Cover(y1 * frame_wh[1], y2 * frame_wh[1], height, overlap_px[1])
        if 0 < columns.count * rows.count <= max_tiles:
            size = _even(width), _even(height)
            lefts, tops = columns.starts(frame_wh[0] - size[0]), rows.starts(frame_wh[1] - size[1])
            return tuple(Tile(left, top, *size) for top in tops for left in lefts)
    return ()


def detect_tile(detector: PersonDetector, frame: Frame, tile: Tile, *, keep_cut: bool = True) -> Detections:
    """The people in one tile, in normalised coordinates of the whole frame.

    keep_cut: whether people whom the tile's edge cuts are kept. Those at the frame's own edge always are.
    """
    found = detector.detect(tile.cut(frame))
    frame_wh = frame.width, frame.height
    if not keep_cut:
        model_input = detector.spec.input
        margin_px = CUT_MARGIN_PX / input_scale((tile.width, tile.height), (model_input.width, model_input.height))
        found = found.select(~tile.cuts(found.boxes_xyxyn, frame_wh, margin_px))
    return Detections.of(tile.to_frame(found.boxes_xyxyn, frame_wh), found.scores)


def detect_tiles(detector: PersonDetector, frame: Frame, tiles: Iterable[Tile]) -> Detections:
    """The people in all tiles, each once, highest score first, in normalised coordinates of the whole frame."""
    return merge([detect_tile(detector, frame, tile) for tile in tiles], detector.spec.output.nms_iou)


def merge(parts: Sequence[Detections], nms_iou: float) -> Detections:
    """All detections, highest score first; of boxes that overlap by more than `nms_iou` only the best."""
    if not parts:
        return Detections.empty()
    boxes = np.concatenate([one.boxes_xyxyn for one in parts])
    scores = np.concatenate([one.scores for one in parts])
    order = np.argsort(-scores, kind="stable")
    kept = order[suppress(boxes[order], nms_iou)]
    return Detections.of(boxes[kept], scores[kept])


@dataclass(frozen=True, slots=True)
class _Cover:
    """How tiles of one size cover the stretch from `low` to `high` along one axis, in pixels."""

    low: float
    high: float
    size: float
    overlap: float

    @property
    def count(self) -> int:
        """How many tiles it takes; 0 where tiles of this size cannot overlap by so much."""
        if self.high - self.low <= self.size:
            return 1
        step = self.size - self.overlap
        return math.ceil((self.high - self.low - self.size) / step) + 1 if step > 0 else 0

    def starts(self, last: int) -> list[int]:
        """Where the tiles start, evenly spaced, between 0 and `last`."""
        if self.count == 1:
            starts = [(self.low + self.high - self.size) / 2]
        else:
            gap = (self.high - self.low - self.size) / (self.count - 1)
            starts = [self.low + index * gap for index in range(self.count)]
        return [_even(min(max(start, 0.0), float(last))) for start in starts]


def _even(length: float) -> int:
    """The length in whole pixels, rounded down to an even number."""
    return int(length) // 2 * 2
