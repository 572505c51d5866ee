"""Crowds too dense to detect person by person: when a zone holds one, and how it moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge.crowds.body_height import BodyHeights
from edge.crowds.crowd_count import CrowdCount, CrowdEstimate
from edge.crowds.near import median_nearest
from edge.detections import Detections
from edge.geometry import Polygon
from edge.presence.episodes import Presence
from edge.signals import FlowField, TileRegion

DENSE_PEOPLE = 5
DENSE_NEAREST_M = 0.7
"""Median distance to the nearest neighbour at two people per square metre in rows; closer people hide each other."""
DENSE_MEMORY_S = 60.0
"""A crowd counts as dense for this long after people were last counted shoulder to shoulder, because the densest crowds
are not detected at all. Estimates from tiles, which also see a standing crowd, prolong it."""
MOVING = 0.3
"""Body heights per second from which a corner of the frame moves."""
MIN_CORNERS = 15
MIN_MOVING_SHARE = 0.3
MIN_RADIUS = 0.2
"""Body heights from the middle of the movement within which a direction says nothing about divergence."""


@dataclass(frozen=True, slots=True)
class ZoneFlow:
    """How a dense crowd moves. speed: median of what moves, body heights per second. divergence: -1 to 1.

    people: the most people counted before the crowd became too dense, or the low end of its estimate if that is higher.
    """

    speed: float
    divergence: float
    people: int


class DenseCrowd:
    """Watches one zone for a dense crowd."""

    def __init__(self, polygon: Polygon) -> None:
        self._polygon = polygon
        self._count = CrowdCount(polygon)
        self._dense_s = -math.inf
        self._body_height = 0.0
        self._people = 0

    @property
    def estimate(self) -> CrowdEstimate | None:
        """How many people the zone may hold while they are too dense to count; None while they can be counted."""
        return self._count.estimate

    def tile_region(self, now_s: float, people: Detections, heights: BodyHeights) -> TileRegion | None:
        """Where tiled inference is needed now; None if nowhere. people: all of the frame, low scores included."""
        return self._count.tile_region(now_s, people, heights)

    def observe_tiles(self, presence: Presence, tile_detections: Detections | None, heights: BodyHeights) -> None:
        """Take in what tiles showed, None if none ran, beside the people counted at that moment."""
        self._count.observe(presence.at.mono_s, presence.count, tile_detections, heights)

    def observe(self, presence: Presence, people: Detections, metres_per_unit: float) -> None:
        """Take in who is in the zone. metres_per_unit: length in metres of the presence's unit."""
        if presence.count < DENSE_PEOPLE:
            return
        nearest = median_nearest(presence.present)
        if nearest is not None and nearest * metres_per_unit <= DENSE_NEAREST_M:
            if not self._was_close(presence.at.mono_s):
                self._people = 0
            self._dense_s = presence.at.mono_s
            self._people = max(self._people, presence.count)
            boxes = people.boxes_xyxyn
            if len(boxes):
                self._body_height = median((boxes[:, 3] - boxes[:, 1]).tolist())

    def is_dense(self, now_s: float) -> bool:
        """Whether the zone holds a crowd that is too dense to detect."""
        return self.estimate is not None or self._was_close(now_s)

    def flow(self, field: FlowField | None, now_s: float, aspect: float) -> ZoneFlow | None:
        """How the dense crowd moves; None without a dense crowd, and where too little of the zone moves."""
        if field is None or not self.is_dense(now_s) or self._body_height <= 0.0:
            return None
        here = self._polygon.contains(field.places_xyn)
        if here.sum() < MIN_CORNERS:
            return None
        places = field.places_xyn[here] * np.array([aspect, 1.0])
        velocities = field.velocities[here] / self._body_height
        speeds = np.hypot(*velocities.T)
        moving = speeds >= MOVING
        if moving.mean() < MIN_MOVING_SHARE:
            return None
        from_middle = places[moving] - np.median(places[moving], axis=0)
        radii = np.hypot(*from_middle.T)
        outward = (from_middle * velocities[moving]).sum(axis=1) / np.maximum(radii * speeds[moving], 1e-9)
        far = radii > MIN_RADIUS * self._body_height
        divergence = float(outward[far].mean()) if far.any() else 0.0
        people = self._people if self.estimate is None else max(self._people, round(self.estimate.low))
        return ZoneFlow(float(np.median(speeds[moving])), divergence, people)

    def _was_close(self, now_s: float) -> bool:
        return now_s - self._dense_s <= DENSE_MEMORY_S
