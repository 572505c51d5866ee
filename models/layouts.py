"""From a model's raw output to boxes of people: one decoder for each layout that a manifest may name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.manifest import Layout, ModelSpec

FloatArray = npt.NDArray[np.float32]
Decoded = tuple[FloatArray, FloatArray]

YOLOX_STRIDES = (8, 16, 32)
# More candidates than this in one frame are noise; keeping only the best bounds the cost of suppression.
MAX_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class _Shape:
    """A tensor's shape; None for a dimension that the model's export decides."""

    dims: tuple[int | None, ...]

    def allows(self, actual: Sequence[int | str | None]) -> bool:
        """Whether a declared shape is compatible with this one; a symbolic dimension fits any size."""
        return len(actual) == len(self.dims) and all(
            want is None or not isinstance(have, int) or have == want
            for want, have in zip(self.dims, actual, strict=True)
        )

    def __str__(self) -> str:
        return "(" + ", ".join("N" if dim is None else str(dim) for dim in self.dims) + ")"


def expected_output(spec: ModelSpec) -> _Shape:
    """The shape that the output tensor must have, from layout, input size and number of classes."""
    classes, width, height = spec.output.classes, spec.input.width, spec.input.height
    match spec.output.layout:
        case Layout.BOXES5:
            return _Shape((1, None, 5))
        case Layout.YOLOX:
            return _Shape((1, len(_yolox_grid(width, height)[0]), 5 + classes))
        case Layout.YOLOV8:
            return _Shape((1, 4 + classes, None))
        case Layout.YOLO26:
            return _Shape((1, None, 6))


def decode(output: FloatArray, spec: ModelSpec, score_threshold: float) -> Decoded:
    """The people in one raw output.

    output: as the model gives it, of the shape `expected_output(spec)`.
    Returns (M, 4) float32 boxes x1 y1 x2 y2 in input pixels and (M,) float32 scores, the best first, all scores
    >= `score_threshold`; overlapping ones suppressed where the layout is not end to end. Raises ValueError on another
    shape. Scores that are no numbers are dropped.
    """
    expected = expected_output(spec)
    if not expected.allows(output.shape):
        raise ValueError(f"{spec.name}: the layout {spec.output.layout} must give {expected}, got {output.shape}")
    boxes, scores = _DECODERS[spec.output.layout](output[0], spec, score_threshold)
    sane = np.isfinite(boxes)
    if not sane.all():
        whole = sane.all(axis=1)
        boxes, scores = boxes[whole], scores[whole]
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    boxes, scores = boxes[best], scores[best]
    if spec.output.layout is not Layout.YOLO26:
        kept = suppress(boxes, spec.output.nms_iou)
        boxes, scores = boxes[kept], scores[kept]
    return boxes, scores


def suppress(boxes_xyxy: FloatArray, iou_threshold: float) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression: the indices kept of boxes (N, 4) that are sorted by falling score."""
    bits = np.packbits(_overlapping(boxes_xyxy, iou_threshold), axis=1, bitorder="little")
    packed, row_bytes = bits.tobytes(), bits.shape[1]
    # Rows as whole numbers, a bit for each box: a detector gives a hundred candidates, and a call of NumPy for each of
    # those that are kept takes longer than all the overlaps.
    suppressed = 0
    kept: list[int] = []
    for index in range(len(boxes_xyxy)):
        if not suppressed >> index & 1:
            kept.append(index)
            suppressed |= int.from_bytes(packed[index * row_bytes : (index + 1) * row_bytes], "little")
    return np.array(kept, dtype=np.intp)


def _overlapping(boxes: FloatArray, iou_threshold: float) -> npt.NDArray[np.bool_]:
    """(N, N) whether two boxes' intersection over union is above the threshold, found without dividing."""
    left, top, right, bottom = np.ascontiguousarray(boxes.T)
    width = np.minimum.outer(right, right)
    width -= np.maximum.outer(left, left)
    height = np.minimum.outer(bottom, bottom)
    height -= np.maximum.outer(top, top)
    shared = np.maximum(width, 0, out=width)
    shared *= np.maximum(height, 0, out=height)
    part = np.maximum(right - left, 0) * np.maximum(bottom - top, 0) * (iou_threshold / (1.0 + iou_threshold))
    repeats: npt.NDArray[np.bool_] = shared > np.add.outer(part, part)
    return repeats


def iou_matrix(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of every box (N, 4) with every box (M, 4), x1 y1 x2 y2: (N, M), 0 for empty boxes."""
    # By coordinate: arrays of (N, M, 2) and a product over their last axis take three times as long.
    width = np.minimum(first[:, None, 2], second[:, 2]) - np.maximum(first[:, None, 0], second[:, 0])
    height = np.minimum(first[:, None, 3], second[:, 3]) - np.maximum(first[:, None, 1], second[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1] - shared
    ratio: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def _boxes5(output: FloatArray, _spec: ModelSpec, threshold: float) -> Decoded:
    rows = output[np.flatnonzero(output[:, 4] >= threshold)]
    return rows[:, :4], rows[:, 4]


def _yolox(output: FloatArray, spec: ModelSpec, threshold: float) -> Decoded:
    """Raw YOLOX heads (arXiv:2107.08430): offsets from a grid cell, sizes as exponents, objectness times class."""
    scores = output[:, 4] * output[:, 5 + spec.output.person_class]
    chosen = scores >= threshold
    cells, strides = _yolox_grid(spec.input.width, spec.input.height)
    rows, stride = output[chosen], strides[chosen, None]
    centres = (rows[:, :2] + cells[chosen]) * stride
    # Clipped where exp() would overflow: such a box is nonsense either way, and infinity would only warn.
    return _from_centres(centres, np.exp(np.clip(rows[:, 2:4], None, 20)) * stride), scores[chosen]


def _yolov8(output: FloatArray, spec: ModelSpec, threshold: float) -> Decoded:
    """YOLOv8, 11 and 12: one column for each candidate; cx, cy, w, h and a score for each class."""
    scores = output[4 + spec.output.person_class]
    chosen = scores >= threshold
    columns = output[:4, chosen].T
    return _from_centres(columns[:, :2], columns[:, 2:4]), scores[chosen]


def _yolo26(output: FloatArray, spec: ModelSpec, threshold: float) -> Decoded:
    """YOLOv10 and 26, end to end: x1, y1, x2, y2, score, class, already without duplicates."""
    rows = output[(output[:, 4] >= threshold) & (output[:, 5] == spec.output.person_class)]
    return rows[:, :4], rows[:, 4]


def _from_centres(centres: FloatArray, sizes: FloatArray) -> FloatArray:
    return np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1)


@lru_cache(maxsize=8)
def _yolox_grid(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Every cell's column and row, (N, 2), and its stride in pixels, (N,), in the order of the output's rows."""
    cells, strides = [], []
    for stride in YOLOX_STRIDES:
        columns, rows = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
        cells.append(np.stack((columns.ravel(), rows.ravel()), axis=1))
        strides.append(np.full(columns.size, stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


_DECODERS: dict[Layout, Callable[[FloatArray, ModelSpec, float], Decoded]] = {
    Layout.BOXES5: _boxes5,
    Layout.YOLOX: _yolox,
    Layout.YOLOV8: _yolov8,
    Layout.YOLO26: _yolo26,
}
