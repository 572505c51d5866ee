"""Reading and changing alerts, with the names that people know things by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server.permissions import Scope
from server.store.scoping import unscoped, within
from server.store.tables import Alert, AlertHistory, Camera, Clip, EventRow, Kampung, Zone

OPEN_STATES = ("new", "acknowledged")
NEIGHBOURS_WITHIN = timedelta(minutes=30)
MAX_NEIGHBOURS = 10
MAX_MATES = 100
Columns = TypeVarTuple("Columns")
_PLACE = ("device_id", "kampung_id", "camera_id")
"""What alerts that share a clip have in common."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What a list of alerts is narrowed to; None and () narrow nothing. Times are capture times.

    spot_check: stays shown as a spot check in place of alerts; the two are never in one list.
    """

    kampung: str | None = None
    camera: str | None = None
    rule: str | None = None
    state: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    incident: UUID | None = None
    spot_check: bool = False


@dataclass(frozen=True, slots=True)
class NamedAlert:
    """An alert with the names of its places. It is detached: read it, never change it."""

    alert: Alert
    kampung_name: str
    camera_name: str
    zone_name: str


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list of alerts, which is ordered by capture time and id, newest first."""

    captured_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What is needed of an alert to know its place."""

    id: UUID
    captured_at: datetime
    incident_id: UUID
    received_at: datetime

    @property
    def position(self) -> Position:
        return Position(self.captured_at, self.id)


def _named() -> Select[Alert, str, str, str]:
    return (
        select(Alert, Kampung.name, Camera.name, Zone.name)
        .join(Kampung, Kampung.id == Alert.kampung_id)
        .join(Camera, Camera.id == Alert.camera_id)
        .outerjoin(Zone, and_(Zone.camera_id == Alert.camera_id, Zone.id == Alert.zone_id))
    )


async def _fetch(session: AsyncSession, query: Select[Alert, str, str, str]) -> list[NamedAlert]:
    # A zone that the site file does not know (yet) has no name: its id stands in.
    rows = await session.execute(query)
    return [NamedAlert(alert, kampung, camera, zone or alert.zone_id) for alert, kampung, camera, zone in rows]


async def page(
    session: AsyncSession, scope: Scope, wanted: AlertFilter, after: Position | None, limit: int
) -> list[NamedAlert]:
    """Alerts of the kampung in `scope`, newest first, that come after `after`."""
    return await _fetch(session, _narrowed(_named(), scope, wanted, after).limit(limit))


async def keys(
    session: AsyncSession, scope: Scope, wanted: AlertFilter, after: Position | None, limit: int
) -> list[AlertKey]:
    """The same list with only what a placement needs of each alert."""
    columns = select(Alert.id, Alert.captured_at, Alert.incident_id, Alert.received_at)
    rows = await session.execute(_narrowed(columns, scope, wanted, after).limit(limit))
    return [AlertKey(*row) for row in rows]


def _narrowed(query: Select[*Columns], scope: Scope, wanted: AlertFilter, after: Position | None) -> Select[*Columns]:
    query = within(query, Alert.kampung_id, scope).order_by(Alert.captured_at.desc(), Alert.id.desc())
    query = query.where(
        Alert.spot_check_chance.is_not(None) if wanted.spot_check else Alert.spot_check_chance.is_(None)
    )
    for column, value in (
        (Alert.kampung_id, wanted.kampung),
        (Alert.camera_id, wanted.camera),
        (Alert.rule, wanted.rule),
        (Alert.incident_id, wanted.incident),
    ):
        if value is not None:
            query = query.where(column == value)
    for column, values in ((Alert.state, wanted.state), (Alert.severity, wanted.severity)):
        if values:
            query = query.where(column.in_(values))
    if wanted.since is not None:
        query = query.where(Alert.captured_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Alert.captured_at < wanted.until)
    if after is not None:
        earlier = Alert.captured_at < after.captured_at
        query = query.where(or_(earlier, and_(Alert.captured_at == after.captured_at, Alert.id < after.id)))
    return query


async def one(session: AsyncSession, scope: Scope, alert_id: UUID) -> NamedAlert | None:
    """The alert, if it lies in `scope`: what is not granted does not exist."""
    found = await _fetch(session, within(_named(), Alert.kampung_id, scope).where(Alert.id == alert_id))
    return found[0] if found else None


async def several(session: AsyncSession, scope: Scope, alert_ids: Sequence[UUID]) -> dict[UUID, NamedAlert]:
    """Those of the ids that are alerts in `scope`; spot checks are left out."""
    query = within(_named(), Alert.kampung_id, scope)
    found = await _fetch(session, query.where(Alert.id.in_(alert_ids), Alert.spot_check_chance.is_(None)))
    return {named.alert.id: named for named in found}


async def neighbours(session: AsyncSession, scope: Scope, alert: Alert) -> list[NamedAlert]:
    """At most `MAX_NEIGHBOURS` alerts of other incidents of its camera, captured near it; newest first."""
    query = (
        within(_named(), Alert.kampung_id, scope)
        .where(
            Alert.camera_id == alert.camera_id,
            Alert.kampung_id == alert.kampung_id,
            Alert.incident_id != alert.incident_id,
            Alert.spot_check_chance.is_(None),
            Alert.captured_at >= alert.captured_at - NEIGHBOURS_WITHIN,
            Alert.captured_at <= alert.captured_at + NEIGHBOURS_WITHIN,
        )
        .order_by(Alert.captured_at.desc(), Alert.id.desc())
        .limit(MAX_NEIGHBOURS)
    )
    return await _fetch(session, query)


async def incident_mates(session: AsyncSession, scope: Scope, alert: Alert) -> list[NamedAlert]:
    """At most `MAX_MATES` other alerts of its incident, newest first."""
    query = (
        within(_named(), Alert.kampung_id, scope)
        .where(Alert.incident_id == alert.incident_id, Alert.id != alert.id)
        .order_by(Alert.captured_at.desc(), Alert.id.desc())
        .limit(MAX_MATES)
    )
    return await _fetch(session, query)


async def showing_clip(session: AsyncSession, clip: Clip) -> Sequence[Alert]:
    """The alert that announced the clip and all that share it, locked until the transaction ends."""
    owner = aliased(Alert)
    query = (
        select(Alert)
        .join(owner, owner.id == clip.alert_id)
        .where(*(getattr(owner, name) == getattr(Alert, name) for name in _PLACE))
        .where(or_(Alert.id == clip.alert_id, Alert.clip_id == clip.id))
        .order_by(Alert.id)
        .with_for_update(of=Alert)
    )
    return (await session.execute(unscoped(query, "ingest: the clip belongs to the device"))).scalars().all()


async def for_change(session: AsyncSession, scope: Scope, alert_id: UUID) -> Alert | None:
    """The alert's row, if it lies in `scope`, locked until the transaction ends."""
    query = within(select(Alert), Alert.kampung_id, scope).where(Alert.id == alert_id).with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


