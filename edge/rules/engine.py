"""`CameraBehaviours`: all zones and rules of one camera behind one `observe`, with presence worked out once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.calibration.ground import GroundPlane, calibrate
from edge.calibration.solve import CalibrationError
from edge.config.calibration import CalibrationConfig
from edge.config.hours import CalendarConfig
from edge.config.rules import Mode
from edge.config.zones import ZoneConfig
from edge.crowds.body_height import BodyHeights
from edge.crowds.crowd_count import CrowdEstimate
from edge.crowds.dense import DenseCrowd
from edge.detections import Detections
from edge.geometry import FramePlane, Located, Plane, Polygon
from edge.learned.state import CameraLearned, ZoneLearned
from edge.presence.episodes import ZonePresence
from edge.presence.stitch import Stitched, Stitcher
from edge.rules.base import BODY_HEIGHT_M, Mover, ZoneMoment
from edge.rules.build import BuiltRule, build_rules
from edge.rules.learner import ZoneLearner
from edge.rules.shadow import ShadowLog
from edge.rules.unusual_count import UnusualCountRule
from edge.signals import Observation, ObservationRequest, Signal, TileRegion

CROWD_RULES = frozenset((Rule.OCCUPANCY, Rule.DENSITY, Rule.GATHERING, Rule.DISPERSAL))
"""The rules that go on when a crowd is too dense to count."""


@dataclass(frozen=True, slots=True)
class _Zone:
    zone_id: str
    polygon: Polygon
    presence: ZonePresence
    rules: tuple[BuiltRule, ...]
    learned: ZoneLearned
    learner: ZoneLearner
    area_m2: float | None
    dense: DenseCrowd

    @property
    def watches_crowds(self) -> bool:
        return any(one.kind in CROWD_RULES for one in self.rules)

    @property
    def watches_flow(self) -> bool:
        return any(one.kind is Rule.DISPERSAL for one in self.rules)

    @property
    def unusual(self) -> bool:
        return any(isinstance(one.rule, UnusualCountRule) and one.rule.firing for one in self.rules)


class CameraBehaviours:
    """The behaviours of one camera. Not thread-safe: one thread observes.

    plane: where people stand; the picture itself where the camera is not calibrated. learned: the camera's learned
    state, which this object changes as it observes; the caller stores it. shadow: what rules in shadow said.
    chance: picks stays that did not alert as spot checks; without it none are.
    """

    def __init__(
        self,
        zones: Sequence[ZoneConfig],
        *,
        calendar: CalendarConfig | None = None,
        plane: Plane | None = None,
        learned: CameraLearned | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._calendar = calendar or CalendarConfig()
        self._plane: Plane = plane or FramePlane()
        self._learned = learned or CameraLearned()
        self._chance = chance
        self._stitcher = Stitcher()
        self._heights = BodyHeights()
        self._zones = tuple(self._zone(zone) for zone in zones)
        self._last_s: float | None = None
        self._people_count = 0
        self.shadow = ShadowLog()

    @property
    def people_count(self) -> int:
        """Confirmed people in the last observation, in zones or not."""
        return self._people_count

    def requests(self, now_s: float, people: Detections) -> ObservationRequest:
        """What the observation of `people` (all detections of the frame, tracked or not) should carry besides."""
        dense = any(zone.watches_flow and zone.dense.is_dense(now_s) for zone in self._zones)
        return ObservationRequest(optical_flow=dense, tiles=self._tile_region(now_s, people))

    @property
    def crowds(self) -> dict[str, CrowdEstimate]:
        """By zone, how many people it may hold while they are too many or too close to count."""
        found = {zone.zone_id: zone.dense.estimate for zone in self._zones}
        return {zone_id: one for zone_id, one in found.items() if one is not None}

    @property
    def learned(self) -> CameraLearned:
        """What the camera has learned so far, to be stored now and then and at the end."""
        return self._learned

    def observe(self, observation: Observation) -> list[Signal]:
        """Take in one tracked observation and return what alerts; raises ValueError if time runs backwards."""
        at = observation.captured
        if self._last_s is not None and at.mono_s < self._last_s:
            raise ValueError(f"observations must not go back in time: {at.mono_s:.3f} s after {self._last_s:.3f} s")
        self._last_s = at.mono_s
        people = observation.people.tracked
        if not self._heights.is_known or not self.crowds:  # of a dense crowd only the front row is seen whole
            self._heights.observe(observation.people)
        self._people_count = len(people)
        located = self._plane.locate(people, observation.aspect)
        stitched = self._stitcher.observe(at.mono_s, people, located)
        local = self._calendar.local(at.utc)
        override = self._calendar.override_at(at.utc)
        signals: list[Signal] = []
        for zone in self._zones:
            presence = zone.presence.observe(at, people, located, stitched, observation.aspect)
            zone.dense.observe(presence, people, 1.0 if self._plane.metric else BODY_HEIGHT_M)
            zone.dense.observe_tiles(presence, observation.tile_detections, self._heights)
            moment = ZoneMoment(
                at=at,
                local=local,
                presence=presence,
                metric=self._plane.metric,
                movers=partial(_movers, zone.polygon, people, located, stitched),
                area_m2=zone.area_m2,
                learned=zone.learned,
                limit_factor=1.0 if override is None else override.limit_factor,
                flow=zone.dense.flow(observation.optical_flow, at.mono_s, observation.aspect),
                crowd=zone.dense.estimate,
            )
            for one in zone.rules:
                self._sort(one, one.rule.observe(moment), signals)
            zone.learner.observe(moment, unusual=zone.unusual, special=override is not None)
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """End everything that is open, because the camera is lost or the worker stops. Whoever is there begins anew."""
        self._stitcher.reset()
        signals: list[Signal] = []
        for zone in self._zones:
            zone.presence.reset()
            for one in zone.rules:
                self._sort(one, one.rule.close(at, reason), signals)
        return signals

    def _tile_region(self, now_s: float, people: Detections) -> TileRegion | None:
        """The smallest region that covers what each zone asks for."""
        places = [
            place
            for zone in self._zones
            if zone.watches_crowds and (place := zone.dense.tile_region(now_s, people, self._heights)) is not None
        ]
        if not places:
            return None
        left, top, right, bottom = zip(*(one.region for one in places), strict=True)
        tall = max(one.body_height for one in places)
        return TileRegion((min(left), min(top), max(right), max(bottom)), tall)

    def _zone(self, config: ZoneConfig) -> _Zone:
        polygon = Polygon.of(config.polygon)
        learned = self._learned.zone(config.id, config.polygon)
        return _Zone(
            zone_id=config.id,
            polygon=polygon,
            presence=ZonePresence(polygon),
            rules=tuple(build_rules(config, calendar=self._calendar, chance=self._chance)),
            learned=learned,
            learner=ZoneLearner(learned),
            area_m2=self._plane.area_m2(polygon),
            dense=DenseCrowd(polygon),
        )

    def _sort(self, one: BuiltRule, said: list[Signal], alerting: list[Signal]) -> None:
        if one.mode is Mode.ALERT:
            alerting.extend(said)
        else:
            self.shadow.add(said)


def build_behaviours(
    zones: Sequence[ZoneConfig],
    *,
    calendar: CalendarConfig | None = None,
    calibration: CalibrationConfig | None = None,
    learned: CameraLearned | None = None,
    chance: random.Random | None = None,
    aspect: float = 16 / 9,
) -> CameraBehaviours:
    """The behaviours of a camera as its settings ask.

    Raises CalibrationError (a ValueError) for marks that fit no ground, for a calibration whose residual is too large,
    and for a density rule without any calibration or on a zone that reaches above the horizon.
    """
    plane = None if calibration is None else GroundPlane(calibrate(calibration, aspect))
    for zone in zones:
        if zone.rules.density is not None and (plane is None or plane.area_m2(Polygon.of(zone.polygon)) is None):
            why = "the camera is not calibrated" if plane is None else "the zone reaches above the horizon"
            raise CalibrationError(f"zone {zone.id!r}: density needs square metres, and {why}")
    return CameraBehaviours(zones, calendar=calendar, plane=plane, learned=learned, chance=chance)


def _movers(polygon: Polygon, people: Detections, located: Located, stitched: Stitched) -> tuple[Mover, ...]:
    return tuple(
        Mover(person_id, track_id, (x, y), unit, velocity, (foot_x, foot_y), inside)
        for person_id, track_id, (x, y), unit, velocity, (foot_x, foot_y), inside in zip(
            stitched.person_ids,
            people.track_ids.tolist(),
            located.positions.tolist(),
            located.unit_lengths.tolist(),
            stitched.velocities,
            located.feet_xyn.tolist(),
            polygon.contains(located.feet_xyn).tolist(),
            strict=True,
        )
    )
