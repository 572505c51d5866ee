"""`ZoneLearner`: feeds a zone's learned state from its moments. Rules only read that state."""

from __future__ import annotations

import math

from edge.learned.dwell import cell_of
from edge.learned.flow import FlowMap
from edge.learned.state import Pending, ZoneLearned
from edge.rules.moment import ZoneMoment

MOVING = 0.4
"""Units per second from which the direction of a movement is worth learning."""
COUNT_EVERY_S = 60.0
MOVE_EVERY_S = 1.0
EXCLUDED_AT_MOST_S = 7200.0
"""Seconds for which an unusual count is not learned. What lasts longer becomes usual."""


class ZoneLearner:
    """Teaches one zone. Counts and stays wait a day for a verdict (`Pending`); movement is learned at once."""

    def __init__(self, learned: ZoneLearned) -> None:
        self._learned = learned
        self._counted_s = -math.inf
        self._moved_s = -math.inf
        self._unusual_since_s: float | None = None

    def observe(self, moment: ZoneMoment, *, unusual: bool, special: bool) -> None:
        """Learn from a moment.

        unusual: a rule finds the count unusual, see `ZoneRule.suppresses_learning`. special: the calendar has an
        override today; then neither counts nor stays are learned.
        """
        now_s, utc_s = moment.at.mono_s, moment.at.utc.timestamp()
        if not unusual:
            self._unusual_since_s = None
        elif self._unusual_since_s is None:
            self._unusual_since_s = now_s
        excluded = self._unusual_since_s is not None and now_s - self._unusual_since_s < EXCLUDED_AT_MOST_S
        for episode in moment.presence.left:
            if not special:
                cell = cell_of(*episode.path.middle_xyn())
                self._learned.see(Pending(utc_s, "dwell", moment.hour_of_week, cell, episode.dwell_s))
        if now_s - self._counted_s >= COUNT_EVERY_S:
            self._counted_s = now_s
            if not (excluded or special):
                count = float(moment.presence.count)
                self._learned.see(Pending(utc_s, "count", moment.hour_of_week, 0, count))
            self._learned.settle(utc_s)
        if now_s - self._moved_s >= MOVE_EVERY_S:
            elapsed_s = min(MOVE_EVERY_S * 2, now_s - self._moved_s)
            self._moved_s = now_s
            _learn_movement(self._learned.flow, moment, elapsed_s)


def _learn_movement(flow: FlowMap, moment: ZoneMoment, elapsed_s: float) -> None:
    for person in moment.people:
        if person.inside and person.speed >= MOVING:
            flow.learn(cell_of(*person.foot_xyn), person.velocity, elapsed_s)
