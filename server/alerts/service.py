"""Alerts for people: lists, details, transitions and notes. What a person is not granted does not exist for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.ids import UuidV7Factory
from contract.verdict import VerdictKind
from server.alerts.cursor import decode_position, encode_position
from server.alerts.governor import Placement, hour_start
from server.alerts.placements import DigestCount, PlacedAlert, PlacementService
from server.alerts.states import check_transition
from server.auth.sessions import Person
from server.permissions import Permission, Scope
from server.store import alerts, audit, feed, places
from server.store.alerts import AlertFilter, Position
from server.store.audit import AuditEntry
from server.store.database import Database
from server.store.feed import FeedEntry
from server.store.tables import Alert, AlertHistory, Clip, EventRow


@dataclass(frozen=True, slots=True)
class AlertTransition:
    """A requested change of state. It applies only while the alert is at `expected_version`, the version seen."""

    to: str
    verdict: VerdictKind | None
    note: str | None
    expected_version: int


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert with its events, history, clip and related alerts.

    mates: the other alerts of its incident. neighbours: alerts of other incidents of its camera near it in time.
    """

    placed: PlacedAlert
    events: Sequence[EventRow]
    history: Sequence[AlertHistory]
    clip: Clip | None
    mates: Sequence[PlacedAlert]
    neighbours: Sequence[PlacedAlert]


@dataclass(frozen=True, slots=True)
class DigestOverview:
    """Counts of one person's digest by kampung id. complete: false when more incidents are open than were counted."""

    hour_began_at: datetime
    kampung: list[tuple[str, DigestCount]]
    complete: bool


