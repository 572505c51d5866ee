"""The places of incidents, as one person's grants make them: the governor with the stored asks behind it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.event import Severity
from server.alerts.governor import Ask, DayOfDesk, Decision, Place, Why, day_of, hour_of, unlimited
from server.permissions import Scope
from server.settings import AlertBudget
from server.store import alerts, incidents
from server.store.alerts import AlertFilter, AlertKey, NamedAlert, Position

DAYS_KEPT = 256
"""Replayed days kept in memory, of all desks; the one unused longest is replayed again when it is asked for."""
SCAN_PAGE = 500
SCAN_AT_MOST = 5000
"""Alerts looked at for one page of one place. A page may therefore hold fewer than asked for, and still lead on."""
COUNTED_AT_MOST = 1000
"""Open incidents among which the digest is counted."""


@dataclass(frozen=True, slots=True)
class PlacedAlert:
    """An alert and where its incident stands for whoever reads."""

    named: NamedAlert
    decision: Decision


@dataclass(frozen=True, slots=True)
class DigestCount:
    """Incidents in the digest with an alert that is still open: of this hour of the clock, and in all."""

    this_hour: int = 0
    in_all: int = 0


class IncidentBook:
    """Answers where incidents stand. What it remembers is only a replay: another process answers the same.

    Readers at the same time may hold views of the database of different age, and replay the same days: that only costs
    time, for a replay knows up to where it has read, and takes no ask twice.
    """

    def __init__(self, budget: AlertBudget) -> None:
        self.budget = budget
        self._days: OrderedDict[tuple[Scope, int], _Replay] = OrderedDict()

    async def decisions(
        self, session: AsyncSession, scope: Scope, wanted: Iterable[tuple[UUID, datetime]]
    ) -> Mapping[UUID, Decision]:
        """The places of incidents within `scope`, each given with the receipt of one of its alerts."""
        by_day: dict[int, set[UUID]] = {}
        for incident_id, received_at in wanted:
            by_day.setdefault(day_of(received_at), set()).add(incident_id)
        if not self.budget.enabled:
            return {incident_id: unlimited(incident_id) for ids in by_day.values() for incident_id in ids}
        days = await self._replayed(session, scope, by_day.keys())
        # An incident that never asked is shown rather than lost; `kentongan-server check` names it.
        return {
            incident_id: days[day].decisions.get(incident_id) or unlimited(incident_id)
            for day, ids in by_day.items()
            for incident_id in ids
        }

    async def placed(self, session: AsyncSession, scope: Scope, found: Sequence[NamedAlert]) -> list[PlacedAlert]:
        """Each of these alerts, which lie in `scope`, with its place."""
        alerts_only = [named.alert for named in found if named.alert.spot_check_chance is None]
        keys = [(alert.incident_id, alert.received_at) for alert in alerts_only]
        places = dict(await self.decisions(session, scope, keys))
        for named in found:  # a stay shown as a spot check has asked for nothing
            if named.alert.spot_check_chance is not None:
                places[named.alert.incident_id] = unlimited(named.alert.incident_id, Why.SPOT_CHECK)
        return [PlacedAlert(named, places[named.alert.incident_id]) for named in found]

    async def page_of(
        self, session: AsyncSession, scope: Scope, place: Place, wanted: AlertFilter, after: Position | None, limit: int
    ) -> tuple[list[UUID], Position | None]:
        """Alerts of one place, newest first, and where the list goes on (None at its end)."""
        if not self.budget.enabled and place is Place.DIGEST:
            return [], None
        found: list[AlertKey] = []
        for _ in range(0, SCAN_AT_MOST, SCAN_PAGE):
            keys = await alerts.keys(session, scope, wanted, after, SCAN_PAGE)
            places = await self.decisions(session, scope, [(key.incident_id, key.received_at) for key in keys])
            found += [key for key in keys if places[key.incident_id].place is place]
            if len(found) > limit:
                return [key.id for key in found[:limit]], found[limit - 1].position
            if len(keys) < SCAN_PAGE:
                return [key.id for key in found], None
            after = keys[-1].position
        return [key.id for key in found], after

    async def digest(self, session: AsyncSession, scope: Scope, now: datetime) -> tuple[dict[str, DigestCount], bool]:
        """What waits in the digest, by kampung, and whether all open incidents were looked at."""
        if not self.budget.enabled:
            return {}, True
        rows = await incidents.open_incidents(session, scope, COUNTED_AT_MOST + 1)
        counted = rows[:COUNTED_AT_MOST]
        places = await self.decisions(session, scope, [(incident_id, at) for _, incident_id, at in counted])
        hour = hour_of(now)
        counts: dict[str, DigestCount] = {}
        for kampung_id, incident_id, _ in counted:
            decision = places[incident_id]
            if decision.place is Place.DIGEST:
                before = counts.get(kampung_id, DigestCount())
                counts[kampung_id] = DigestCount(before.this_hour + (decision.asked_at >= hour), before.in_all + 1)
        return counts, len(rows) <= COUNTED_AT_MOST

    async def _replayed(self, session: AsyncSession, scope: Scope, days: Collection[int]) -> Mapping[int, DayOfDesk]:
        """The days as they stand in the session's view of the database, or later: decisions only ever go forward."""
        newest = await incidents.newest_ask(session)
        remembered = {day: self._days[scope, day] for day in days if (scope, day) in self._days}
        fresh = {day: _Replay(DayOfDesk(day, self.budget.incidents_per_hour)) for day in days if day not in remembered}
        # All remembered days are behind by little and alike, so one question brings them up to date.
        behind = [one.read_to for one in remembered.values() if one.read_to is not None]
        for replays, after in ((fresh, None), (remembered, min(behind, default=None))):
            if replays and not (after is not None and after >= newest):
                rows = await incidents.asks_of_days(session, scope, replays.keys(), after)
                for day, sequence, incident_id, at, severity in rows:
                    replays[day].desk.take([Ask(sequence, incident_id, at, Severity(severity))])
            for day, replay in replays.items():
                replay.read_to = max(newest, replay.read_to or newest)
                self._days[scope, day] = replay
                self._days.move_to_end((scope, day))
        while len(self._days) > DAYS_KEPT:
            self._days.popitem(last=False)
        return {day: replay.desk for replay_of in (fresh, remembered) for day, replay in replay_of.items()}


@dataclass(slots=True)
class _Replay:
    """A day's replay, with all asks in it up to the sequence `read_to`."""

    desk: DayOfDesk
    read_to: int | None = None
