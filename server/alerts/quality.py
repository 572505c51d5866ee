"""What people's verdicts tell about the rules, for who may read the alerts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from contract.clock import Clock
from contract.event import Rule
from contract.verdict import VerdictKind
from server.alerts.precision import Tally, together
from server.permissions import Scope
from server.store import quality
from server.store.database import Database
from server.store.quality import Outcome, PlaceAndRule, Span


@dataclass(frozen=True, slots=True)
class ZoneQuality:
    """One rule in one zone."""

    place: PlaceAndRule
    tally: Tally


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
            found = await quality.outcomes(reading, span)
        zones = tuple(ZoneQuality(place, tally) for place, tally in sorted(_tallies(found).items(), key=lambda x: x[0]))
        return QualityReport(span.since, zones, _rules(one.tally for one in zones))


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
