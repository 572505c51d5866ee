"""Crowds too dense to be detected one by one: when a zone holds one, and how the flow of its picture moves."""

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
"""At two people per square metre in rows the nearest stands so far away; beyond, boxes hide each other."""
DENSE_MEMORY_S = 60.0
"""So long after people were last counted shoulder to shoulder a crowd is taken to be there still: it is just when it is
too dense that it is no longer detected. Close looks, which find it standing there, prolong that."""
MOVING = 0.3
"""Body heights per second from which a corner of the picture belongs to something that moves."""
MIN_CORNERS = 15
MIN_MOVING_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class ZoneFlow:
    """How the picture moves in a zone: median speed of what moves, body heights per second; divergence, -1 to 1.

    people: as many as could be counted before the crowd became too dense, or the low end of its estimate.
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
        self._height = 0.0
        self._people = 0

    @property
    def estimate(self) -> CrowdEstimate | None:
        """How many people the zone may hold while they are too many or too close to count."""
        return self._count.estimate

    def place(self, now_s: float, everybody: Detections, heights: BodyHeights) -> TileRegion | None:
        """Where a close look at the zone is wanted now. everybody: of the picture, unsure ones included."""
        return self._count.place(now_s, everybody, heights)

    def look(self, presence: Presence, close_look: Detections | None, heights: BodyHeights) -> None:
        """Take in what a close look showed, if one was taken."""
        self._count.observe(presence.at.mono_s, presence.count, close_look, heights)

    def observe(self, presence: Presence, people: Detections, metres_per_unit: float) -> None:
        """Take in who is in the zone; `metres_per_unit` turns the presence's units into metres."""
        if presence.count < DENSE_PEOPLE:
            return
        nearest = median_nearest(presence.present)
        if nearest is not None and nearest * metres_per_unit <= DENSE_NEAREST_M:
            if not self._is_close(presence.at.mono_s):
                self._people = 0
            self._dense_s = presence.at.mono_s
            self._people = max(self._people, presence.count)
            boxes = people.boxes_xyxyn
            self._height = median((boxes[:, 3] - boxes[:, 1]).tolist()) if len(boxes) else self._height

    def is_dense(self, now_s: float) -> bool:
        """Whether a crowd is there that is too dense to detect."""
        return self.estimate is not None or self._is_close(now_s)

    def _is_close(self, now_s: float) -> bool:
        return now_s - self._dense_s <= DENSE_MEMORY_S

    def flow(self, field: FlowField | None, now_s: float, aspect: float) -> ZoneFlow | None:
        """The movement of the dense crowd; None if there is none, or if too little of the picture moves."""
        if field is None or not self.is_dense(now_s) or self._height <= 0.0:
            return None
        here = self._polygon.contains(field.places_xyn)
        if here.sum() < MIN_CORNERS:
            return None
        places = field.places_xyn[here] * np.array([aspect, 1.0])
        velocities = field.velocities[here] / self._height
        speeds = np.hypot(*velocities.T)
        moving = speeds >= MOVING
        if moving.mean() < MIN_MOVING_SHARE:
            return None
        out = places[moving] - np.median(places[moving], axis=0)
        away = np.hypot(*out.T)
        outward = (out * velocities[moving]).sum(axis=1) / np.maximum(away * speeds[moving], 1e-9)
        far = away > 0.2 * self._height
        divergence = float(outward[far].mean()) if far.any() else 0.0
        people = self._people if self.estimate is None else max(self._people, round(self.estimate.low))
        return ZoneFlow(float(np.median(speeds[moving])), divergence, people)
