"""Occupancy: more people in the zone than it should hold, with delays and hysteresis, so that jitter is no incident."""

from __future__ import annotations

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import OccupancyConfig
from edge.config.zones import ZoneConfig
from edge.rules.base import Findings, Reporter, ZoneMoment, estimated, lasted, track_ids_of
from edge.rules.latch import Latch
from edge.signals import Signal


class OccupancyRule:
    """See `docs/behaviours.md`, Occupancy."""

    def __init__(self, zone: ZoneConfig, config: OccupancyConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.OCCUPANCY, zone.id, config, calendar)
        self._latch = Latch(config.on_delay_s, config.off_delay_s)
        self._key: str | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        count = moment.people_or_so
        over = count > self._config.capacity and (self._latch.on or self._reporter.may_begin(moment))
        switched = self._latch.observe(moment.at, over=over, clear=count <= self._config.clear_at)
        if self._key is not None:
            self._reporter.update(self._key, people_count=moment.presence.count, track_ids=())
        if not switched:
            return []
        if self._latch.on:
            return [self._begin(moment, count)]
        return self._end(moment.at)

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._latch.reset()
        self._key = None
        return self._reporter.close(at, reason)

    def _begin(self, moment: ZoneMoment, count: int) -> Signal:
        began = self._latch.began or moment.at
        capacity = self._config.capacity
        if moment.crowd is None:
            over: tuple[Reason, ...] = (
                Reason(code="people_over_capacity", params={"count": count, "capacity": capacity}),
            )
        else:
            over = (estimated(moment.crowd), Reason(code="estimate_over_capacity", params={"capacity": capacity}))
        score = min(1.0, 0.5 + 0.5 * (count - capacity) / capacity)
        reasons = (*over, lasted(moment.at.mono_s - began.mono_s))
        inside = moment.presence.present
        signal = self._reporter.begin(moment.at, Findings(began, score, reasons, len(inside), track_ids_of(inside)))
        self._key = signal.key
        return signal

    def _end(self, at: Instant) -> list[Signal]:
        if self._key is None:
            return []
        key, self._key = self._key, None
        began = self._latch.began or at
        below = Reason(code="below_capacity")
        return [self._reporter.end(key, at, (below, lasted(at.mono_s - began.mono_s)))]
