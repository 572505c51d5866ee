"""Unusual count: far more people than usual in this hour of the week. Silent while the zone still learns."""

from __future__ import annotations

import math
import statistics
from collections import deque

from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import UnusualCountConfig
from edge.rules.base import RuleContext
from edge.rules.level import Level, LevelRule
from edge.rules.moment import ZoneMoment

LIMIT_EVERY_S = 60.0
"""Seconds after which the limit is computed again within the same hour."""
COUNT_OVER_S = 10.0
"""The count is the median of the last so many seconds, so that single missed detections restart no delay."""
CLEAR_SHARE = 0.8
"""Share of the limit at or below which the count is usual again."""


class UnusualCountRule(LevelRule):
    """See `docs/behaviours.md`, Unusual count."""

    kind = Rule.UNUSUAL_COUNT
    normal_again = Reason(code="usual_count_again")

    def __init__(self, context: RuleContext, config: UnusualCountConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._counts: deque[tuple[float, int]] = deque()
        self._limit = math.inf
        self._limit_hour = -1
        self._limit_s = -math.inf

    @property
    def suppresses_learning(self) -> bool:
        return self._latch.on

    def _level(self, moment: ZoneMoment) -> Level:
        count, limit = self._steady_count(moment), self._limit_at(moment)
        return Level(
            value=count, limit=limit, above=count > limit, clear=count <= CLEAR_SHARE * limit, people_count=count
        )

    def _explain(self, moment: ZoneMoment, level: Level) -> tuple[float, tuple[Reason, ...]]:  # noqa: ARG002 -- the base's
        score = 1.0 - 0.5 * level.limit / max(1.0, level.value)
        return score, (Reason(code="unusual_count", params={"count": level.value, "usual": level.limit}),)

    def _forget(self) -> None:
        super()._forget()
        self._counts.clear()

    def _steady_count(self, moment: ZoneMoment) -> int:
        now_s = moment.at.mono_s
        self._counts.append((now_s, moment.presence.count))
        while now_s - self._counts[0][0] >= COUNT_OVER_S:
            self._counts.popleft()
        return statistics.median_low(count for _, count in self._counts)

    def _limit_at(self, moment: ZoneMoment) -> float:
        """The count above which it is unusual; infinite while learning and where the calendar allows any count."""
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
