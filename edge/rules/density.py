"""Density: more people per square metre of the zone than is safe. Only where the camera is calibrated."""

from __future__ import annotations

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import DensityConfig
from edge.config.zones import ZoneConfig
from edge.rules.base import Findings, Reporter, ZoneMoment, estimated, lasted, track_ids_of
from edge.rules.latch import Latch
from edge.signals import Signal


class DensityRule:
    """See `docs/behaviours.md`, Density."""

    def __init__(self, zone: ZoneConfig, config: DensityConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.DENSITY, zone.id, config, calendar)
        self._latch = Latch(config.on_delay_s, config.off_delay_s)
        self._key: str | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        if moment.area_m2 is None:
            return []
        count = moment.people_or_so
        density = count / moment.area_m2
        over = density > self._config.limit_per_m2 and count >= self._config.min_people
        over = over and (self._latch.on or self._reporter.may_begin(moment))
        clear = density <= self._config.clear_at_per_m2 or count < self._config.min_people
        switched = self._latch.observe(moment.at, over=over, clear=clear)
        if self._key is not None:
            self._reporter.update(self._key, people_count=moment.presence.count, track_ids=())
        if not switched:
            return []
        began = self._latch.began or moment.at
        if self._latch.on:
            return [self._begin(moment, began, density, moment.area_m2)]
        if self._key is None:
            return []
        key, self._key = self._key, None
        below = Reason(code="below_density")
        return [self._reporter.end(key, moment.at, (below, lasted(moment.at.mono_s - began.mono_s)))]

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._latch.reset()
        self._key = None
        return self._reporter.close(at, reason)

    def _begin(self, moment: ZoneMoment, began: Instant, density: float, area_m2: float) -> Signal:
        limit, crowd = self._config.limit_per_m2, moment.crowd
        if crowd is None:
            over: tuple[Reason, ...] = (
                Reason(code="people_per_square_metre", params={"density": density, "limit": limit}),
            )
        else:
            ends = {"density_low": crowd.low / area_m2, "density_high": crowd.high / area_m2}
            over = (estimated(crowd), Reason(code="density_estimated", params={**ends, "limit": limit}))
        reasons = (*over, lasted(moment.at.mono_s - began.mono_s))
        score = 0.5 + 0.5 * (density - limit) / limit
        inside = moment.presence.present
        signal = self._reporter.begin(moment.at, Findings(began, score, reasons, len(inside), track_ids_of(inside)))
        self._key = signal.key
        return signal
