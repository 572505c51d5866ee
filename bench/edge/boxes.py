"""The share of the ungated worker's boxes that the gated worker also has."""

from __future__ import annotations

import bisect
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

SAME_FRAME_S = 0.12
"""Slightly more than half of the analysis interval: frames within it show the same moment."""
SAME_BOX_IOU = 0.5

FloatArray = npt.NDArray[np.float64]
Frames = list[tuple[float, FloatArray]]


def frames_of(trace: Path) -> Frames:
    """(seconds, (N, 4) boxes) of each frame that ran through the detector, in order."""
    frames = json.loads(trace.read_text("utf-8"))["frames"]
    return [(float(at_s), np.asarray(boxes, np.float64).reshape(-1, 4)) for at_s, boxes in frames]


def boxes_kept(ungated: Frames, gated: Frames, active: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """(kept, all) boxes of the ungated frames where `active` ((frames,) bool).

    A box is kept if the nearest gated frame, at most SAME_FRAME_S away, has a box with an IoU of at least SAME_BOX_IOU.
    """
    times = [at_s for at_s, _ in gated]
    kept = total = 0
    for (at_s, boxes), counts in zip(ungated, active, strict=True):
        if not counts or not len(boxes):
            continue
        total += len(boxes)
        place = bisect.bisect_left(times, at_s)
        near = [one for one in (place - 1, place) if 0 <= one < len(times) and abs(times[one] - at_s) <= SAME_FRAME_S]
        if near:
            found = gated[min(near, key=lambda one: abs(times[one] - at_s))][1]
            kept += int((iou(boxes, found).max(axis=1, initial=0.0) >= SAME_BOX_IOU).sum())
    return kept, total


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """(N, M) intersection over union."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=2)
    areas = [(one[:, 2:] - one[:, :2]).prod(axis=1) for one in (a, b)]
    union = areas[0][:, None] + areas[1][None] - common
    return np.asarray(common / np.maximum(union, 1e-12), dtype=np.float64)
