"""What people's verdicts tell about the rules, for who may read the alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from contract.clock import Clock
from contract.event import Rule
from contract.verdict import VerdictKind
from server.permissions import Scope
from server.precision.lowering import Lowering, lowerings
from server.precision.recall import Evidence, Recall, Seen, evidence, recall_of
from server.precision.suggestions import RULES, Suggestion, suggestions, verdicts_needed
from server.precision.tally import Tally, is_right, together
from server.store import precision
from server.store.database import Database
from server.store.precision import Course, Outcome, Span, ZoneRule

Key = tuple[str, str, str]
"""Camera, zone and rule."""


@dataclass(frozen=True, slots=True)
class ZoneAssessment:
    """One rule in one zone. verdicts_needed: until something can be suggested; None where nothing ever is.

    open_spot_checks: stays shown as a spot check that wait for a verdict.
    """

    place: ZoneRule
    tally: Tally
    open_spot_checks: int
    recall: Recall | None
    suggestions: tuple[Suggestion, ...]
    lowerings: tuple[Lowering, ...]
    verdicts_needed: int | None


@dataclass(frozen=True, slots=True)
class RuleAssessment:
    """One rule in all zones together."""

    tally: Tally
    open_spot_checks: int
    recall: Recall | None


@dataclass(frozen=True, slots=True)
class PrecisionAssessment:
    """Zones by name; `rules` sums them up in the order of `Rule`. What is in neither has not alerted since `since`."""

    since: datetime
    zones: tuple[ZoneAssessment, ...]
    rules: tuple[RuleAssessment, ...]


@dataclass(slots=True)
class _Known:
    """What is stored of one rule in one zone."""

    alerts: list[Course] = field(default_factory=list)
    spot_checks: list[Course] = field(default_factory=list)
    unjudged: list[datetime] = field(default_factory=list)

    def evidence(self, rule: Rule) -> Evidence:
        alerts = [_seen(rule, one) for one in self.alerts] + [Seen(at, None) for at in self.unjudged]
        return evidence(alerts, [_seen(rule, one) for one in self.spot_checks])


class PrecisionService:
    """Reads; it changes no threshold and no alert."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def report(self, scope: Scope, kampung: str | None, days: int) -> PrecisionAssessment:
        """The alerts that were captured in the last so many days."""
        span = Span(scope, self._clock.utc() - timedelta(days=days), kampung)
        async with self._database.read() as reading:
            outcomes = await precision.outcomes(reading, span)
            courses = await precision.courses(reading, span, RULES)
            spot_checked = [course for course in courses if course.spot_check_chance is not None]
            unjudged = (
                await precision.unjudged(reading, _since_spot_checks(span, spot_checked), RULES) if spot_checked else ()
            )
        known: dict[Key, _Known] = {}
        for course in courses:
            place = known.setdefault((course.camera_id, course.zone_id, course.rule), _Known())
            (place.alerts if course.spot_check_chance is None else place.spot_checks).append(course)
        for camera_id, zone_id, rule, at in unjudged:
            known.setdefault((camera_id, zone_id, rule), _Known()).unjudged.append(at)
        # Arithmetic for seconds where there are very many alerts: the server goes on meanwhile.
        return await asyncio.to_thread(_report, span.since, outcomes, known)


def _since_spot_checks(span: Span, spot_checked: Sequence[Course]) -> Span:
    """Unjudged alerts are asked for only to know what share was judged while there were spot checks."""
    return replace(span, since=max(span.since, min(one.captured_at for one in spot_checked)))


def _report(since: datetime, outcomes: Sequence[Outcome], known: Mapping[Key, _Known]) -> PrecisionAssessment:
    tallies, open_spot_checks = _tallies(outcomes), _open_spot_checks(outcomes)
    zones: list[ZoneAssessment] = []
    proofs: dict[Rule, list[Evidence]] = {}
    for place in sorted(tallies):
        tally = tallies[place]
        here = known.get((place.camera_id, place.zone_id, place.rule), _Known())
        proof = here.evidence(tally.rule)
        proofs.setdefault(tally.rule, []).append(proof)
        zones.append(
            ZoneAssessment(
                place=place,
                tally=tally,
                open_spot_checks=open_spot_checks[place],
                recall=recall_of([proof]),
                suggestions=tuple(suggestions(tally.rule, here.alerts)),
                lowerings=tuple(lowerings(tally.rule, here.spot_checks)),
                verdicts_needed=verdicts_needed(tally.rule, here.alerts),
            )
        )
    rules = tuple(
        RuleAssessment(
            tally=together(rule, [one.tally for one in zones if one.tally.rule is rule]),
            open_spot_checks=sum(one.open_spot_checks for one in zones if one.tally.rule is rule),
            recall=recall_of(proofs[rule]),
        )
        for rule in Rule
        if rule in proofs
    )
    return PrecisionAssessment(since, tuple(zones), rules)


def _tallies(outcomes: Iterable[Outcome]) -> dict[ZoneRule, Tally]:
    """Of every place with an alert or a spot_check: its alerts and their verdicts."""
    alerts: dict[ZoneRule, int] = {}
    verdicts: dict[ZoneRule, dict[VerdictKind, int]] = {}
    for one in outcomes:
        alerts[one.place] = alerts.get(one.place, 0) + (0 if one.spot_check else one.count)
        if one.verdict is not None and not one.spot_check:
            verdicts.setdefault(one.place, {})[VerdictKind(one.verdict)] = one.count
    return {place: Tally(Rule(place.rule), count, verdicts.get(place, {})) for place, count in alerts.items()}


def _open_spot_checks(outcomes: Iterable[Outcome]) -> dict[ZoneRule, int]:
    waiting: dict[ZoneRule, int] = {}
    for one in outcomes:
        waiting[one.place] = waiting.get(one.place, 0) + (one.count if one.spot_check and one.verdict is None else 0)
    return waiting


def _seen(rule: Rule, course: Course) -> Seen:
    useful = None if course.verdict is None else is_right(rule, VerdictKind(course.verdict))
    return Seen(course.captured_at, useful, 1.0 if course.spot_check_chance is None else course.spot_check_chance)
