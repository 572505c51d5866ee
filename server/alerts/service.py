"""What people see and decide. Nothing outside a person's grants exists for them."""

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
from server.alerts.cursor import decode_position, decode_sequence, encode_position
from server.alerts.governor import Place, hour_of
from server.alerts.incidents import DigestCount, IncidentBook, PlacedAlert
from server.alerts.states import check_transition
from server.auth.sessions import Person
from server.permissions import Permission, Scope
from server.store import alerts, audit, feed, places
from server.store.alerts import AlertFilter, Position
from server.store.audit import AuditEntry, AuditFilter
from server.store.database import Database
from server.store.feed import FeedEntry
from server.store.places import CameraRecord
from server.store.tables import Alert, AlertHistory, AuditRow, Clip, EventRow


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides about the alert as they saw it, that is at `expected_version`."""

    to: str
    verdict: VerdictKind | None
    note: str | None
    expected_version: int


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """An alert with everything that is known about it."""

    placed: PlacedAlert
    events: Sequence[EventRow]
    history: Sequence[AlertHistory]
    clip: Clip | None
    mates: Sequence[PlacedAlert]
    neighbours: Sequence[PlacedAlert]


@dataclass(frozen=True, slots=True)
class KampungOverview:
    id: str
    name: str
    open_alerts: dict[str, int]
    cameras: list[CameraRecord]


@dataclass(frozen=True, slots=True)
class DigestOverview:
    """What waits in one person's digest. `whole`: false when there are more open incidents than were counted."""

    hour_began_at: datetime
    kampung: list[tuple[str, DigestCount]]
    whole: bool


class AlertDesk:
    """Lists, details and decisions."""

    def __init__(self, database: Database, clock: Clock, book: IncidentBook, wake_feed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._book = book
        self._wake_feed = wake_feed
        self._new_id = UuidV7Factory(clock)

    async def kampung_names(self, scope: Scope) -> Sequence[tuple[str, str]]:
        async with self._database.read() as reading:
            return await places.kampung_names(reading, scope)

    async def overview(self, scope: Scope, alert_scope: Scope) -> list[KampungOverview]:
        """The kampung in `scope`; open alerts are counted where `alert_scope` allows."""
        async with self._database.read() as reading:
            names = await places.kampung_names(reading, scope)
            cameras = await places.cameras(reading, scope)
            counts = await alerts.open_counts(reading, alert_scope)
        return [
            KampungOverview(
                id=kampung_id,
                name=name,
                open_alerts=counts.get(kampung_id, {}),
                cameras=[camera for camera in cameras if camera.kampung_id == kampung_id],
            )
            for kampung_id, name in names
        ]

    async def digest(self, scope: Scope) -> DigestOverview:
        """What waits in the digest of whoever is granted `scope`; every kampung of it is named, none else is."""
        now = self._clock.utc()
        async with self._database.read() as reading:
            names = await places.kampung_names(reading, scope)
            counts, whole = await self._book.digest(reading, scope, now)
        kampung = [(kampung_id, counts.get(kampung_id, DigestCount())) for kampung_id, _ in names]
        return DigestOverview(hour_of(now), kampung, whole)

    async def page(
        self, scope: Scope, wanted: AlertFilter, place: Place | None, cursor: str | None, limit: int
    ) -> tuple[list[PlacedAlert], str | None]:
        """A page of alerts, newest first, and the cursor of the next one; of one place it may hold fewer than `limit`.

        Raises:
            KentonganError: `bad-input` for a cursor that is none.
        """
        after = decode_position(cursor) if cursor else None
        async with self._database.read() as reading:
            if place is None:
                found = await alerts.page(reading, scope, wanted, after, limit + 1)
                last = found[limit - 1].alert if len(found) > limit else None
                next_position = Position(last.captured_at, last.id) if last else None
            else:
                ids, next_position = await self._book.page_of(reading, scope, place, wanted, after, limit)
                known = await alerts.several(reading, ids)
                found = [known[alert_id] for alert_id in ids]
            shown = await self._book.placed(reading, scope, found[:limit])
        return shown, encode_position(next_position) if next_position else None

    async def audit_page(
        self, scope: Scope, wanted: AuditFilter, cursor: str | None, limit: int
    ) -> tuple[Sequence[AuditRow], str | None]:
        """A page of audit entries, newest first, and the cursor of the next one.

        Raises:
            KentonganError: `bad-input` for a cursor that is none.
        """
        before = decode_sequence(cursor) if cursor else None
        async with self._database.read() as reading:
            found = await audit.page(reading, scope, wanted, before, limit + 1)
        shown = found[:limit]
        return shown, str(shown[-1].sequence) if len(found) > limit else None

    async def detail(self, person: Person, alert_id: UUID) -> AlertRecord:
        """Raises:
        KentonganError: `not-found`.
        """
        scope = person.scope(Permission.ALERT_READ)
        async with self._database.read() as reading:
            named = await alerts.one(reading, scope, alert_id)
            if named is None:
                raise _no_such_alert()
            (placed,) = await self._book.placed(reading, scope, [named])
            return AlertRecord(
                placed=placed,
                events=await alerts.events_of(reading, alert_id),
                history=await alerts.history_of(reading, alert_id),
                clip=await alerts.clip_of(reading, named.alert),
                mates=await self._book.placed(reading, scope, await alerts.incident_mates(reading, named.alert)),
                neighbours=await self._book.placed(reading, scope, await alerts.neighbours(reading, named.alert)),
            )

    async def decide(self, person: Person, alert_id: UUID, decision: Decision) -> AlertRecord:
        """Change the alert's state; state, history, audit entry and feed entry commit together.

        Raises:
            KentonganError: `not-found`, `forbidden`, `conflict` (version or state), `bad-input` (verdict).
        """
        now = self._clock.utc()
        async with self._database.write() as writing:
            alert = await self._handled(writing.session, person, alert_id, decision.expected_version)
            check_transition(alert.state, decision.to, decision.verdict)
            before = alert.state
            verdict = decision.verdict.value if decision.verdict is not None else None
            alert.state = decision.to
            alert.verdict = verdict
            if decision.to == "acknowledged" or alert.acknowledged_by is None:
                alert.acknowledged_by = person.user_name
            change = AlertHistory(
                kind="transition", from_state=before, to_state=decision.to, verdict=verdict, note=decision.note
            )
            detail = {
                "from": before, "to": decision.to, "verdict": verdict, "has_note": decision.note is not None,
                "version": alert.version + 1,
            }  # fmt: skip
            entry = AuditEntry(person.actor, f"alert.{decision.to}", alert.kampung_id, f"alert:{alert.id}", detail)
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
        alert = await alerts.for_change(session, alert_id)
        if alert is None or alert.kampung_id not in person.scope(Permission.ALERT_READ):
            raise _no_such_alert()
        if alert.kampung_id not in person.scope(Permission.ALERT_HANDLE):
            raise KentonganError(ErrorKind.FORBIDDEN, "this account may look at this kampung's alerts, not decide")
        if alert.version != expected_version:
            raise KentonganError(
                ErrorKind.CONFLICT,
                f"somebody else decided meanwhile: the alert is at version {alert.version}, not {expected_version}",
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
