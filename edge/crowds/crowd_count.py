"""How many people a crowd may have that is too dense to count: an estimate with its range, never a count.

Tiled inference (`edge/crowds/crowd_detector.py`) enlarges every body to the same height. The number of boxes grows with
the number of people, and the share of faint boxes grows with the number of people hidden behind others.
`python -m bench.crowds.fit` fits the constants; design: docs/design/crowds.md, errors: docs/measurements/crowds.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge.crowds.body_height import BodyHeights
from edge.detections import BoolArray, Detections
from edge.geometry import Polygon
from edge.signals import TileRegion

FAINT_SCORE = 0.1
"""Boxes with a lower score are ignored."""
WEAK_SCORE = 0.2
"""Boxes with a lower score are faint: mostly parts of people between the shoulders of others."""
PER_BOX = 0.45
"""People per box of the tiles, times the ratio of all boxes to those that are not faint."""
LOW, HIGH = 0.7, 1.75
"""Ends of the estimate's range, as factors: nine in ten crowds lie between (each crowd left out of its own fit)."""
PERSON_HEIGHTS = (0.35, 1.4)
"""Least and greatest height of a person's box, in body heights at its place."""
LEGS_HIDDEN = 0.8
"""Of a person whose box is below this many body heights the legs are hidden: the feet follow from the head."""

MIN_BOXES = 8
"""Person boxes in the zone, faint ones included, from which tiles may show more people than are counted."""
DENSE_EVERY_S, PROBE_EVERY_S = 2.0, 10.0
"""Seconds between tiled inferences while a crowd is, or may be, too dense to count, and otherwise."""
BEYOND_COUNT, STILL_BEYOND = 2.0, 1.4
"""Estimate over count at which a crowd becomes too dense to count, and below which it can be counted again. Where
people are seen one by one, the estimate itself reaches 1.9 times the count for some seconds."""
LEAST_PEOPLE, STILL_PEOPLE = 10.0, 6.0
"""Estimates at which a crowd becomes too dense to count, and below which it can be counted again."""
DECIDING_SAMPLES, NEWEST_SAMPLES = 5, 3
"""Samples whose median decides whether the crowd can be counted, and those whose median is the estimate: a crowd grows
by twenty people within ten seconds."""
HOLD_S = 30.0
"""How long a sample counts. A device under load may leave tiles out for a while."""
TRUSTED_CLUTTER = 1.6
"""Estimate over count where people can be counted. Above it the place itself makes boxes, and estimates are lowered."""
CLUTTER_WEIGHT = 0.1
"""Weight of one sample in the running mean of estimate over count."""
REGION_MARGIN = 0.05
"""Share of the person boxes left out at each side of the region where tiles run next."""


@dataclass(frozen=True, slots=True)
class CrowdEstimate:
    """people: the middle. low, high: nine in ten crowds lie between. boxes: person boxes that it is derived from."""

    low: float
    people: float
    high: float
    boxes: int


@dataclass(frozen=True, slots=True)
class _Sample:
    """One tiled inference: the people that it suggests, its person boxes, and the people counted at that time."""

    at_s: float
    people: float
    boxes: int
    counted: int


def estimate_people(boxes: int, not_faint: int) -> float:
    """The number of people in a crowd for which tiles show `boxes` person boxes, `not_faint` of them not faint."""
    return PER_BOX * boxes * boxes / max(not_faint, 1)


def count_boxes(detections: Detections, polygon: Polygon, heights: BodyHeights) -> tuple[int, int]:
    """(person boxes whose feet are in the polygon, those of them that are not faint)."""
    scores = detections.scores[person_boxes(detections, polygon, heights)]
    return len(scores), int((scores >= WEAK_SCORE).sum())


def person_boxes(detections: Detections, polygon: Polygon, heights: BodyHeights) -> BoolArray:
    """(N,) bool: boxes about as tall as a body there, or as a good part of one, whose feet are in the polygon."""
    boxes = detections.boxes_xyxyn.astype(np.float64)
    body_heights = (boxes[:, 3] - boxes[:, 1]) / heights.at(boxes[:, 3])
    feet_from_head = np.maximum(boxes[:, 3], heights.feet_below(boxes[:, 1]))
    feet_y = np.where(body_heights < LEGS_HIDDEN, feet_from_head, boxes[:, 3])
    feet = np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2, np.minimum(feet_y, 1.0)))
    plausible = (body_heights >= PERSON_HEIGHTS[0]) & (body_heights <= PERSON_HEIGHTS[1])
    found: BoolArray = plausible & (detections.scores >= FAINT_SCORE) & polygon.contains(feet)
    return found


