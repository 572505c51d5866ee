"""Running: a person runs where people walk."""

from __future__ import annotations

from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import RunningConfig
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.moment import ZoneMoment
from edge.rules.movement import MovementFollower
from edge.signals import Signal

STEADY_SHARE = 0.7
"""Share of a person's sightings since the start that must be fast. Feet that an obstacle hides and shows again appear
to jump, and each jump looks like running for a moment."""


class RunningRule(ZoneRule):
    """See `docs/behaviours.md`, Running."""

    kind = Rule.RUNNING

    def __init__(self, context: RuleContext, config: RunningConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._follower = MovementFollower(self._reporter, config.duration_s)

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        limit = moment.in_units(self._config.speed_mps)
        runners = {one.person_id: (one, one.speed) for one in moment.people if one.inside and one.speed > limit}
        signals = self._follower.end_over(moment.at)
        for person, course in self._follower.follow(moment, runners):
            if course.matching < STEADY_SHARE * course.sightings:
                continue
            code, name = ("people_ran", "speed_mps") if moment.metric else ("people_ran_body_heights", "speed")
            reason = Reason(code=code, params={"count": 1, name: course.strongest})
            score = 0.5 * course.strongest / limit
            signals.append(self._follower.begin(moment, person, course, score, reason))
        return signals

    def _forget(self) -> None:
        self._follower.forget()
