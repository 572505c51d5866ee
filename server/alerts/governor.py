"""Which incidents a desk is shown at once, and which wait in its digest.

Alerts of one place and behaviour that follow each other are one incident. A desk is whoever reads: only the incidents
of the kampung that a person is granted count against their budget, so no count tells of others. EEMUA 191 puts one
operator at about one alarm in ten minutes; that is the budget of six incidents in an hour of the clock, counted by when
the server received them. Nothing is dropped: every alert is in one incident, every incident is shown or in the digest.

Decisions are replayed from the asks of one day (from midnight in Jakarta), in the order in which they were stored, each
from what came before it alone. So the same asks give the same answer, also after a restart, and an incident once shown
stays shown whatever arrives later. The price is that a place given is not taken back for something stronger: half of
the places are therefore kept from notices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from uuid import UUID

from contract.event import Severity

JOIN_WITHIN = timedelta(minutes=10)
JAKARTA = timezone(timedelta(hours=7))
"""WIB, which has no summer time: the hours of the clock are UTC's, the days are not."""
_RANK = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


class Place(StrEnum):
    """Where an incident stands."""

    SHOWN = "shown"
    DIGEST = "digest"


class Why(StrEnum):
    """What decided about an incident's place."""

    CRITICAL = "critical"
    WITHIN_BUDGET = "within_budget"
    BUDGET_SPENT = "budget_spent"
    NOTICES_SPENT = "notices_spent"
    NO_BUDGET = "no_budget"
    SPOT_CHECK = "spot_check"


@dataclass(frozen=True, slots=True)
class Ask:
    """An alert opened or became more severe: its incident asks for a place.

    `sequence` is the order in which asks were stored; `at`, when that was, is aware.
    """

    sequence: int
    incident_id: UUID
    at: datetime
    severity: Severity


@dataclass(slots=True)
class Decision:
    """The place of an incident. It ranks by the worst that its alerts were; `shown_by` is the ask that was granted, and
    `shown_at` when that was.
    """

    incident_id: UUID
    first: int
    place: Place
    why: Why
    asked_at: datetime
    worst: Severity
    shown_by: int | None = None
    shown_at: datetime | None = None

    def raised_by(self, sequences: Iterable[int]) -> bool:
        """Whether one of these asks brought the incident from the digest among the shown."""
        return self.shown_by is not None and self.shown_by != self.first and self.shown_by in sequences


class DayOfDesk:
    """The incidents that began on one day, as one desk is given them."""

    def __init__(self, day: int, per_hour: int) -> None:
        """Raises:
        ValueError: a budget below 1.
        """
        if per_hour < 1:
            raise ValueError(f"per_hour must be at least 1, got {per_hour}")
        self.day = day
        self.newest: int | None = None
        self.decisions: dict[UUID, Decision] = {}
        self._per_hour = per_hour
        self._used: dict[datetime, int] = {}

    def take(self, asks: Iterable[Ask]) -> None:
        """Decide about further asks, which are in order; those that were taken before change nothing."""
        for ask in asks:
            if self.newest is None or ask.sequence > self.newest:
                self.newest = ask.sequence
                self._decide(ask)

    def _decide(self, ask: Ask) -> None:
        known = self.decisions.get(ask.incident_id)
        if known is None:
            known = Decision(
                ask.incident_id, ask.sequence, Place.DIGEST, Why.BUDGET_SPENT, ask.at, ask.severity
            )  # fmt: skip
            self.decisions[ask.incident_id] = known
        known.asked_at = ask.at
        known.worst = min(known.worst, ask.severity, key=_RANK.__getitem__)
        if known.worst is Severity.CRITICAL:
            known.why = Why.CRITICAL
        if known.place is Place.SHOWN:
            return
        hour = hour_of(ask.at)
        if known.worst is not Severity.CRITICAL:
            known.why = self._place_for(known.worst, hour)
        if known.why in (Why.CRITICAL, Why.WITHIN_BUDGET):
            known.place, known.shown_by, known.shown_at = Place.SHOWN, ask.sequence, ask.at
            self._used[hour] = self._used.get(hour, 0) + 1

    def _place_for(self, severity: Severity, hour: datetime) -> Why:
        used = self._used.get(hour, 0)
        # What asks again after its day's end would else be counted on neither day: then only the critical is shown.
        if used >= self._per_hour or day_of(hour) != self.day:
            return Why.BUDGET_SPENT
        if severity is Severity.NOTICE and used >= (self._per_hour + 1) // 2:
            return Why.NOTICES_SPENT
        return Why.WITHIN_BUDGET


def unlimited(incident_id: UUID, why: Why = Why.NO_BUDGET) -> Decision:
    """The place of every incident where there is no budget, and of what is no alert and takes none."""
    begin = datetime.fromtimestamp(0, UTC)
    return Decision(incident_id, 0, Place.SHOWN, why, begin, Severity.NOTICE)


def joined(captured_at: datetime, others: Iterable[tuple[datetime, UUID]]) -> UUID | None:
    """The incident that takes an alert, out of (capture time, incident) of the alerts of its place and behaviour.

    It is that of the alert captured nearest to it, of two the earlier, if that was within ten minutes.
    """
    near = ((abs(at - captured_at), at, incident) for at, incident in others)
    nearest = min((one for one in near if one[0] <= JOIN_WITHIN), default=None)
    return nearest[2] if nearest is not None else None


def day_of(at: datetime) -> int:
    """The number of the day in Jakarta (days since the calendar's beginning)."""
    return at.astimezone(JAKARTA).toordinal()


def day_began_at(day: int) -> datetime:
    """Its midnight, in UTC."""
    return datetime.fromordinal(day).replace(tzinfo=JAKARTA).astimezone(UTC)


def hour_of(at: datetime) -> datetime:
    """The beginning of the hour of the clock, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
