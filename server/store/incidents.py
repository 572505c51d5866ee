"""Incidents: which alerts belong together, and the requests from which placements are replayed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CompoundSelect, Row, String, bindparam, func, insert, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server.permissions import Scope
from server.store.alerts import OPEN_STATES
from server.store.scoping import unscoped, within
from server.store.tables import Alert, PlacementRequestRow, UtcDateTime


@dataclass(frozen=True, slots=True)
class Source:
    """What the alerts of one incident have in common. A camera is of one kampung."""

    camera_id: str
    zone_id: str
    rule: str


NEAREST_AT_ONCE = 32
"""Moments in one statement. Their number is part of its text, which is built once for this number."""


def _nearest() -> CompoundSelect[str, str, str, datetime, UUID]:
    """Made once: for each moment each half is one step into the index `ix_alert_source_time`, however many alerts
    there are.
    """
    # SQLAlchemy compiles a statement with VALUES anew each time, which costs ten times what running it does.
    looked = union_all(
        *(
            select(
                bindparam(f"camera_id_{number}", type_=String).label("camera_id"),
                bindparam(f"zone_id_{number}", type_=String).label("zone_id"),
                bindparam(f"rule_{number}", type_=String).label("rule"),
                bindparam(f"moment_{number}", type_=UtcDateTime).label("moment"),
            )
            for number in range(NEAREST_AT_ONCE)
        )
    ).cte("looked")
    one = aliased(Alert)
    of_source = select(one.id).where(
        one.camera_id == looked.c.camera_id,
        one.zone_id == looked.c.zone_id,
        one.rule == looked.c.rule,
        one.received_at >= bindparam("since", type_=UtcDateTime),
        one.spot_check_chance.is_(None),
    )
    until = of_source.where(one.captured_at <= looked.c.moment).order_by(one.captured_at.desc(), one.id.desc())
    after = of_source.where(one.captured_at > looked.c.moment).order_by(one.captured_at, one.id)
    found = select(Alert.camera_id, Alert.zone_id, Alert.rule, Alert.captured_at, Alert.incident_id)
    return union_all(
        *(
            found.join_from(looked, Alert, Alert.id == half.limit(1).correlate(looked).scalar_subquery())
            for half in (until, after)
        )
    )


_NEAREST = unscoped(_nearest(), "ingest: the cameras belong to the devices that send events")


async def nearest_alerts(
    session: AsyncSession, moments: Sequence[tuple[Source, datetime]], received_since: datetime
) -> dict[Source, list[tuple[datetime, UUID]]]:
    """By source: (capture time, incident) of its last alert captured until each moment and its first one after it."""
    found: dict[Source, set[tuple[datetime, UUID]]] = {}
    for first in range(0, len(moments), NEAREST_AT_ONCE):
        some = moments[first : first + NEAREST_AT_ONCE]
        parameters: dict[str, str | datetime] = {"since": received_since}
        for number in range(NEAREST_AT_ONCE):
            source, moment = some[min(number, len(some) - 1)]  # what is left over asks the last one again
            parameters[f"camera_id_{number}"] = source.camera_id
            parameters[f"zone_id_{number}"] = source.zone_id
            parameters[f"rule_{number}"] = source.rule
            parameters[f"moment_{number}"] = moment
        for camera_id, zone_id, rule, at, incident_id in await session.execute(_NEAREST, parameters):
            found.setdefault(Source(camera_id, zone_id, rule), set()).add((at, incident_id))
    return {source: list(nearest) for source, nearest in found.items()}


async def add_requests(session: AsyncSession, requests: Sequence[PlacementRequestRow]) -> None:
    """Append requests, each under the sequence of the feed entry about it: the order of commits."""
    if requests:
        columns = [column.key for column in PlacementRequestRow.__table__.columns]
        rows = [{key: getattr(request, key) for key in columns} for request in requests]
        await session.execute(insert(PlacementRequestRow), rows)


async def newest_request(session: AsyncSession) -> int:
    """The sequence of the newest request; 0 before the first."""
    query = select(func.coalesce(func.max(PlacementRequestRow.sequence), 0))
    return (await session.execute(unscoped(query, "a sequence number says nothing about a kampung"))).scalar_one()


async def requests_of_days(
    session: AsyncSession, scope: Scope, days: Collection[int], after: int | None
) -> Sequence[Row[int, int, UUID, datetime, str]]:
    """Day, sequence, incident, time and severity of the days' requests in `scope` above sequence `after`, in order."""
    query = (
        select(
            PlacementRequestRow.day,
            PlacementRequestRow.sequence,
            PlacementRequestRow.incident_id,
            PlacementRequestRow.at,
            PlacementRequestRow.severity,
        )
        .where(PlacementRequestRow.day.in_(days))
        .order_by(PlacementRequestRow.sequence)
    )
    if after is not None:
        query = query.where(PlacementRequestRow.sequence > after)
    return (await session.execute(within(query, PlacementRequestRow.kampung_id, scope))).all()


async def open_incidents(session: AsyncSession, scope: Scope, limit: int) -> Sequence[Row[str, UUID, datetime]]:
    """Kampung, incident and receipt of incidents with an open alert, received last first."""
    received_at = func.max(Alert.received_at).label("received_at")
    query = (
        select(Alert.kampung_id, Alert.incident_id, received_at)
        .where(Alert.state.in_(OPEN_STATES), Alert.spot_check_chance.is_(None))
        .group_by(Alert.kampung_id, Alert.incident_id)
        .order_by(received_at.desc())
        .limit(limit)
    )
    return (await session.execute(within(query, Alert.kampung_id, scope))).all()


async def alert_ids(session: AsyncSession, scope: Scope, incident_ids: Collection[UUID]) -> Sequence[UUID]:
    """The alerts of these incidents that lie in `scope`, oldest first."""
    query = within(select(Alert.id), Alert.kampung_id, scope)
    query = query.where(Alert.incident_id.in_(incident_ids)).order_by(Alert.captured_at, Alert.id)
    return (await session.execute(query)).scalars().all()