def crowd_region(people: Detections, polygon: Polygon, heights: BodyHeights) -> TileRegion | None:
    """The region of the person boxes in the polygon, without the outermost; None with fewer than `MIN_BOXES`."""
    boxes = people.boxes_xyxyn[person_boxes(people, polygon, heights)].astype(np.float64)
    if len(boxes) < MIN_BOXES:
        return None
    left, top = np.quantile(boxes[:, :2], REGION_MARGIN, axis=0).tolist()
    right, bottom = np.quantile(boxes[:, 2:], 1.0 - REGION_MARGIN, axis=0).tolist()
    return TileRegion((left, top, right, bottom), float(np.median(heights.at(boxes[:, 3]))))


class CrowdCount:
    """Decides whether the crowd in one zone is too dense to count, and estimates its size while it is."""

    def __init__(self, polygon: Polygon) -> None:
        self._polygon = polygon
        self._samples: deque[_Sample] = deque(maxlen=DECIDING_SAMPLES)
        self._sampled_s = -np.inf
        self._clutter = TRUSTED_CLUTTER
        self._region: TileRegion | None = None
        self._is_beyond = False

    def tile_region(self, now_s: float, people: Detections, heights: BodyHeights) -> TileRegion | None:
        """Where tiled inference is needed now; None if nowhere. people: all of the frame, low scores included."""
        if not heights.is_known or (len(people) < MIN_BOXES and not self._is_beyond):
            return None
        every_s = DENSE_EVERY_S if self._is_beyond or self._may_be_beyond() else PROBE_EVERY_S
        if now_s - self._sampled_s < every_s:
            return None
        found = crowd_region(people, self._polygon, heights)
        if found is not None:
            self._region = found
        return self._region if found is not None or self._is_beyond else None

    def observe(self, now_s: float, counted: int, tile_detections: Detections | None, heights: BodyHeights) -> None:
        """Take in how many people are counted in the zone and, if tiles ran, what they showed."""
        while self._samples and now_s - self._samples[0].at_s > HOLD_S:
            self._samples.popleft()
        if tile_detections is not None and heights.is_known:
            self._sampled_s = now_s
            self._add_sample(now_s, counted, tile_detections, heights)
        if len(self._samples) < NEWEST_SAMPLES:
            self._is_beyond = False
            return
        people = median(one.people for one in self._samples)
        count = median(one.counted for one in self._samples)
        if self._is_beyond:
            self._is_beyond = people >= max(STILL_PEOPLE, STILL_BEYOND * count)
        else:
            self._is_beyond = people >= max(LEAST_PEOPLE, BEYOND_COUNT * count)

    @property
    def estimate(self) -> CrowdEstimate | None:
        """The crowd's size while it is too dense to count; None otherwise."""
        if not self._is_beyond:
            return None
        newest = list(self._samples)[-NEWEST_SAMPLES:]
        people = median(one.people for one in newest)
        boxes = round(median(one.boxes for one in newest))
        return CrowdEstimate(LOW * people, people, HIGH * people, boxes)

    def _add_sample(self, now_s: float, counted: int, tile_detections: Detections, heights: BodyHeights) -> None:
        boxes, not_faint = count_boxes(tile_detections, self._polygon, heights)
        raw = estimate_people(boxes, not_faint)
        if counted >= 3 and raw < BEYOND_COUNT * counted:
            self._clutter += CLUTTER_WEIGHT * (raw / counted - self._clutter)
        people = raw / max(1.0, self._clutter / TRUSTED_CLUTTER)
        self._samples.append(_Sample(now_s, people, boxes, counted))

    def _may_be_beyond(self) -> bool:
        newest = self._samples[-1] if self._samples else None
        return newest is not None and newest.people >= max(LEAST_PEOPLE, BEYOND_COUNT * newest.counted)
