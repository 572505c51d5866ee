"""Sparse optical flow on a small picture: how a crowd moves when it is too dense for single people to be detected."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.decode.frame import Frame
from edge.signals import FlowField

WIDTH_PX = 320
CORNERS = 300
WINDOW_PX, LEVELS = (15, 15), 3
SHORTEST_S, LONGEST_S = 0.08, 0.6
"""Pictures closer together say nothing new; further apart, corners are no longer found again."""
BACK_AND_FORTH_PX = 1.0
"""A corner followed forwards and then backwards must come home this closely (Kalal et al. 2010)."""

Picture = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float32]


class CrowdFlow:
    """One camera's flow. Costs a few milliseconds per picture, so it is asked only while a crowd is dense."""

    def __init__(self) -> None:
        self._last: tuple[float, Picture] | None = None

    def measure(self, frame: Frame) -> FlowField | None:
        """How corners moved since the last picture; None for the first one, and after too short or long a pause."""
        at_s = frame.captured.mono_s
        height_px = max(2, round(WIDTH_PX / frame.aspect))
        small = cv2.resize(frame.y, (WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
        picture = np.asarray(small, dtype=np.uint8)
        before = self._last
        if before is not None and at_s - before[0] < SHORTEST_S:
            return None
        self._last = at_s, picture
        if before is None or at_s - before[0] > LONGEST_S or before[1].shape != picture.shape:
            return None
        return _between(before[1], picture, at_s - before[0])


def _between(before: Picture, now: Picture, elapsed_s: float) -> FlowField | None:
    corners = cv2.goodFeaturesToTrack(before, CORNERS, 0.01, 4)
    if np.size(corners) < 2:  # OpenCV says None, which has the size 1, where a picture has no corner
        return None
    start = np.asarray(corners, dtype=np.float32)
    end, found, _ = cv2.calcOpticalFlowPyrLK(before, now, start, start.copy(), winSize=WINDOW_PX, maxLevel=LEVELS)
    home, found_back, _ = cv2.calcOpticalFlowPyrLK(now, before, end, start.copy(), winSize=WINDOW_PX, maxLevel=LEVELS)
    off = np.linalg.norm((home - start).reshape(-1, 2), axis=1)
    kept = (found.ravel() == 1) & (found_back.ravel() == 1) & (off <= BACK_AND_FORTH_PX)
    if not kept.any():
        return None
    height_px, width_px = now.shape
    places = end.reshape(-1, 2)[kept] / np.array([width_px, height_px])
    moved = (end - start).reshape(-1, 2)[kept] / height_px / elapsed_s
    return FlowField(places.astype(np.float64), moved.astype(np.float64))
