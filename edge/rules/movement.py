"""Running and counter-flow: one person moves as people here do not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import CounterFlowConfig, RunningConfig
from edge.config.zones import ZoneConfig
from edge.learned.dwell import cell_of
from edge.rules.base import Findings, Mover, Reporter, ZoneMoment, in_units, lasted
from edge.signals import Signal

GIVES_UP_S = 1.0
"""A pause in the movement for longer than this ends it."""
OVER_S = 3.0
STEADY = 0.7
"""The share of a runner's sights since he began at which he runs. Feet that something hides and shows again jump to and
fro, and each jump looks like running for a moment."""
MOVING = 0.5
"""Units per second from which somebody goes somewhere."""


@dataclass(slots=True)
class _Course:
    since: Instant
    last_s: float
    top: float
    sights: int = 0
    odd_sights: int = 0
    key: str | None = None


class _Movement:
    """Follows people whose movement is of one kind, and reports each of them once it has lasted."""

    def __init__(self, reporter: Reporter, duration_s: float) -> None:
        self._reporter = reporter
        self._duration_s = duration_s
        self._courses: dict[int, _Course] = {}

    def follow(self, moment: ZoneMoment, moving: dict[int, tuple[Mover, float]]) -> list[tuple[Mover, _Course]]:
        """moving: by person, who moves so now and how strongly. Returns those who have done so for long enough."""
        now_s = moment.at.mono_s
        due = []
        for mover in moment.people:
            if mover.person_id in self._courses:
                self._courses[mover.person_id].sights += 1
        for person_id, (mover, strength) in moving.items():
            course = self._courses.setdefault(person_id, _Course(moment.at, now_s, strength))
            course.last_s, course.top = now_s, max(course.top, strength)
            course.odd_sights += 1
            if course.key is None and now_s - course.since.mono_s >= self._duration_s:
                due.append((mover, course))
        return due if due and self._reporter.may_begin(moment) else []

    def begin(self, moment: ZoneMoment, mover: Mover, course: _Course, score: float, reason: Reason) -> Signal:
        reasons = (reason, lasted(moment.at.mono_s - course.since.mono_s))
        signal = self._reporter.begin(moment.at, Findings(course.since, score, reasons, 1, (mover.track_id,)))
        course.key = signal.key
        return signal

    def end_over(self, at: Instant) -> list[Signal]:
        signals = []
        for person_id, course in list(self._courses.items()):
            quiet_s = at.mono_s - course.last_s
            if course.key is None and quiet_s > GIVES_UP_S:
                del self._courses[person_id]
            elif course.key is not None and quiet_s > OVER_S:
                del self._courses[person_id]
                signals.append(self._reporter.end(course.key, at, (Reason(code="calm_again"),)))
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._courses.clear()
        return self._reporter.close(at, reason)


class RunningRule:
    """See `docs/behaviours.md`, Running."""

    def __init__(self, zone: ZoneConfig, config: RunningConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._movement = _Movement(Reporter(Rule.RUNNING, zone.id, config, calendar), config.duration_s)

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        limit = in_units(self._config.speed_mps, moment)
        runners = {
            one.person_id: (one, speed)
            for one in moment.people
            if one.inside and (speed := math.hypot(*one.velocity)) > limit
        }
        signals = self._movement.end_over(moment.at)
        for mover, course in self._movement.follow(moment, runners):
            if course.odd_sights < STEADY * course.sights:
                continue
            code, name = ("people_ran", "speed_mps") if moment.metric else ("people_ran_body_heights", "speed")
            reason = Reason(code=code, params={"count": 1, name: course.top})
            score = min(1.0, 0.5 * course.top / limit)
            signals.append(self._movement.begin(moment, mover, course, score, reason))
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        return self._movement.close(at, reason)


class CounterFlowRule:
    """See `docs/behaviours.md`, Counter-flow."""

    def __init__(self, zone: ZoneConfig, config: CounterFlowConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._movement = _Movement(Reporter(Rule.COUNTER_FLOW, zone.id, config, calendar), config.duration_s)

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals = self._movement.end_over(moment.at)
        if moment.learned is None:
            return signals
        against = {}
        for one in moment.people:
            if one.inside and math.hypot(*one.velocity) > MOVING:
                share = moment.learned.flow.share(cell_of(*one.foot_xyn), one.velocity)
                if share is not None and share <= self._config.max_share:
                    against[one.person_id] = (one, 1.0 - share)
        for mover, course in self._movement.follow(moment, against):
            reason = Reason(code="against_the_flow", params={"share": 1.0 - course.top})
            signals.append(self._movement.begin(moment, mover, course, 0.5 * course.top, reason))
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        return self._movement.close(at, reason)
