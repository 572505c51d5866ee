"""`CameraBehaviours`: all zones and rules of one camera behind one `observe`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from contract.clock import Instant
from contract.reasons import Reason
from edge.calibration.ground import GroundPlane, calibrate
from edge.calibration.solve import CalibrationError
from edge.config.calibration import CalibrationConfig
from edge.config.hours import CalendarConfig
from edge.config.rules import Mode
from edge.config.zones import ZoneConfig
from edge.crowds.body_height import BodyHeights
from edge.crowds.crowd_count import CrowdEstimate
from edge.detections import Detections
from edge.geometry import FramePlane, Plane, Polygon
from edge.learned.state import CameraLearned
from edge.presence.stitch import Stitcher
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.registry import build_rules
from edge.rules.shadow import ShadowLog
from edge.rules.zone import Scene, WatchedZone
from edge.signals import Observation, ObservationRequest, Signal, TileRegion


class CameraBehaviours:
    """The rules of one camera. Not thread-safe: one thread observes.

    shadow: the signals of rules in shadow mode.
    """

    def __init__(
        self,
        zones: Sequence[ZoneConfig],
        *,
        calendar: CalendarConfig | None = None,
        plane: Plane | None = None,
        learned: CameraLearned | None = None,
        spot_checks: random.Random | None = None,
    ) -> None:
        """`plane`: where people stand; without it distances are body heights in the frame. `learned`: the camera's
        learned state, which `observe` changes and the caller stores. `spot_checks`: the source of randomness of spot
        checks; without it there are none.
        """
        self._calendar = calendar or CalendarConfig()
        self._plane: Plane = plane or FramePlane()
        self._learned = learned or CameraLearned()
        self._stitcher = Stitcher()
        self._heights = BodyHeights()
        self._zones = tuple(
            WatchedZone(
                RuleContext(zone, self._calendar, spot_checks),
                self._plane,
                self._learned.zone(zone.id, zone.polygon),
                self._heights,
            )
            for zone in zones
        )
        self._last_s: float | None = None
        self._people_count = 0
        self.shadow = ShadowLog()

    @property
    def people_count(self) -> int:
        """Tracked people in the last observation, in zones or not."""
        return self._people_count

    @property
    def crowds(self) -> dict[str, CrowdEstimate]:
        """By zone, how many people it may hold while they are too many or too close to count."""
        found = {zone.zone_id: zone.crowd_estimate for zone in self._zones}
        return {zone_id: one for zone_id, one in found.items() if one is not None}

    @property
    def learned(self) -> CameraLearned:
        """What the camera has learned so far."""
        return self._learned

    def requests(self, now_s: float, people: Detections) -> ObservationRequest:
        """What the observation of `people` (all detections of the frame, tracked or not) should carry besides."""
        flow = any(zone.needs_flow(now_s) for zone in self._zones)
        return ObservationRequest(optical_flow=flow, tiles=self._tile_region(now_s, people))

    def observe(self, observation: Observation) -> list[Signal]:
        """Take in the next observation and return the signals of rules that alert.

        Raises ValueError if the observation is older than the last one.
        """
        at = observation.captured
        if self._last_s is not None and at.mono_s < self._last_s:
            raise ValueError(f"observations must not go back in time: {at.mono_s:.3f} s after {self._last_s:.3f} s")
        self._last_s = at.mono_s
        people = observation.people.tracked
        if not self._heights.is_known or not self.crowds:  # in a dense crowd only the front row is seen whole
            self._heights.observe(observation.people)
        self._people_count = len(people)
        located = self._plane.locate(people, observation.aspect)
        stitched = self._stitcher.observe(at.mono_s, people, located)
        local, override = self._calendar.local(at.utc), self._calendar.override_at(at.utc)
        scene = Scene(observation, local, override, people, located, stitched)
        return self._alerting(reported for zone in self._zones for reported in zone.observe(scene))

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """End everything that is open, because the view was lost or the worker stops. People still there begin anew."""
        self._stitcher.reset()
        return self._alerting(reported for zone in self._zones for reported in zone.close(at, reason))

    def _alerting(self, reported: Iterable[tuple[ZoneRule, list[Signal]]]) -> list[Signal]:
        """The signals of rules that alert; those of rules in shadow mode go to the shadow log."""
        alerting: list[Signal] = []
        for rule, signals in reported:
            if rule.mode is Mode.ALERT:
                alerting.extend(signals)
            else:
                self.shadow.add(signals)
        return alerting

    def _tile_region(self, now_s: float, people: Detections) -> TileRegion | None:
        """The smallest region that covers what each zone asks for."""
        found = [zone.tile_region(now_s, people) for zone in self._zones]
        regions = [one for one in found if one is not None]
        if not regions:
            return None
        left, top, right, bottom = zip(*(one.region for one in regions), strict=True)
        tallest = max(one.body_height for one in regions)
        return TileRegion((min(left), min(top), max(right), max(bottom)), tallest)


def build_behaviours(
    zones: Sequence[ZoneConfig],
    *,
    calendar: CalendarConfig | None = None,
    calibration: CalibrationConfig | None = None,
    learned: CameraLearned | None = None,
    spot_checks: random.Random | None = None,
    aspect: float = 16 / 9,
) -> CameraBehaviours:
    """The rules of a camera as its settings ask, for frames of this aspect (width / height).

    Raises CalibrationError (a ValueError) for marks that fit no ground, for a calibration whose residual is too large,
    and for a rule that needs square metres without calibration or on a zone that reaches above the horizon.
    """
    plane = None if calibration is None else GroundPlane(calibrate(calibration, aspect))
    for zone in zones:
        if plane is None or plane.area_m2(Polygon.of(zone.polygon)) is None:
            why = "the camera is not calibrated" if plane is None else "the zone reaches above the horizon"
            if refused := _area_rules(zone):
                raise CalibrationError(f"zone {zone.id!r}: {refused[0].kind.value} needs square metres, and {why}")
    return CameraBehaviours(zones, calendar=calendar, plane=plane, learned=learned, spot_checks=spot_checks)


def without_area_rules(zone: ZoneConfig) -> ZoneConfig:
    """The zone without the rules that need square metres, for a camera whose calibration was refused."""
    off = {rule.kind.value: None for rule in _area_rules(zone)}
    return zone.model_copy(update={"rules": zone.rules.model_copy(update=off)})


def _area_rules(zone: ZoneConfig) -> list[ZoneRule]:
    return [rule for rule in build_rules(RuleContext(zone, CalendarConfig())) if rule.needs_area]
