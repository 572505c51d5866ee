"""Which incidents are shown to a desk at once, and which wait in its digest.

A desk is whoever reads: the alerts given here are those that one person is granted, so a count never tells of others.
EEMUA 191 puts one operator at about one alarm in ten minutes; that is the budget of six incidents in an hour of the
clock, counted by when the server received them. Nothing is dropped: every alert is in one incident, and every incident
is either shown or in the digest.

Decisions are replayed in the order of receipt, each from what came before it alone. So the same alerts give the same
answer, and an incident once shown stays shown whatever arrives later. The price is that a place given is not taken
back for something stronger: half of the places are therefore kept from notices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contract.event import Rule, Severity

BUDGET_PER_HOUR = 6
JOIN_WITHIN = timedelta(minutes=10)
_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


@dataclass(frozen=True, slots=True)
class Source:
    """What the alerts of one incident have in common."""

    kampung_id: str
    camera_id: str
    zone_id: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What the governor needs of an alert. Times are aware; score lies in 0 to 1."""

    id: str
    source: Source
    captured_at: datetime
    received_at: datetime
    severity: Severity
    score: float


@dataclass(slots=True)
class Incident:
    """Alerts of one source, in the order of receipt; it ranks by its worst. shown_at: None while it is digested."""

    alerts: list[AlertFacts]
    worst: AlertFacts
    shown_at: datetime | None = None

    @property
    def id(self) -> str:
        """The id of its first alert."""
        return self.alerts[0].id

    def takes(self, alert: AlertFacts) -> bool:
        """Whether the alert was captured within ten minutes of one of the incident's."""
        return any(abs(alert.captured_at - one.captured_at) <= JOIN_WITHIN for one in reversed(self.alerts))


@dataclass(slots=True)
class DeskView:
    """shown: in the order in which they began. digest: most severe, then highest score, first."""

    shown: list[Incident] = field(default_factory=list)
    digest: list[Incident] = field(default_factory=list)


def govern(alerts: Iterable[AlertFacts], budget_per_hour: int = BUDGET_PER_HOUR) -> DeskView:
    """Join the alerts of one desk to incidents and deal them to the two lists, whatever order they are given in.

    A critical incident is always shown, also beyond the budget, and so is one that becomes critical later.

    Raises:
        ValueError: a budget below 1.
    """
    if budget_per_hour < 1:
        raise ValueError(f"budget_per_hour must be at least 1, got {budget_per_hour}")
    incidents: list[Incident] = []
    latest: dict[Source, list[Incident]] = {}
    used: dict[datetime, int] = {}
    for alert in sorted(alerts, key=lambda one: (one.received_at, one.id)):
        known = latest.setdefault(alert.source, [])
        incident = next((one for one in reversed(known) if one.takes(alert)), None)
        if incident is None:
            incident = Incident([], alert)
            incidents.append(incident)
            known.append(incident)
        incident.alerts.append(alert)
        incident.worst = min(incident.worst, alert, key=_rank)
        hour = alert.received_at.replace(minute=0, second=0, microsecond=0)
        if incident.shown_at is None and _has_place(incident.worst.severity, used.get(hour, 0), budget_per_hour):
            incident.shown_at = alert.received_at
            used[hour] = used.get(hour, 0) + 1
    digest = sorted((one for one in incidents if one.shown_at is None), key=lambda one: _rank(one.worst))
    return DeskView([one for one in incidents if one.shown_at is not None], digest)


def _rank(alert: AlertFacts) -> tuple[int, float]:
    return _RANK[alert.severity], -alert.score


def _has_place(severity: Severity, used: int, budget: int) -> bool:
    if severity is Severity.CRITICAL:
        return True
    return used < (budget if severity is Severity.WARNING else (budget + 1) // 2)
