"""Boxes as the tracker measures them: centres and logarithms of sizes, in frame heights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.tracker.kalman import Array, IndexArray


def measurements(boxes_xyxyn: Array, aspect: float) -> Array:
    """Normalised boxes (N, 4) as (N, 4): centre x and y in frame heights, logarithms of width and height."""
    scaled = boxes_xyxyn * np.array([aspect, 1.0, aspect, 1.0])
    size = scaled[:, 2:] - scaled[:, :2]
    return np.concatenate((scaled[:, :2] + size / 2, np.log(size)), axis=1)


def corners(centres: Array, log_sizes: Array) -> Array:
    """(N, 4) x1 y1 x2 y2, in frame heights, of centres (N, 2) and logarithms of sizes (N, 2)."""
    half = np.exp(log_sizes) / 2
    return np.concatenate((centres - half, centres + half), axis=1)


def overlaps(first: Array, second: Array) -> tuple[Array, Array]:
    """(N, M) intersection over union, and over the smaller box, of boxes (N, 4) and (M, 4) that are not empty."""
    # One coordinate at a time: arrays of (N, M, 2) and a product over their last axis take twice as long.
    width = np.minimum(first[:, None, 2], second[:, 2]) - np.maximum(first[:, None, 0], second[:, 0])
    height = np.minimum(first[:, None, 3], second[:, 3]) - np.maximum(first[:, None, 1], second[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1] - shared
    return shared / union, shared / np.minimum(areas[0][:, None], areas[1])


def canonical_order(boxes: Array, scores: npt.NDArray[np.float32]) -> IndexArray:
    """Indices that sort by falling score, then by box, whatever order the detections come in."""
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -scores))
