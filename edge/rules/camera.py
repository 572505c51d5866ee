"""`CameraBehaviours`: all zones and rules of one camera behind one `observe`, with presence worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.clock import Instant
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import Mode
from edge.config.zones import ZoneConfig
from edge.geometry import PicturePlane, Plane, Polygon
from edge.presence.episodes import ZonePresence
from edge.presence.stitch import Stitcher
from edge.rules.base import ZoneMoment, ZoneRule
from edge.rules.build import build_rules
from edge.rules.signal import Observation, Signal


@dataclass(frozen=True, slots=True)
class _Zone:
    presence: ZonePresence
    rules: tuple[tuple[Mode, ZoneRule], ...]


class CameraBehaviours:
    """The behaviours of one camera. Not thread-safe: one thread observes."""

    def __init__(self, zones: Sequence[ZoneConfig], *, calendar: CalendarConfig | None = None) -> None:
        self._calendar = calendar or CalendarConfig()
        self._plane: Plane = PicturePlane()
        self._stitcher = Stitcher()
        self._zones = tuple(
            _Zone(ZonePresence(Polygon.of(zone.polygon)), tuple(build_rules(zone, calendar=self._calendar)))
            for zone in zones
        )
        self._last_s: float | None = None
        self._people_count = 0

    @property
    def people_count(self) -> int:
        """Confirmed people in the last observation, in zones or not."""
        return self._people_count

    def observe(self, observation: Observation) -> list[Signal]:
        """Take in one tracked observation and return what alerts; raises ValueError if time runs backwards."""
        at = observation.captured
        if self._last_s is not None and at.mono_s < self._last_s:
            raise ValueError(f"observations must not go back in time: {at.mono_s:.3f} s after {self._last_s:.3f} s")
        self._last_s = at.mono_s
        people = observation.people.tracked
        self._people_count = len(people)
        located = self._plane.locate(people, observation.aspect)
        stitched = self._stitcher.observe(at.mono_s, people, located)
        local = self._calendar.local(at.utc)
        signals: list[Signal] = []
        for zone in self._zones:
            presence = zone.presence.observe(at, people, located, stitched, observation.aspect)
            moment = ZoneMoment(at, local, presence, self._plane.metric)
            for mode, rule in zone.rules:
                said = rule.observe(moment)
                if mode is Mode.ALERT:
                    signals.extend(said)
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """End everything that is open, because the camera is lost or the worker stops. Whoever is there begins anew."""
        self._stitcher.reset()
        signals: list[Signal] = []
        for zone in self._zones:
            zone.presence.reset()
            for mode, rule in zone.rules:
                said = rule.close(at, reason)
                if mode is Mode.ALERT:
                    signals.extend(said)
        return signals
