"""Occupancy: more people in the zone than it should hold, with delays and hysteresis, so that jitter is no incident."""

from __future__ import annotations

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import OccupancyConfig
from edge.config.zones import ZoneConfig
from edge.presence.episodes import COUNT_HOLD_S, Episode
from edge.rules.base import UNSEEN_AFTER_S, Findings, Reporter, ZoneMoment, lasted
from edge.rules.signal import Signal


class Latch:
    """A condition that must hold for `on_s` before it counts, and be clear for `off_s` before it counts no more.

    Two conditions and not one, so that between them (hysteresis) nothing changes. A pause of observations longer
    than `UNSEEN_AFTER_S` starts a delay anew, because nobody knows what happened meanwhile.
    """

    def __init__(self, on_s: float, off_s: float) -> None:
        self._on_s, self._off_s = on_s, off_s
        self._since: Instant | None = None
        self._last_s: float | None = None
        self.on = False
        self.began: Instant | None = None

    def observe(self, at: Instant, *, over: bool, clear: bool) -> bool:
        """Take in one moment; true if the latch has just switched. `began` then says since when it has been over."""
        unseen = self._last_s is not None and at.mono_s - self._last_s > UNSEEN_AFTER_S
        self._last_s = at.mono_s
        heading = clear if self.on else over
        if not heading:
            self._since = None
            return False
        if self._since is None or unseen:
            self._since = at
        if at.mono_s - self._since.mono_s < (self._off_s if self.on else self._on_s):
            return False
        self.began = self._since if not self.on else self.began
        self.on, self._since = not self.on, None
        return True

    def reset(self) -> None:
        self.on, self._since, self.began = False, None, None


class OccupancyRule:
    """See `docs/behaviours.md`, Occupancy."""

    def __init__(self, zone: ZoneConfig, config: OccupancyConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.OCCUPANCY, zone.id, config, calendar)
        self._latch = Latch(config.on_delay_s, config.off_delay_s)
        self._key: str | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        count = moment.presence.count
        over = count > self._config.capacity and (self._latch.on or self._reporter.may_begin(moment))
        switched = self._latch.observe(moment.at, over=over, clear=count <= self._config.clear_at)
        if self._key is not None:
            self._reporter.update(self._key, people_count=count, track_ids=())
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
        over = Reason(code="people_over_capacity", params={"count": count, "capacity": self._config.capacity})
        score = min(1.0, 0.5 + 0.5 * (count - self._config.capacity) / self._config.capacity)
        reasons = (over, lasted(moment.at.mono_s - began.mono_s))
        inside = tuple(dict.fromkeys(one.track_ids[-1] for one in present(moment)))
        signal = self._reporter.begin(moment.at, Findings(began, score, reasons, count, inside))
        self._key = signal.key
        return signal

    def _end(self, at: Instant) -> list[Signal]:
        if self._key is None:
            return []
        key, self._key = self._key, None
        began = self._latch.began or at
        below = Reason(code="below_capacity")
        return [self._reporter.end(key, at, (below, lasted(at.mono_s - began.mono_s)))]


def present(moment: ZoneMoment) -> list[Episode]:
    """The stays that the count counts."""
    now_s = moment.at.mono_s
    return [
        one
        for one in moment.presence.open
        if one.outside_since is None and now_s - one.last_inside.mono_s <= COUNT_HOLD_S
    ]
