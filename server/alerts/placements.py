"""The placements of incidents for one person: the alert budget, replayed from stored requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.event import Severity
from server.alerts.governor import (
    DailyBudget,
    IncidentPlacement,
    Placement,
    PlacementReason,
    PlacementRequest,
    always_shown,
    day_of,
    hour_start,
)
from server.permissions import Scope
from server.settings import AlertBudget
from server.store import alerts, incidents
from server.store.alerts import AlertFilter, AlertKey, NamedAlert, Position

DAYS_KEPT = 256
"""Replayed days kept in memory, over all scopes; the least recently used one is dropped and replayed when needed."""
SCAN_PAGE = 500
SCAN_AT_MOST = 5000
"""Alerts read for one page of one placement. A page may hold fewer alerts than its limit and still have a next page."""
COUNTED_AT_MOST = 1000
"""Open incidents among which the digest is counted."""


@dataclass(frozen=True, slots=True)
class PlacedAlert:
    """An alert and the placement of its incident for the reader."""

    named: NamedAlert
    incident: IncidentPlacement


@dataclass(frozen=True, slots=True)
class DigestCount:
    """Incidents in the digest that have an open alert: those that requested a placement in this clock hour, and all."""

    this_hour: int = 0
    total: int = 0


class PlacementService:
    """Computes placements. Its memory is only a cache of replays: another process gives the same answers.

    Concurrent readers may hold database snapshots of different age and replay the same days. That costs only time: a
    replay records how far it has read and applies no request twice.
    """

    def __init__(self, budget: AlertBudget) -> None:
        self.budget = budget
        self._days: OrderedDict[tuple[Scope, int], _Replay] = OrderedDict()

    async def placements(
        self, session: AsyncSession, scope: Scope, wanted: Iterable[tuple[UUID, datetime]]
    ) -> Mapping[UUID, IncidentPlacement]:
        """Placements by incident.

        wanted: incidents in `scope`, each with the time of receipt of one of its alerts.
        """
        by_day: dict[int, set[UUID]] = {}
        for incident_id, received_at in wanted:
            by_day.setdefault(day_of(received_at), set()).add(incident_id)
        if not self.budget.enabled:
            return {incident_id: always_shown(incident_id) for ids in by_day.values() for incident_id in ids}
        days = await self._replayed(session, scope, by_day.keys())
        # An incident without a request is shown rather than lost; `kentongan-server check` reports it.
        return {
            incident_id: days[day].placements.get(incident_id) or always_shown(incident_id)
            for day, ids in by_day.items()
            for incident_id in ids
        }

    async def placed(self, session: AsyncSession, scope: Scope, found: Sequence[NamedAlert]) -> list[PlacedAlert]:
        """The alerts `found`, all in `scope`, with their placements; in the same order."""
        alerts_only = [named.alert for named in found if named.alert.spot_check_chance is None]
        keys = [(alert.incident_id, alert.received_at) for alert in alerts_only]
        by_incident = dict(await self.placements(session, scope, keys))
        for named in found:  # spot checks request no placement
            if named.alert.spot_check_chance is not None:
                incident_id = named.alert.incident_id
                by_incident[incident_id] = always_shown(incident_id, PlacementReason.SPOT_CHECK)
        return [PlacedAlert(named, by_incident[named.alert.incident_id]) for named in found]

    async def page_of(
        self,
        session: AsyncSession,
        scope: Scope,
        placement: Placement,
        wanted: AlertFilter,
        after: Position | None,
        limit: int,
    ) -> tuple[list[UUID], Position | None]:
        """Ids of alerts with one placement, newest first, and the position of the next page (None on the last)."""
        if not self.budget.enabled and placement is Placement.DIGEST:
            return [], None
        found: list[AlertKey] = []
        for _ in range(0, SCAN_AT_MOST, SCAN_PAGE):
            keys = await alerts.keys(session, scope, wanted, after, SCAN_PAGE)
            by_incident = await self.placements(session, scope, [(key.incident_id, key.received_at) for key in keys])
            found += [key for key in keys if by_incident[key.incident_id].placement is placement]
            if len(found) > limit:
                return [key.id for key in found[:limit]], found[limit - 1].position
            if len(keys) < SCAN_PAGE:
                return [key.id for key in found], None
            after = keys[-1].position
        return [key.id for key in found], after

    async def digest(self, session: AsyncSession, scope: Scope, now: datetime) -> tuple[dict[str, DigestCount], bool]:
        """Counts of the digest by kampung, and whether every open incident was counted."""
        if not self.budget.enabled:
            return {}, True
        rows = await incidents.open_incidents(session, scope, COUNTED_AT_MOST + 1)
        counted = rows[:COUNTED_AT_MOST]
        by_incident = await self.placements(session, scope, [(incident_id, at) for _, incident_id, at in counted])
        hour = hour_start(now)
        counts: dict[str, DigestCount] = {}
        for kampung_id, incident_id, _ in counted:
            incident = by_incident[incident_id]
            if incident.placement is Placement.DIGEST:
                before = counts.get(kampung_id, DigestCount())
                this_hour = before.this_hour + (incident.requested_at >= hour)
                counts[kampung_id] = DigestCount(this_hour, before.total + 1)
        return counts, len(rows) <= COUNTED_AT_MOST

    async def _replayed(self, session: AsyncSession, scope: Scope, days: Collection[int]) -> Mapping[int, DailyBudget]:
        """The days as of the session's snapshot or later; placements only move forward."""
        newest = await incidents.newest_request(session)
        remembered = {day: self._days[scope, day] for day in days if (scope, day) in self._days}
        fresh = {
            day: _Replay(DailyBudget(day, self.budget.incidents_per_hour)) for day in days if day not in remembered
        }
        # Remembered days are all slightly behind, so one query brings all of them up to date.
        behind = [one.read_to for one in remembered.values() if one.read_to is not None]
        for replays, after in ((fresh, None), (remembered, min(behind, default=None))):
            if replays and not (after is not None and after >= newest):
                rows = await incidents.requests_of_days(session, scope, replays.keys(), after)
                for day, sequence, incident_id, at, severity in rows:
                    replays[day].budget.apply([PlacementRequest(sequence, incident_id, at, Severity(severity))])
            for day, replay in replays.items():
                replay.read_to = max(newest, replay.read_to or newest)
                self._days[scope, day] = replay
                self._days.move_to_end((scope, day))
        while len(self._days) > DAYS_KEPT:
            self._days.popitem(last=False)
        return {day: replay.budget for replays in (fresh, remembered) for day, replay in replays.items()}


@dataclass(slots=True)
class _Replay:
    """A replayed day that contains every request up to the sequence `read_to`."""

    budget: DailyBudget
    read_to: int | None = None
