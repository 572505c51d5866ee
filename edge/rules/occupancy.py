"""Occupancy: more people in the zone than its capacity."""

from __future__ import annotations

from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import OccupancyConfig
from edge.rules.base import RuleContext
from edge.rules.level import Level, LevelRule
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import people_estimated


class OccupancyRule(LevelRule):
    """See `docs/behaviours.md`, Occupancy."""

    kind = Rule.OCCUPANCY
    uses_crowd_estimate = True
    normal_again = Reason(code="below_capacity")

    def __init__(self, context: RuleContext, config: OccupancyConfig) -> None:
        super().__init__(context, config)
        self._config = config

    def _level(self, moment: ZoneMoment) -> Level:
        count, capacity = moment.estimated_count, self._config.capacity
        return Level(
            value=count,
            limit=capacity,
            above=count > capacity,
            clear=count <= self._config.clear_at,
            people_count=moment.presence.count,
        )

    def _explain(self, moment: ZoneMoment, level: Level) -> tuple[float, tuple[Reason, ...]]:
        score = 0.5 + 0.5 * (level.value - level.limit) / level.limit
        if moment.crowd is None:
            params = {"count": level.value, "capacity": level.limit}
            return score, (Reason(code="people_over_capacity", params=params),)
        limit = Reason(code="estimate_over_capacity", params={"capacity": level.limit})
        return score, (people_estimated(moment.crowd), limit)
