"""Density: more people per square metre of the zone than is safe. Only on calibrated cameras."""

from __future__ import annotations

from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import DensityConfig
from edge.rules.base import RuleContext
from edge.rules.level import Level, LevelRule
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import people_estimated


class DensityRule(LevelRule):
    """See `docs/behaviours.md`, Density."""

    kind = Rule.DENSITY
    uses_crowd_estimate = True
    needs_area = True
    normal_again = Reason(code="below_density")

    def __init__(self, context: RuleContext, config: DensityConfig) -> None:
        super().__init__(context, config)
        self._config = config

    def _level(self, moment: ZoneMoment) -> Level | None:
        if moment.area_m2 is None:
            return None
        count = moment.estimated_count
        density = count / moment.area_m2
        few = count < self._config.min_people
        return Level(
            value=density,
            limit=self._config.limit_per_m2,
            above=density > self._config.limit_per_m2 and not few,
            clear=density <= self._config.clear_at_per_m2 or few,
            people_count=moment.presence.count,
        )

    def _explain(self, moment: ZoneMoment, level: Level) -> tuple[float, tuple[Reason, ...]]:
        score = 0.5 + 0.5 * (level.value - level.limit) / level.limit
        crowd, area_m2 = moment.crowd, moment.area_m2
        if crowd is None or area_m2 is None:
            params = {"density": level.value, "limit": level.limit}
            return score, (Reason(code="people_per_square_metre", params=params),)
        ends = {"density_low": crowd.low / area_m2, "density_high": crowd.high / area_m2}
        estimate = Reason(code="density_estimated", params={**ends, "limit": level.limit})
        return score, (people_estimated(crowd), estimate)
