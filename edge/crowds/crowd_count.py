"""How many people a crowd may have that is too dense to be counted: an estimate with its ends, never a count.

A close look (`edge/crowds/close_look.py`) makes every body equally tall in the input of the detector. The number of
its boxes grows with the number of people, and the share of the faintest among them with how many more stand hidden
behind.
`python -m bench.crowds.fit` fits it; how far it is off: docs/measurements/crowds.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge.crowds.body_height import BodyHeights
from edge.detections import Detections
from edge.geometry import Polygon
from edge.signals import TileRegion

FAINT_SCORE, WEAK_SCORE = 0.1, 0.2
PER_BOX = 0.45
"""People for each box of a close look, times the boxes over those that are more than faint."""
LOW, HIGH = 0.7, 1.75
"""The ends of the estimate, times its middle: nine in ten crowds lie between (fit, left-out crowds)."""
LIKE_A_PERSON = (0.35, 1.4)
"""A box of another height, in body heights at its place, is none of a person."""
HALF_SEEN = 0.8
"""A box below so many body heights is of somebody whose legs are hidden: the feet follow from the head."""

LOOK_FROM = 8
"""Boxes like people in the zone, faint ones included, from which a close look may show more than is counted."""
LOOK_EVERY_S, PROBE_EVERY_S = 2.0, 10.0
BEYOND_COUNT, STILL_BEYOND = 2.0, 1.4
"""The estimate over the count from which, and down to which, the crowd is too dense to count. Where people are seen one
by one the estimate itself is up to 1.9 times the count for some seconds."""
LEAST_PEOPLE, STILL_PEOPLE = 10.0, 6.0
LOOKS, NEWEST = 5, 3
"""Looks whose median decides whether the crowd can be counted, and those whose median is the estimate: a crowd grows by
twenty people within ten seconds."""
HOLD_S = 30.0
"""An estimate lives so long without a look, which a device under load may leave out."""
TRUSTED_CLUTTER = 1.6
"""Estimate over count where people can be counted. Above it the place itself makes boxes: the estimate is lowered."""
CLUTTER_MEMORY = 0.1
MARGIN = 0.05
"""Parts of a look's boxes that are left out at each end of the place where the next one is taken."""


@dataclass(frozen=True, slots=True)
class CrowdEstimate:
    """people: the middle; low, high: nine in ten crowds lie between. figures: the boxes that it was made from."""

    low: float
    people: float
    high: float
    figures: int


@dataclass(frozen=True, slots=True)
class _Look:
    at_s: float
    people: float
    figures: int
    counted: int


def people_behind(boxes: int, more_than_faint: int) -> float:
    """How many people a crowd has of which a close look shows so many boxes."""
    return PER_BOX * boxes * boxes / max(more_than_faint, 1)


def figures(close_look: Detections, polygon: Polygon, heights: BodyHeights) -> tuple[int, int]:
    """(boxes like people that stand in the polygon, those of them that are more than faint) of a close look."""
    here = close_look.scores[like_people(close_look, polygon, heights)]
    return len(here), int((here >= WEAK_SCORE).sum())


def like_people(some: Detections, polygon: Polygon, heights: BodyHeights) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(N,) bool: boxes about as tall as a body there, or as a good part of one, whose feet are in the polygon."""
    boxes = some.boxes_xyxyn.astype(np.float64)
    share = (boxes[:, 3] - boxes[:, 1]) / heights.at(boxes[:, 3])
    feet_y = np.where(share < HALF_SEEN, np.maximum(boxes[:, 3], heights.feet_below(boxes[:, 1])), boxes[:, 3])
    feet = np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2, np.minimum(feet_y, 1.0)))
    fits = (share >= LIKE_A_PERSON[0]) & (share <= LIKE_A_PERSON[1]) & (some.scores >= FAINT_SCORE)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = fits & polygon.contains(feet)
    return found


def crowded_place(everybody: Detections, polygon: Polygon, heights: BodyHeights) -> TileRegion | None:
    """Where the boxes like people in the polygon are, its outermost left out; None where they are few."""
    boxes = everybody.boxes_xyxyn[like_people(everybody, polygon, heights)].astype(np.float64)
    if len(boxes) < LOOK_FROM:
        return None
    left, top = np.quantile(boxes[:, :2], MARGIN, axis=0).tolist()
    right, bottom = np.quantile(boxes[:, 2:], 1.0 - MARGIN, axis=0).tolist()
    return TileRegion((left, top, right, bottom), float(np.median(heights.at(boxes[:, 3]))))


class CrowdCount:
    """Watches one zone for a crowd that is too dense to count, and estimates it while it is there."""

    def __init__(self, polygon: Polygon) -> None:
        self._polygon = polygon
        self._looks: deque[_Look] = deque(maxlen=LOOKS)
        self._asked_s = -np.inf
        self._clutter = TRUSTED_CLUTTER
        self._place: TileRegion | None = None
        self._is_beyond = False

    def place(self, now_s: float, everybody: Detections, heights: BodyHeights) -> TileRegion | None:
        """Where a close look is wanted now, None if none is. everybody: of the picture, unsure ones included."""
        if not heights.is_known or (len(everybody) < LOOK_FROM and not self._is_beyond):
            return None
        hurried = self._is_beyond or self._may_be_beyond()
        if now_s - self._asked_s < (LOOK_EVERY_S if hurried else PROBE_EVERY_S):
            return None
        found = crowded_place(everybody, self._polygon, heights)
        if found is not None:
            self._place = found
        return self._place if found is not None or self._is_beyond else None

    def observe(self, now_s: float, counted: int, close_look: Detections | None, heights: BodyHeights) -> None:
        """Take in how many are counted in the zone and, if one was taken, what a close look showed."""
        while self._looks and now_s - self._looks[0].at_s > HOLD_S:
            self._looks.popleft()
        if close_look is not None and heights.is_known:
            self._asked_s = now_s
            self._take(now_s, counted, close_look, heights)
        if len(self._looks) < NEWEST:
            self._is_beyond = False
            return
        people = median(one.people for one in self._looks)
        count = median(one.counted for one in self._looks)
        if self._is_beyond:
            self._is_beyond = people >= max(STILL_PEOPLE, STILL_BEYOND * count)
        else:
            self._is_beyond = people >= max(LEAST_PEOPLE, BEYOND_COUNT * count)

    @property
    def estimate(self) -> CrowdEstimate | None:
        """The crowd's size while it is too dense to count, never below what is counted; None otherwise."""
        if not self._is_beyond:
            return None
        newest = list(self._looks)[-NEWEST:]
        people = median(one.people for one in newest)
        figures = round(median(one.figures for one in newest))
        return CrowdEstimate(LOW * people, people, HIGH * people, figures)

    def _take(self, now_s: float, counted: int, close_look: Detections, heights: BodyHeights) -> None:
        boxes, weak = figures(close_look, self._polygon, heights)
        raw = people_behind(boxes, weak)
        if counted >= 3 and raw < BEYOND_COUNT * counted:
            self._clutter += CLUTTER_MEMORY * (raw / counted - self._clutter)
        people = raw / max(1.0, self._clutter / TRUSTED_CLUTTER)
        self._looks.append(_Look(now_s, people, boxes, counted))

    def _may_be_beyond(self) -> bool:
        newest = self._looks[-1] if self._looks else None
        return newest is not None and newest.people >= max(LEAST_PEOPLE, BEYOND_COUNT * newest.counted)
