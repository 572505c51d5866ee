"""The alert budget: which incidents a person is shown, and which wait in that person's digest.

Alerts of one zone and rule that follow each other form one incident. The budget is per person: only incidents of the
kampung that a person is granted count, so no count reveals other kampung. EEMUA 191 recommends about one alarm in ten
minutes per operator, hence six incidents per clock hour, counted by the time of receipt. Nothing is dropped: every
alert belongs to one incident, and every incident is either shown or in the digest.

Placements are replayed from one day's requests (a day begins at midnight in Jakarta) in the order in which they were
stored; each depends only on the requests before it. The same requests therefore give the same placements, also after a
restart, and a shown incident stays shown whatever arrives later. The cost: a place is never taken back for something
more severe. Notices may therefore use only half of the budget.
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
"""WIB. It has no daylight saving time, so its hours begin with UTC's hours; its days do not begin with UTC's days."""


class Placement(StrEnum):
    """Whether an incident is shown or waits in the digest."""

    SHOWN = "shown"
    DIGEST = "digest"


class PlacementReason(StrEnum):
    """Why an incident has its placement."""

    CRITICAL = "critical"
    WITHIN_BUDGET = "within_budget"
    BUDGET_SPENT = "budget_spent"
    NOTICES_SPENT = "notices_spent"
    NO_BUDGET = "no_budget"
    SPOT_CHECK = "spot_check"


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """An alert opened or became more severe, so its incident requests a placement.

    sequence: position in the order in which requests were stored. requested_at: timezone-aware.
    """

    sequence: int
    incident_id: UUID
    requested_at: datetime
    severity: Severity


@dataclass(slots=True)
class IncidentPlacement:
    """The placement of one incident for one person.

    first_request, shown_by: sequences of its first request and of the request that got it shown (None while it is in
    the digest). requested_at: time of its newest request. severity: the highest severity of its alerts so far.
    """

    incident_id: UUID
    first_request: int
    placement: Placement
    reason: PlacementReason
    requested_at: datetime
    severity: Severity
    shown_by: int | None = None
    shown_at: datetime | None = None

    def raised_by(self, sequences: Iterable[int]) -> bool:
        """Whether one of these requests moved the incident from the digest to the shown incidents."""
        return self.shown_by is not None and self.shown_by != self.first_request and self.shown_by in sequences


class DailyBudget:
    """One person's alert budget on one day, and the placements of the incidents that began on that day."""

    def __init__(self, day: int, per_hour: int) -> None:
        """Raises:
        ValueError: a budget below 1.
        """
        if per_hour < 1:
            raise ValueError(f"per_hour must be at least 1, got {per_hour}")
        self.day = day
        self.newest: int | None = None
        self.placements: dict[UUID, IncidentPlacement] = {}
        self._per_hour = per_hour
        self._used: dict[datetime, int] = {}

    def apply(self, requests: Iterable[PlacementRequest]) -> None:
        """Place the incidents of further requests, given in order. A request that was applied before has no effect."""
        for request in requests:
            if self.newest is None or request.sequence > self.newest:
                self.newest = request.sequence
                self._apply(request)

    def _apply(self, request: PlacementRequest) -> None:
        incident = self.placements.get(request.incident_id)
        if incident is None:
            incident = IncidentPlacement(
                incident_id=request.incident_id,
                first_request=request.sequence,
                placement=Placement.DIGEST,
                reason=PlacementReason.BUDGET_SPENT,
                requested_at=request.requested_at,
                severity=request.severity,
            )
            self.placements[request.incident_id] = incident
        incident.requested_at = request.requested_at
        incident.severity = max(incident.severity, request.severity, key=Severity.rank_of)
        if incident.severity is Severity.CRITICAL:
            incident.reason = PlacementReason.CRITICAL
        if incident.placement is Placement.SHOWN:
            return
        hour = hour_start(request.requested_at)
        if incident.severity is not Severity.CRITICAL:
            incident.reason = self._reason(incident.severity, hour)
        if incident.reason in (PlacementReason.CRITICAL, PlacementReason.WITHIN_BUDGET):
            incident.placement, incident.shown_by = Placement.SHOWN, request.sequence
            incident.shown_at = request.requested_at
            self._used[hour] = self._used.get(hour, 0) + 1

    def _reason(self, severity: Severity, hour: datetime) -> PlacementReason:
        used = self._used.get(hour, 0)
        # A request after the end of its incident's day would count on neither day: only critical incidents are shown.
        if used >= self._per_hour or day_of(hour) != self.day:
            return PlacementReason.BUDGET_SPENT
        if severity is Severity.NOTICE and used >= (self._per_hour + 1) // 2:
            return PlacementReason.NOTICES_SPENT
        return PlacementReason.WITHIN_BUDGET


def always_shown(incident_id: UUID, reason: PlacementReason = PlacementReason.NO_BUDGET) -> IncidentPlacement:
    """A placement that uses no budget: for every incident when no budget is set, and for spot checks."""
    epoch = datetime.fromtimestamp(0, UTC)
    return IncidentPlacement(incident_id, 0, Placement.SHOWN, reason, epoch, Severity.NOTICE)


def matching_incident(captured_at: datetime, others: Iterable[tuple[datetime, UUID]]) -> UUID | None:
    """The incident that an alert joins; None if it begins a new one.

    others: (capture time, incident) of alerts of the same zone and rule. The alert captured nearest in time decides,
    if it lies within `JOIN_WITHIN`; of two equally near, the earlier one.
    """
    near = ((abs(at - captured_at), at, incident) for at, incident in others)
    nearest = min((one for one in near if one[0] <= JOIN_WITHIN), default=None)
    return nearest[2] if nearest is not None else None


def day_of(at: datetime) -> int:
    """The proleptic ordinal of the day in Jakarta."""
    return at.astimezone(JAKARTA).toordinal()


def day_start(day: int) -> datetime:
    """Midnight in Jakarta at which the day begins, in UTC."""
    return datetime.fromordinal(day).replace(tzinfo=JAKARTA).astimezone(UTC)


def hour_start(at: datetime) -> datetime:
    """The beginning of the clock hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
