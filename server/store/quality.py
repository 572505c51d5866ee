"""What became of the alerts of a stretch of time, by place and rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.tables import Alert, Camera, Kampung, Zone


@dataclass(frozen=True, slots=True)
class Span:
    """Which alerts count: captured from `since` on, of the kampung in `scope`, and of `kampung` alone if named."""

    scope: Scope
    since: datetime
    kampung: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class PlaceAndRule:
    """A zone with its names, and a rule. Sorted as people look for them: by name."""

    kampung_name: str
    camera_name: str
    zone_name: str
    kampung_id: str
    camera_id: str
    zone_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many alerts of a rule in a zone were closed with `verdict`; None: not closed (yet)."""

    place: PlaceAndRule
    verdict: str | None
    alerts: int


async def outcomes(session: AsyncSession, span: Span) -> Sequence[Outcome]:
    """Alerts by place, rule and verdict; what is not granted is not read."""
    keys = (Alert.kampung_id, Alert.camera_id, Alert.zone_id, Alert.rule)
    counted = select(*keys, Alert.verdict, func.count().label("alerts")).where(Alert.captured_at >= span.since)
    if not span.scope.everywhere:
        counted = counted.where(Alert.kampung_id.in_(span.scope.kampung_ids))
    if span.kampung is not None:
        counted = counted.where(Alert.kampung_id == span.kampung)
    some = counted.group_by(*keys, Alert.verdict).subquery()
    named = (
        select(some, Kampung.name, Camera.name, Zone.name)
        .join(Kampung, Kampung.id == some.c.kampung_id)
        .join(Camera, Camera.id == some.c.camera_id)
        .outerjoin(Zone, and_(Zone.camera_id == some.c.camera_id, Zone.id == some.c.zone_id))
    )
    return [
        # A zone that the site file does not know (yet) has no name: its id stands in.
        Outcome(PlaceAndRule(kampung, camera, zone or zone_id, kampung_id, camera_id, zone_id, rule), verdict, alerts)
        for kampung_id, camera_id, zone_id, rule, verdict, alerts, kampung, camera, zone in await session.execute(named)
    ]