async def of_event(session: AsyncSession, event: EventRow) -> Alert | None:
    """The row of the alert that the event belongs to, locked until the transaction ends."""
    query = select(Alert).where(Alert.id == event.alert_id).with_for_update()
    return (await session.execute(unscoped(query, "ingest: the event belongs to the device"))).scalar_one_or_none()


async def events_of(session: AsyncSession, scope: Scope, alert_id: UUID) -> Sequence[EventRow]:
    """The events of an alert in `scope`, in the device's order."""
    query = (
        within(select(EventRow).join(Alert, Alert.id == EventRow.alert_id), Alert.kampung_id, scope)
        .where(EventRow.alert_id == alert_id)
        .order_by(EventRow.device_sequence, EventRow.id)
    )
    return (await session.execute(query)).scalars().all()


async def history_of(session: AsyncSession, scope: Scope, alert_id: UUID) -> Sequence[AlertHistory]:
    """The history of an alert in `scope`, oldest first."""
    query = (
        within(select(AlertHistory).join(Alert, Alert.id == AlertHistory.alert_id), Alert.kampung_id, scope)
        .where(AlertHistory.alert_id == alert_id)
        .order_by(AlertHistory.audit_sequence)
    )
    return (await session.execute(query)).scalars().all()


async def clip_of(session: AsyncSession, scope: Scope, alert: Alert) -> Clip | None:
    """The clip that the alert names, once it was announced as sealed and if it is of the alert's own camera.

    A device may promise any id before the clip is known: the name alone must not open another camera's pictures.
    """
    if alert.clip_id is None:
        return None
    owner = aliased(Alert)
    query = select(Clip).join(owner, owner.id == Clip.alert_id).where(Clip.id == alert.clip_id)
    same = query.where(*(getattr(owner, name) == getattr(alert, name) for name in _PLACE))
    return (await session.execute(within(same, Clip.kampung_id, scope))).scalar_one_or_none()


async def open_counts(session: AsyncSession, scope: Scope) -> dict[str, dict[str, int]]:
    """Open alerts per kampung and severity."""
    query = (
        within(select(Alert.kampung_id, Alert.severity, func.count()), Alert.kampung_id, scope)
        .where(Alert.state.in_(OPEN_STATES), Alert.spot_check_chance.is_(None))
        .group_by(Alert.kampung_id, Alert.severity)
    )
    counts: dict[str, dict[str, int]] = {}
    for kampung_id, severity, count in await session.execute(query):
        counts.setdefault(kampung_id, {})[severity] = count
    return counts
