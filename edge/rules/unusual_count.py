"""Unusual count: far more people than this hour of the week has seen. Silent until it has learned for two weeks."""

from __future__ import annotations

import math
import statistics
from collections import deque

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import UnusualCountConfig
from edge.config.zones import ZoneConfig
from edge.rules.base import Findings, Reporter, ZoneMoment, lasted, track_ids_of
from edge.rules.latch import Latch
from edge.signals import Signal

LIMIT_EVERY_S = 60.0
COUNT_OVER_S = 10.0
"""The median count of so many seconds is judged: a detector that blinks starts no delay anew."""


class UnusualCountRule:
    """See `docs/behaviours.md`, Unusual count."""

    def __init__(self, zone: ZoneConfig, config: UnusualCountConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.UNUSUAL_COUNT, zone.id, config, calendar)
        self._latch = Latch(config.on_delay_s, config.off_delay_s)
        self._key: str | None = None
        self._counts: deque[tuple[float, int]] = deque()
        self._limit: float = math.inf
        self._limit_hour: int = -1
        self._limit_s = -math.inf

    @property
    def firing(self) -> bool:
        """Whether the count is unusual right now, so that it is not learned as usual."""
        return self._latch.on

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        count = self._steady_count(moment)
        limit = self._limit_at(moment)
        over = count > limit and (self._latch.on or self._reporter.may_begin(moment))
        switched = self._latch.observe(moment.at, over=over, clear=count <= 0.8 * limit)
        if self._key is not None:
            self._reporter.update(self._key, people_count=count, track_ids=())
        if not switched:
            return []
        began = self._latch.began or moment.at
        if self._latch.on:
            return [self._begin(moment, began, count, limit)]
        if self._key is None:
            return []
        key, self._key = self._key, None
        usual = Reason(code="usual_count_again")
        return [self._reporter.end(key, moment.at, (usual, lasted(moment.at.mono_s - began.mono_s)))]

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._latch.reset()
        self._counts.clear()
        self._key = None
        return self._reporter.close(at, reason)

    def _steady_count(self, moment: ZoneMoment) -> int:
        now_s = moment.at.mono_s
        self._counts.append((now_s, moment.presence.count))
        while now_s - self._counts[0][0] >= COUNT_OVER_S:
            self._counts.popleft()
        return statistics.median_low(count for _, count in self._counts)

    def _limit_at(self, moment: ZoneMoment) -> float:
        """The count above which it is unusual; infinite while still learning, or where the calendar says so."""
        now_s = moment.at.mono_s
        if moment.hour_of_week != self._limit_hour or now_s - self._limit_s >= LIMIT_EVERY_S:
            self._limit_hour, self._limit_s = moment.hour_of_week, now_s
            self._limit = self._learned_limit(moment)
        return self._limit

    def _learned_limit(self, moment: ZoneMoment) -> float:
        learned = moment.learned
        if learned is None or moment.limit_factor is None:
            return math.inf
        if learned.counts.age_days(moment.at.utc.timestamp()) < self._config.learning_days:
            return math.inf
        usual = learned.counts.limit(moment.hour_of_week, self._config.quantile)
        return max(float(usual), self._config.min_people - 1.0) * moment.limit_factor

    def _begin(self, moment: ZoneMoment, began: Instant, count: int, limit: float) -> Signal:
        reasons = (
            Reason(code="unusual_count", params={"count": count, "usual": limit}),
            lasted(moment.at.mono_s - began.mono_s),
        )
        inside = track_ids_of(moment.presence.present)
        score = 1.0 - 0.5 * limit / max(1, count)
        signal = self._reporter.begin(moment.at, Findings(began, score, reasons, count, inside))
        self._key = signal.key
        return signal
