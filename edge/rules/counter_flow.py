"""Counter-flow: a person moves against the direction in which nearly everybody moves there."""

from __future__ import annotations

from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import CounterFlowConfig
from edge.learned.dwell import cell_of
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.moment import ZoneMoment
from edge.rules.movement import MovementFollower
from edge.signals import Signal

MOVING = 0.5
"""Units per second above which a person's direction counts."""


class CounterFlowRule(ZoneRule):
    """See `docs/behaviours.md`, Counter-flow."""

    kind = Rule.COUNTER_FLOW

    def __init__(self, context: RuleContext, config: CounterFlowConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._follower = MovementFollower(self._reporter, config.duration_s)

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals = self._follower.end_over(moment.at)
        if moment.learned is None:
            return signals
        against = {}
        for one in moment.people:
            if one.inside and one.speed > MOVING:
                share = moment.learned.flow.share(cell_of(*one.foot_xyn), one.velocity)
                if share is not None and share <= self._config.max_share:
                    against[one.person_id] = (one, 1.0 - share)
        for person, course in self._follower.follow(moment, against):
            reason = Reason(code="against_the_flow", params={"share": 1.0 - course.strongest})
            signals.append(self._follower.begin(moment, person, course, 0.5 * course.strongest, reason))
        return signals

    def _forget(self) -> None:
        self._follower.forget()
