"""What people's verdicts tell about the rules, for who may read the alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contract.clock import Clock
from contract.event import Rule
from contract.verdict import VerdictKind
from server.alerts.precision import Tally, together
from server.alerts.suggestions import RULES, Suggestion, suggestions, verdicts_needed
from server.permissions import Scope
from server.store import quality
from server.store.database import Database
from server.store.quality import JudgedAlert, Outcome, PlaceAndRule, Span


@dataclass(frozen=True, slots=True)
class ZoneQuality:
    """One rule in one zone. verdicts_needed: until something can be suggested; None where nothing ever is."""

    place: PlaceAndRule
    tally: Tally
    suggestions: tuple[Suggestion, ...]
    verdicts_needed: int | None


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Zones by name; `rules` sums them up in the order of `Rule`. What is in neither has not alerted since `since`."""

    since: datetime
    zones: tuple[ZoneQuality, ...]
    rules: tuple[Tally, ...]


class QualityDesk:
    """Reads; it changes no threshold and no alert."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def report(self, scope: Scope, kampung: str | None, days: int) -> QualityReport:
        """The alerts that were captured in the last so many days."""
        span = Span(scope, self._clock.utc() - timedelta(days=days), kampung)
        async with self._database.read() as reading:
            tallies = _tallies(await quality.outcomes(reading, span))
            judged = _by_place(await quality.judged(reading, span, RULES))
        zones = tuple(
            _zone(place, tallies[place], judged.get((place.camera_id, place.zone_id, place.rule), ()))
            for place in sorted(tallies)
        )
        return QualityReport(span.since, zones, _rules(one.tally for one in zones))


def _zone(place: PlaceAndRule, tally: Tally, judged: Sequence[JudgedAlert]) -> ZoneQuality:
    suggested = tuple(suggestions(tally.rule, judged))
    return ZoneQuality(place, tally, suggested, verdicts_needed(tally.rule, judged))


def _by_place(judged: Iterable[JudgedAlert]) -> dict[tuple[str, str, str], list[JudgedAlert]]:
    found: dict[tuple[str, str, str], list[JudgedAlert]] = {}
    for one in judged:
        found.setdefault((one.camera_id, one.zone_id, one.rule), []).append(one)
    return found


def _tallies(found: Iterable[Outcome]) -> dict[PlaceAndRule, Tally]:
    alerts: dict[PlaceAndRule, int] = {}
    verdicts: dict[PlaceAndRule, dict[VerdictKind, int]] = {}
    for one in found:
        alerts[one.place] = alerts.get(one.place, 0) + one.alerts
        if one.verdict is not None:
            verdicts.setdefault(one.place, {})[VerdictKind(one.verdict)] = one.alerts
    return {place: Tally(Rule(place.rule), count, verdicts.get(place, {})) for place, count in alerts.items()}


def _rules(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    of_rule: dict[Rule, list[Tally]] = {}
    for one in tallies:
        of_rule.setdefault(one.rule, []).append(one)
    return tuple(together(rule, of_rule[rule]) for rule in Rule if rule in of_rule)
