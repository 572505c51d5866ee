"""Sparse optical flow on a small frame: how a crowd moves when it is too dense to detect single people."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.decode.frame import Frame
from edge.signals import FlowField

WIDTH_PX = 320
"""Frames are shrunk to this width."""
MAX_CORNERS = 300
CORNER_QUALITY, CORNER_DISTANCE_PX = 0.01, 4
"""Least quality of a corner relative to the best, and least distance between two corners."""
WINDOW_PX, LEVELS = (15, 15), 3
"""Window and pyramid levels of Lucas and Kanade's method."""
SHORTEST_S, LONGEST_S = 0.08, 0.6
"""Frames closer together show nothing new; over longer pauses corners are not found again."""
BACK_AND_FORTH_PX = 1.0
"""A corner followed forward and back must return this close to its start (Kalal et al. 2010)."""

Luma = npt.NDArray[np.uint8]


class CrowdFlow:
    """The optical flow of one camera. Costs a few milliseconds per frame, so it runs only on request."""

    def __init__(self) -> None:
        self._last: tuple[float, Luma] | None = None

    def measure(self, frame: Frame) -> FlowField | None:
        """How corners moved since the last frame; None for the first frame and after too short or long a pause."""
        at_s = frame.captured.mono_s
        height_px = max(2, round(WIDTH_PX / frame.aspect))
        small = np.asarray(cv2.resize(frame.y, (WIDTH_PX, height_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        before = self._last
        if before is not None and at_s - before[0] < SHORTEST_S:
            return None
        self._last = at_s, small
        if before is None or at_s - before[0] > LONGEST_S or before[1].shape != small.shape:
            return None
        return _between(before[1], small, at_s - before[0])


def _between(before: Luma, now: Luma, elapsed_s: float) -> FlowField | None:
    """The flow between two frames of the same size; None without a corner that is found again."""
    corners = cv2.goodFeaturesToTrack(before, MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE_PX)
    if np.size(corners) < 2:  # without corners OpenCV returns None, which has the size 1
        return None
    start = np.asarray(corners, dtype=np.float32)
    end, found, _ = cv2.calcOpticalFlowPyrLK(before, now, start, start.copy(), winSize=WINDOW_PX, maxLevel=LEVELS)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(now, before, end, start.copy(), winSize=WINDOW_PX, maxLevel=LEVELS)
    error_px = np.linalg.norm((back - start).reshape(-1, 2), axis=1)
    kept = (found.ravel() == 1) & (found_back.ravel() == 1) & (error_px <= BACK_AND_FORTH_PX)
    if not kept.any():
        return None
    height_px, width_px = now.shape
    places = end.reshape(-1, 2)[kept] / np.array([width_px, height_px])
    moved = (end - start).reshape(-1, 2)[kept] / height_px / elapsed_s
    return FlowField(places.astype(np.float64), moved.astype(np.float64))
