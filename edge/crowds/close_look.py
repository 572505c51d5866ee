"""A close look at a crowd that is too dense to be counted, which shows every body equally tall.

How many boxes a detector puts on a packed crowd depends on how large people are in what it sees. Enlarged to one size,
the number of its boxes, uncertain ones included, grows with the number of people (docs/measurements/crowds.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector.tiles import Size, Window
from edge.signals import TileRegion
from models.layouts import suppress
from models.manifest import ModelSpec

CLOSE_PX = 80.0
"""So tall people are made in the detector's input."""
MOST_WINDOWS = 4
"""A crowd that would need more is seen less enlarged."""
OVERLAP = 0.4
"""Body heights by which neighbouring windows overlap, so that nobody is cut by both."""
SMALLER = 0.94


class PersonDetector(Protocol):
    """The detector that looks, and what it looks at."""

    @property
    def spec(self) -> ModelSpec: ...

    def detect(self, frame: Frame) -> Detections: ...


class CrowdLook:
    """Looks closely at one place of a picture. It costs an inference per window, so it is asked now and then only."""

    def __init__(self, detector: PersonDetector, has_slack: Callable[[], bool] = lambda: True) -> None:
        self._detector = detector
        self._has_slack = has_slack

    def look(self, frame: Frame, place: TileRegion) -> Detections | None:
        """Everything like a person at the place, unsure ones included, in parts of the whole picture.

        None while there is no slack: the first look at every camera's pictures comes before the second at one.
        """
        if not self._has_slack():
            return None
        spec = self._detector.spec
        picture = np.array([frame.width, frame.height])
        boxes, scores = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
        for window in windows_on(place, (frame.width, frame.height), (spec.input.width, spec.input.height)):
            found = self._detector.detect(window.cut(frame))
            origin, size = np.array([window.left, window.top]), np.array([window.width, window.height])
            placed = (found.boxes_xyxyn * np.tile(size, 2) + np.tile(origin, 2)) / np.tile(picture, 2)
            boxes.append(placed.astype(np.float32))
            scores.append(found.scores)
        every, sure = np.concatenate(boxes), np.concatenate(scores)
        order = np.argsort(-sure, kind="stable")
        kept = order[suppress(every[order], spec.output.nms_iou)]
        return Detections.of(every[kept], sure[kept])


def windows_on(place: TileRegion, picture_wh: Size, input_wh: Size) -> list[Window]:
    """At most `MOST_WINDOWS` windows that cover the place, people at most `CLOSE_PX` tall in the detector's input."""
    body_px = max(4.0, place.body_height * picture_wh[1])
    scale = CLOSE_PX / body_px
    while True:
        size = [min(whole, part / scale) for whole, part in zip(picture_wh, input_wh, strict=True)]
        starts = [
            _starts(place.region[axis] * whole, place.region[axis + 2] * whole, size[axis], OVERLAP * body_px)
            for axis, whole in enumerate(picture_wh)
        ]
        if len(starts[0]) * len(starts[1]) <= MOST_WINDOWS:
            break
        scale *= SMALLER
    width, height = (max(2, _even(one)) for one in size)
    limit_x, limit_y = picture_wh[0] - width, picture_wh[1] - height
    return [
        Window(_even(min(max(x, 0.0), limit_x)), _even(min(max(y, 0.0), limit_y)), width, height)
        for y in starts[1]
        for x in starts[0]
    ]


def _starts(low_px: float, high_px: float, size_px: float, overlap_px: float) -> list[float]:
    span_px = high_px - low_px
    if span_px <= size_px:
        return [(low_px + high_px - size_px) / 2]
    step_px = max(size_px - overlap_px, 0.25 * size_px)
    count = math.ceil((span_px - size_px) / step_px) + 1
    return [low_px + index * (span_px - size_px) / (count - 1) for index in range(count)]


def _even(length: float) -> int:
    return int(length) // 2 * 2
