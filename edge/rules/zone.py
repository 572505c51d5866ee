"""`WatchedZone`: presence, crowd watch, rules and learned state of one zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from contract.clock import Instant
from contract.reasons import Reason
from edge.config.hours import CalendarOverride
from edge.crowds.body_height import BodyHeights
from edge.crowds.crowd_count import CrowdEstimate
from edge.crowds.dense import DenseCrowd
from edge.detections import Detections
from edge.geometry import Located, Plane, Polygon
from edge.learned.state import ZoneLearned
from edge.presence.episodes import ZonePresence
from edge.presence.stitch import Stitched
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.learner import ZoneLearner
from edge.rules.moment import BODY_HEIGHT_M, PersonMotion, ZoneMoment
from edge.rules.registry import build_rules
from edge.signals import Observation, Signal, TileRegion


@dataclass(frozen=True, slots=True)
class Scene:
    """One observation with what all zones of the camera share.

    local: the camera's local time. override: of the calendar, if one holds now. people: the tracked ones. located and
    stitched: their places and their persons, in the same order.
    """

    observation: Observation
    local: datetime
    override: CalendarOverride | None
    people: Detections
    located: Located
    stitched: Stitched


class WatchedZone:
    """One zone of one camera. heights: of bodies in the camera's frame, kept by the engine."""

    def __init__(self, context: RuleContext, plane: Plane, learned: ZoneLearned, heights: BodyHeights) -> None:
        self.zone_id = context.zone.id
        self._polygon = Polygon.of(context.zone.polygon)
        self._metric = plane.metric
        self._area_m2 = plane.area_m2(self._polygon)
        self._heights = heights
        self._presence = ZonePresence(self._polygon)
        self._crowd = DenseCrowd(self._polygon)
        self._rules = build_rules(context)
        self._learned = learned
        self._learner = ZoneLearner(learned)

    @property
    def crowd_estimate(self) -> CrowdEstimate | None:
        """How many people the zone may hold while they are too close to count."""
        return self._crowd.estimate

    def needs_flow(self, now_s: float) -> bool:
        """Whether a rule needs the optical flow of a crowd that is there now."""
        return any(rule.uses_crowd_flow for rule in self._rules) and self._crowd.is_dense(now_s)

    def tile_region(self, now_s: float, people: Detections) -> TileRegion | None:
        """Where a rule needs tiled inference now; None if nowhere. people: all detections of the frame."""
        if not any(rule.uses_crowd_estimate for rule in self._rules):
            return None
        return self._crowd.tile_region(now_s, people, self._heights)

    def observe(self, scene: Scene) -> Iterator[tuple[ZoneRule, list[Signal]]]:
        """Take in the next scene; each rule with its signals, then learn from the moment."""
        moment = self._moment(scene)
        for rule in self._rules:
            yield rule, rule.observe(moment)
        suppressed = any(rule.suppresses_learning for rule in self._rules)
        self._learner.observe(moment, unusual=suppressed, special=scene.override is not None)

    def close(self, at: Instant, reason: Reason) -> Iterator[tuple[ZoneRule, list[Signal]]]:
        """End everything that is open; each rule with its signals."""
        self._presence.reset()
        for rule in self._rules:
            yield rule, rule.close(at, reason)

    def _moment(self, scene: Scene) -> ZoneMoment:
        seen, people = scene.observation, scene.people
        at, aspect = seen.captured, seen.aspect
        presence = self._presence.observe(at, people, scene.located, scene.stitched, aspect)
        self._crowd.observe(presence, people, 1.0 if self._metric else BODY_HEIGHT_M)
        self._crowd.observe_tiles(presence, seen.tile_detections, self._heights)
        return ZoneMoment(
            at=at,
            local=scene.local,
            presence=presence,
            metric=self._metric,
            load_people=partial(_motions, self._polygon, scene),
            area_m2=self._area_m2,
            learned=self._learned,
            limit_factor=1.0 if scene.override is None else scene.override.limit_factor,
            flow=self._crowd.flow(seen.optical_flow, at.mono_s, aspect),
            crowd=self._crowd.estimate,
        )


def _motions(polygon: Polygon, scene: Scene) -> tuple[PersonMotion, ...]:
    located, stitched = scene.located, scene.stitched
    return tuple(
        PersonMotion(person_id, track_id, (x, y), unit, velocity, (foot_x, foot_y), inside)
        for person_id, track_id, (x, y), unit, velocity, (foot_x, foot_y), inside in zip(
            stitched.person_ids,
            scene.people.track_ids.tolist(),
            located.positions.tolist(),
            located.unit_lengths.tolist(),
            stitched.velocities,
            located.feet_xyn.tolist(),
            polygon.contains(located.feet_xyn).tolist(),
            strict=True,
        )
    )
