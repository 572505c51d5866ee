"""Incidents: which alerts belong together, and the asks from which their places are replayed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CompoundSelect, Row, bindparam, func, insert, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.alerts import OPEN_STATES
from server.store.tables import Alert, IncidentAsk, UtcDateTime


@dataclass(frozen=True, slots=True)
class Source:
    """What the alerts of one incident have in common. A camera is of one kampung."""

    camera_id: str
    zone_id: str
    rule: str


def _beside() -> CompoundSelect[datetime, UUID]:
    """Made once: each half is one step into the index `ix_alert_source_time`, however many alerts there are."""
    moment = bindparam("moment", type_=UtcDateTime())
    of_source = select(Alert.captured_at, Alert.incident_id).where(
        Alert.camera_id == bindparam("camera_id"),
        Alert.zone_id == bindparam("zone_id"),
        Alert.rule == bindparam("rule"),
        Alert.received_at >= bindparam("since", type_=UtcDateTime()),
        Alert.audit_chance.is_(None),
    )
    until = of_source.where(Alert.captured_at <= moment).order_by(Alert.captured_at.desc(), Alert.id.desc()).limit(1)
    after = of_source.where(Alert.captured_at > moment).order_by(Alert.captured_at, Alert.id).limit(1)
    return union_all(*(select(half.c.captured_at, half.c.incident_id) for half in (until.subquery(), after.subquery())))


_BESIDE = _beside()


async def alerts_beside(
    session: AsyncSession, source: Source, captured_at: datetime, received_since: datetime
) -> list[tuple[datetime, UUID]]:
    """(capture time, incident) of the source's last alert captured until then and its first one after it, if any."""
    moment = {**asdict(source), "moment": captured_at, "since": received_since}
    return [(at, incident_id) for at, incident_id in await session.execute(_BESIDE, moment)]


async def add_asks(session: AsyncSession, asks: Sequence[IncidentAsk]) -> None:
    """Append asks, each under the sequence of the feed's entry that tells of it: the order of commits."""
    if asks:
        columns = [column.key for column in IncidentAsk.__table__.columns]
        await session.execute(insert(IncidentAsk), [{key: getattr(ask, key) for key in columns} for ask in asks])


async def newest_ask(session: AsyncSession) -> int:
    """The sequence of the newest ask; 0 before the first."""
    return (await session.execute(select(func.coalesce(func.max(IncidentAsk.sequence), 0)))).scalar_one()


async def asks_of_days(
    session: AsyncSession, scope: Scope, days: Collection[int], after: int | None
) -> Sequence[Row[int, int, UUID, datetime, str]]:
    """Day, sequence, incident, time and severity of these days' asks in `scope`, in order; None: from the first on."""
    query = (
        select(IncidentAsk.day, IncidentAsk.sequence, IncidentAsk.incident_id, IncidentAsk.at, IncidentAsk.severity)
        .where(IncidentAsk.day.in_(days))
        .order_by(IncidentAsk.sequence)
    )
    if after is not None:
        query = query.where(IncidentAsk.sequence > after)
    if not scope.everywhere:
        query = query.where(IncidentAsk.kampung_id.in_(scope.kampung_ids))
    return (await session.execute(query)).all()


async def open_incidents(session: AsyncSession, scope: Scope, limit: int) -> Sequence[Row[str, UUID, datetime]]:
    """Kampung, incident and receipt of incidents with an open alert, received last first."""
    received_at = func.max(Alert.received_at).label("received_at")
    query = (
        select(Alert.kampung_id, Alert.incident_id, received_at)
        .where(Alert.state.in_(OPEN_STATES), Alert.audit_chance.is_(None))
        .group_by(Alert.kampung_id, Alert.incident_id)
        .order_by(received_at.desc())
        .limit(limit)
    )
    if not scope.everywhere:
        query = query.where(Alert.kampung_id.in_(scope.kampung_ids))
    return (await session.execute(query)).all()


async def alert_ids(session: AsyncSession, incident_ids: Collection[UUID]) -> Sequence[UUID]:
    """The alerts of these incidents, oldest first. An incident has one kampung, so one scope."""
    query = select(Alert.id).where(Alert.incident_id.in_(incident_ids)).order_by(Alert.captured_at, Alert.id)
    return (await session.execute(query)).scalars().all()
