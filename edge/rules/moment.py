"""`ZoneMoment`: one zone at one moment, as the engine shows it to every rule of the zone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from contract.clock import Instant
from edge.crowds.crowd_count import CrowdEstimate
from edge.crowds.dense import ZoneFlow
from edge.learned.state import ZoneLearned
from edge.presence.episodes import Presence
from edge.presence.stitch import MAX_GAP_S

UNSEEN_AFTER_S = MAX_GAP_S
"""Seconds between two observations beyond which delays start again, because nobody knows what happened meanwhile."""
BODY_HEIGHT_M = 1.65
"""Metres in a body height, the unit of length on a camera without calibration."""


@dataclass(frozen=True, slots=True)
class PersonMotion:
    """One tracked person in the frame and how this person moves.

    position: x, y on the plane. unit: length of one unit at that position (`edge.geometry.Located`). velocity: x, y in
    units per second. foot_xyn: the foot point in normalised coordinates. inside: the foot point is in the zone.
    """

    person_id: int
    track_id: int
    position: tuple[float, float]
    unit: float
    velocity: tuple[float, float]
    foot_xyn: tuple[float, float]
    inside: bool

    @property
    def speed(self) -> float:
        """Units per second."""
        return math.hypot(*self.velocity)


@dataclass(frozen=True)
class ZoneMoment:
    """One zone at one moment.

    local: the camera's local time. metric: whether a unit is a metre; otherwise it is a body height. area_m2: of the
    zone on the ground, None without calibration. learned: what the zone has learned so far, for rules to read.
    limit_factor: by how much the calendar raises the usual count today; None if no count is unusual today.
    flow: how a crowd moves that is too dense for detection person by person; None without such a crowd. crowd: the
    estimated size of a crowd that is too dense to count; None while people can be counted. The engine measures both
    only for rules that set `uses_crowd_flow` or `uses_crowd_estimate`. load_people: see `people`.
    """

    at: Instant
    local: datetime
    presence: Presence
    metric: bool
    load_people: Callable[[], tuple[PersonMotion, ...]] = tuple
    area_m2: float | None = None
    learned: ZoneLearned | None = None
    limit_factor: float | None = 1.0
    flow: ZoneFlow | None = None
    crowd: CrowdEstimate | None = None

    @cached_property
    def people(self) -> tuple[PersonMotion, ...]:
        """All tracked people in the frame, inside the zone or not. Computed on first use: most moments need none."""
        return self.load_people()

    @property
    def estimated_count(self) -> int:
        """People in the zone: the count, or the middle of the crowd's estimate where that is higher."""
        return self.presence.count if self.crowd is None else max(self.presence.count, round(self.crowd.people))

    @property
    def hour_of_week(self) -> int:
        """0 to 167 in local time; 0 is Monday 00:00 to 01:00."""
        return self.local.weekday() * 24 + self.local.hour

    def in_units(self, metres: float) -> float:
        """Metres (or metres per second) in the units of this moment."""
        return metres if self.metric else metres / BODY_HEIGHT_M
