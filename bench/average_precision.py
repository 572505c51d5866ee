"""Average precision at one IoU, with regions to ignore."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.motdata import FloatArray, Truth
from edge.detections import Detections
from models.layouts import iou_matrix


class AveragePrecision:
    """Collects frames, then gives the area under the interpolated precision-recall curve (all points, as VOC 2010).

    A detection is a true positive if it overlaps a person that no better detection has taken with an IoU of at least
    `iou`. Other detections are false positives, unless at least half of their area lies in a region to ignore, or they
    overlap such a region by `iou`: those are left out.
    """

    def __init__(self, iou: float = 0.5) -> None:
        self._iou = iou
        self._people = 0
        self._scores: list[npt.NDArray[np.float32]] = []
        self._hits: list[npt.NDArray[np.bool_]] = []

    def add(self, found: Detections, truth: Truth) -> None:
        """Add the detections of one frame."""
        order = np.argsort(-found.scores, kind="stable")
        boxes, scores = found.boxes_xyxyn[order].astype(np.float64), found.scores[order]
        overlap = _iou(boxes, truth.boxes_xyxyn)
        excused = _excused(boxes, truth.ignored_xyxyn, self._iou)
        free = np.ones(len(truth.boxes_xyxyn), np.bool_)
        hit, counted = np.zeros(len(boxes), np.bool_), np.ones(len(boxes), np.bool_)
        for index in range(len(boxes)):
            candidates = np.where(free, overlap[index], 0.0)
            if len(candidates) and candidates.max() >= self._iou:
                free[int(candidates.argmax())] = False
                hit[index] = True
            else:
                counted[index] = not excused[index]
        self._people += len(truth.boxes_xyxyn)
        self._scores.append(scores[counted])
        self._hits.append(hit[counted])

    def value(self) -> float:
        """The average precision so far, 0..1; 0 without people in the truth."""
        if not self._people or not self._scores:
            return 0.0
        scores, hits = np.concatenate(self._scores), np.concatenate(self._hits)
        hits = hits[np.argsort(-scores, kind="stable")]
        recall = np.cumsum(hits) / self._people
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float((np.diff(recall, prepend=0.0) * envelope).sum())


def _iou(first: FloatArray, second: FloatArray) -> npt.NDArray[np.float32]:
    return iou_matrix(first.astype(np.float32), second.astype(np.float32))


def _excused(boxes: FloatArray, ignored: FloatArray, iou: float) -> npt.NDArray[np.bool_]:
    if not len(ignored) or not len(boxes):
        return np.zeros(len(boxes), np.bool_)
    top_left = np.maximum(boxes[:, None, :2], ignored[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], ignored[None, :, 2:])
    inside = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-12)
    excused: npt.NDArray[np.bool_] = ((inside / area[:, None]) >= 0.5).any(axis=1)
    return excused | (_iou(boxes, ignored) >= iou).any(axis=1)
