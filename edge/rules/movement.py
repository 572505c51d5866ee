"""`MovementFollower`: follows people who move in a way that a rule looks for, for running and counter-flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract.clock import Instant
from contract.reasons import Reason
from edge.rules.moment import PersonMotion, ZoneMoment
from edge.rules.reporter import Findings, Reporter, lasted
from edge.signals import Signal

GIVE_UP_AFTER_S = 1.0
"""Seconds without the movement after which one that has not been reported is forgotten."""
OVER_AFTER_S = 3.0
"""Seconds without the movement after which one that has been reported ends."""


@dataclass(slots=True)
class Course:
    """One person's movement. strongest: its highest strength so far. sightings: moments since it began in which the
    person was seen, matching: those in which the person moved this way.
    """

    since: Instant
    last_s: float
    strongest: float
    sightings: int = 0
    matching: int = 0
    key: str | None = None


class MovementFollower:
    """Reports each person whose movement has lasted for `duration_s`."""

    def __init__(self, reporter: Reporter, duration_s: float) -> None:
        self._reporter = reporter
        self._duration_s = duration_s
        self._courses: dict[int, Course] = {}

    def follow(
        self, moment: ZoneMoment, moving: Mapping[int, tuple[PersonMotion, float]]
    ) -> list[tuple[PersonMotion, Course]]:
        """Take in who moves this way now and how strongly, by person. Returns those who are to be reported.

        Strength has the rule's own unit, for example units per second.
        """
        now_s = moment.at.mono_s
        due = []
        for person in moment.people:
            if person.person_id in self._courses:
                self._courses[person.person_id].sightings += 1
        for person_id, (person, strength) in moving.items():
            course = self._courses.setdefault(person_id, Course(moment.at, now_s, strength))
            course.last_s, course.strongest = now_s, max(course.strongest, strength)
            course.matching += 1
            if course.key is None and now_s - course.since.mono_s >= self._duration_s:
                due.append((person, course))
        return due if due and self._reporter.may_begin(moment) else []

    def begin(self, moment: ZoneMoment, person: PersonMotion, course: Course, score: float, reason: Reason) -> Signal:
        """The signal of one whom `follow` returned."""
        reasons = (reason, lasted(course.since, moment.at))
        signal = self._reporter.begin(moment, Findings(course.since, score, reasons, 1, (person.track_id,)))
        course.key = signal.key
        return signal

    def end_over(self, at: Instant) -> list[Signal]:
        """Forget or end the movements that have stopped."""
        signals = []
        for person_id, course in list(self._courses.items()):
            quiet_s = at.mono_s - course.last_s
            if course.key is None and quiet_s > GIVE_UP_AFTER_S:
                del self._courses[person_id]
            elif course.key is not None and quiet_s > OVER_AFTER_S:
                del self._courses[person_id]
                signals.append(self._reporter.end(course.key, at, (Reason(code="calm_again"),)))
        return signals

    def forget(self) -> None:
        """Forget everybody."""
        self._courses.clear()
