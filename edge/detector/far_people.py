"""The detector that looks twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge.config import CameraConfig
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector.far_region import bounds, calibrated_region
from edge.detector.tiles import FAR_PX, Region, Size, Window, plan_windows, shrink_of
from models.layouts import iou_matrix, suppress
from models.manifest import ModelSpec

EDGE_PX = 3.0
"""Boxes that come so close to a window's edge, in input pixels, are of people whom it cuts."""
EARLY_S = 0.05
"""Pictures do not come quite evenly: a look may be taken so much before its time."""

PATIENCE_LOOKS = 50
"""After so many looks through a window that showed nobody new, it is looked through less often."""
RARELY = 5
"""So many times less often. At 0.4 s that is every 2 s; whoever is found then is looked at closely again at once."""


class PersonDetector(Protocol):
    """The detector whose looks are taken, and what it looks at."""

    @property
    def spec(self) -> ModelSpec: ...

    def detect(self, frame: Frame) -> Detections: ...


class FullDetector(Protocol):
    """What comes out: the people of a whole frame."""

    def detect(self, frame: Frame) -> Detections: ...


@dataclass(slots=True)
class _View:
    """A window, when it was last looked through, and how many looks since it showed somebody new."""

    window: Window
    looked_mono_s: float = -math.inf
    looks_in_vain: int = 0

    def is_due(self, at_mono_s: float, every_s: float) -> bool:
        wait_s = every_s * (RARELY if self.looks_in_vain >= PATIENCE_LOOKS else 1)
        return at_mono_s - self.looked_mono_s >= wait_s - EARLY_S


class FarSight:
    """A detector for one camera that now and then looks closer at a region. Not thread-safe.

    Where that shows nobody who was not seen anyhow, experience overrules the calibration: it looks there rarely.
    """

    def __init__(
        self,
        detector: PersonDetector,
        region_for: Callable[[Size], Region | None],
        *,
        every_s: float = 0.4,
        has_slack: Callable[[], bool] = lambda: True,
        on_look: Callable[[bool], None] | None = None,
    ) -> None:
        """`region_for` a picture's size: where people are small, or None. Looks are `every_s` apart.

        `on_look` is told whether a second look that was due was taken (true), or withheld because there was no slack.
        """
        self._detector = detector
        self._input_wh = detector.spec.input.width, detector.spec.input.height
        self._region_for = region_for
        self._every_s = every_s
        self._has_slack = has_slack
        self._on_look = on_look
        self._picture_wh = (0, 0)
        self._views: list[_View] = []

    def detect(self, frame: Frame) -> Detections:
        """The people in the frame, those of the second look among them where one was taken; the best first."""
        found = self._detector.detect(frame)
        self._plan((frame.width, frame.height))
        at_mono_s = frame.captured.mono_s
        due = [view for view in self._views if view.is_due(at_mono_s, self._every_s)]
        if not due:
            return found
        taken = self._has_slack()
        if self._on_look is not None:
            self._on_look(taken)
        if not taken:
            return found
        looks = [found]
        for view in due:
            looks.append(self._look(frame, view.window))
            view.looked_mono_s = at_mono_s
            view.looks_in_vain = 0 if self._shows_more(looks[-1], found) else view.looks_in_vain + 1
        return merged(looks, self._detector.spec.output.nms_iou)

    def windows_for(self, picture_wh: Size) -> tuple[Window, ...]:
        """The windows of the second look at pictures of this size; none where it would gain nothing."""
        self._plan(picture_wh)
        return tuple(view.window for view in self._views)

    def _plan(self, picture_wh: Size) -> None:
        if picture_wh != self._picture_wh:
            region = self._region_for(picture_wh)
            windows = () if region is None else plan_windows(region, picture_wh, self._input_wh)
            self._views = [_View(window) for window in windows]
            self._picture_wh = picture_wh

    def _shows_more(self, closer: Detections, found: Detections) -> bool:
        """Whether the closer look believes in somebody in whom the first did not."""
        output = self._detector.spec.output
        sure, known = (one.boxes_xyxyn[one.scores >= output.strong_score] for one in (closer, found))
        return bool((iou_matrix(sure, known).max(axis=1, initial=0.0) <= output.nms_iou).any())

    def _look(self, frame: Frame, window: Window) -> Detections:
        """The small people in the window, those whom it cuts left out, in parts of the whole picture."""
        found = self._detector.detect(window.cut(frame))
        picture = np.array([frame.width, frame.height])
        origin, size = np.array([window.left, window.top]), np.array([window.width, window.height])
        boxes = found.boxes_xyxyn
        margin = EDGE_PX / shrink_of((window.width, window.height), self._input_wh) / size
        cut = (boxes[:, :2] < margin) & (origin > 0)
        cut |= (boxes[:, 2:] > 1.0 - margin) & (origin + size < picture - 1)
        placed = np.clip((boxes * np.tile(size, 2) + np.tile(origin, 2)) / np.tile(picture, 2), 0.0, 1.0)
        # The first look sees the tall ones whole and well.
        tall_px = (placed[:, 3] - placed[:, 1]) * frame.height * shrink_of((frame.width, frame.height), self._input_wh)
        return Detections.of(placed, found.scores).select(~cut.any(axis=1) & (tall_px < 2 * FAR_PX))


def far_sighted(
    detector: PersonDetector,
    camera: CameraConfig,
    has_slack: Callable[[], bool] = lambda: True,
    on_look: Callable[[bool], None] | None = None,
) -> FullDetector:
    """The detector as this camera needs it: with second looks where its settings or its calibration ask for them."""
    settings = camera.far_sight
    if settings is None or (settings.region is None and camera.calibration is None):
        return detector
    polygon, spec = settings.region, detector.spec

    def region_for(picture_wh: Size) -> Region | None:
        if polygon is not None:
            return bounds(polygon)
        return calibrated_region(camera, picture_wh, (spec.input.width, spec.input.height))

    return FarSight(detector, region_for, every_s=settings.every_s, has_slack=has_slack, on_look=on_look)


def merged(looks: Sequence[Detections], same_iou: float) -> Detections:
    """All looks' people, each once: of two boxes that overlap by more than `same_iou` the better one."""
    boxes = np.concatenate([one.boxes_xyxyn for one in looks])
    scores = np.concatenate([one.scores for one in looks])
    order = np.argsort(-scores, kind="stable")
    kept = order[suppress(boxes[order], same_iou)]
    return Detections.of(boxes[kept], scores[kept])