class AlertService:
    """Reads alerts for people and applies what people decide about them."""

    def __init__(
        self, database: Database, clock: Clock, placements: PlacementService, wake_feed: Callable[[], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._placements = placements
        self._wake_feed = wake_feed
        self._new_id = UuidV7Factory(clock)

    async def digest(self, scope: Scope) -> DigestOverview:
        """Counts of the digest in `scope`. Every kampung of the scope is listed, also those with empty counts."""
        now = self._clock.utc()
        async with self._database.read() as reading:
            names = await places.kampung_names(reading, scope)
            counts, complete = await self._placements.digest(reading, scope, now)
        kampung = [(kampung_id, counts.get(kampung_id, DigestCount())) for kampung_id, _ in names]
        return DigestOverview(hour_start(now), kampung, complete)

    async def page(
        self, scope: Scope, wanted: AlertFilter, placement: Placement | None, cursor: str | None, limit: int
    ) -> tuple[list[PlacedAlert], str | None]:
        """A page of alerts, newest first, and the cursor of the next page (None on the last).

        With `placement`, a page may hold fewer alerts than `limit` and still have a next page.

        Raises:
            KentonganError: `bad-input` for an invalid cursor.
        """
        after = decode_position(cursor) if cursor else None
        async with self._database.read() as reading:
            if placement is None:
                found = await alerts.page(reading, scope, wanted, after, limit + 1)
                last = found[limit - 1].alert if len(found) > limit else None
                next_position = Position(last.captured_at, last.id) if last else None
            else:
                ids, next_position = await self._placements.page_of(reading, scope, placement, wanted, after, limit)
                known = await alerts.several(reading, scope, ids)
                found = [known[alert_id] for alert_id in ids]
            shown = await self._placements.placed(reading, scope, found[:limit])
        return shown, encode_position(next_position) if next_position else None

    async def detail(self, person: Person, alert_id: UUID) -> AlertRecord:
        """Raises:
        KentonganError: `not-found`.
        """
        scope = person.scope(Permission.ALERT_READ)
        async with self._database.read() as reading:
            named = await alerts.one(reading, scope, alert_id)
            if named is None:
                raise _no_such_alert()
            mates = await alerts.incident_mates(reading, scope, named.alert)
            neighbours = await alerts.neighbours(reading, scope, named.alert)
            (placed,) = await self._placements.placed(reading, scope, [named])
            return AlertRecord(
                placed=placed,
                events=await alerts.events_of(reading, scope, alert_id),
                history=await alerts.history_of(reading, scope, alert_id),
                clip=await alerts.clip_of(reading, scope, named.alert),
                mates=await self._placements.placed(reading, scope, mates),
                neighbours=await self._placements.placed(reading, scope, neighbours),
            )

    async def transition(self, person: Person, alert_id: UUID, wanted: AlertTransition) -> AlertRecord:
        """Change the alert's state. State, history, audit entry and feed entry are committed together.

        Raises:
            KentonganError: `not-found`, `forbidden`, `conflict` (version or state), `bad-input` (verdict).
        """
        now = self._clock.utc()
        async with self._database.write() as writing:
            alert = await self._handled(writing.session, person, alert_id, wanted.expected_version)
            check_transition(alert.state, wanted.to, wanted.verdict)
            before = alert.state
            verdict = wanted.verdict.value if wanted.verdict is not None else None
            alert.state = wanted.to
            alert.verdict = verdict
            if wanted.to == "acknowledged" or alert.acknowledged_by is None:
                alert.acknowledged_by = person.user_name
            change = AlertHistory(
                kind="transition", from_state=before, to_state=wanted.to, verdict=verdict, note=wanted.note
            )
            detail = {
                "from": before, "to": wanted.to, "verdict": verdict, "has_note": wanted.note is not None,
                "version": alert.version + 1,
            }  # fmt: skip
            entry = AuditEntry(person.actor, f"alert.{wanted.to}", alert.kampung_id, f"alert:{alert.id}", detail)
            await self._record(writing.session, alert, change, entry)
            alert.updated_at = now
            writing.after_commit(self._wake_feed)
        return await self.detail(person, alert_id)

    async def note(self, person: Person, alert_id: UUID, note: str, expected_version: int) -> AlertRecord:
        """Add a note.

        Raises:
            KentonganError: `not-found`, `forbidden`, `conflict`.
        """
        async with self._database.write() as writing:
            alert = await self._handled(writing.session, person, alert_id, expected_version)
            change = AlertHistory(kind="note", note=note)
            entry = AuditEntry(
                person.actor, "alert.noted", alert.kampung_id, f"alert:{alert.id}", {"version": alert.version + 1}
            )
            await self._record(writing.session, alert, change, entry)
            alert.updated_at = self._clock.utc()
            writing.after_commit(self._wake_feed)
        return await self.detail(person, alert_id)

    async def _handled(self, session: AsyncSession, person: Person, alert_id: UUID, expected_version: int) -> Alert:
        """The alert's row, locked, if the person may handle it and has seen its current version."""
        alert = await alerts.for_change(session, person.scope(Permission.ALERT_READ), alert_id)
        if alert is None:
            raise _no_such_alert()
        if alert.kampung_id not in person.scope(Permission.ALERT_HANDLE):
            raise KentonganError(ErrorKind.FORBIDDEN, "this account may read this kampung's alerts but not handle them")
        if alert.version != expected_version:
            raise KentonganError(
                ErrorKind.CONFLICT,
                f"the alert was changed meanwhile: it is at version {alert.version}, expected {expected_version}",
            )
        return alert

    async def _record(self, session: AsyncSession, alert: Alert, change: AlertHistory, entry: AuditEntry) -> None:
        now = self._clock.utc()
        (sequence,) = await audit.append(session, now, [entry])
        change.id = self._new_id()
        change.alert_id = alert.id
        change.at = now
        change.actor = entry.actor
        change.audit_sequence = sequence
        session.add(change)
        alert.version += 1
        await feed.append(session, now, [FeedEntry("updated", alert.kampung_id, alert_id=alert.id)])


def _no_such_alert() -> KentonganError:
    return KentonganError(ErrorKind.NOT_FOUND, "there is no such alert")
