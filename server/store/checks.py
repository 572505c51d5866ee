"""Queries that look for what must not be."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server.store.scoping import unscoped
from server.store.tables import Alert, AlertHistory, AuditRow, Clip, EventRow, Head, PlacementRequestRow, Thumbnail

_CHECK = "check: an administrator at the command line verifies everything"
AUDITED_CHANGES = (
    "alert.acknowledged", "alert.resolved", "alert.dismissed", "alert.noted",
    "alert.late_facts", "alert.other_clip", "alert.reopened",
)  # fmt: skip


async def alerts_without_opening_event(session: AsyncSession) -> Sequence[UUID]:
    """Alerts whose opening event is missing or belongs to another alert."""
    query = (
        select(Alert.id)
        .outerjoin(EventRow, EventRow.id == Alert.opening_event_id)
        .where(EventRow.id.is_(None) | (EventRow.alert_id != Alert.id))
    )
    return (await session.execute(unscoped(query, _CHECK))).scalars().all()


async def opening_entries_off(session: AsyncSession) -> int:
    """How many more (or fewer) alerts there are than audit entries that say one was opened."""
    alerts = (await session.execute(unscoped(select(func.count()).select_from(Alert), _CHECK))).scalar_one()
    opened = select(func.count()).select_from(AuditRow).where(AuditRow.action == "alert.opened")
    return alerts - (await session.execute(unscoped(opened, _CHECK))).scalar_one()


async def events_off(session: AsyncSession) -> int:
    """How many more (or fewer) events there are than audit entries that say one was accepted."""
    events = (await session.execute(unscoped(select(func.count()).select_from(EventRow), _CHECK))).scalar_one()
    query = select(func.count()).select_from(AuditRow).where(AuditRow.action.in_(("alert.opened", "event.accepted")))
    return events - (await session.execute(unscoped(query, _CHECK))).scalar_one()


async def alerts_without_incident(session: AsyncSession) -> Sequence[UUID]:
    """Alerts that never asked for a place, whose asks speak of another incident or kampung, or whose incident began
    with an alert of another camera, zone or rule.
    """
    first = aliased(Alert)
    same = (getattr(first, name) == getattr(Alert, name) for name in ("kampung_id", "camera_id", "zone_id", "rule"))
    requested = PlacementRequestRow
    fits = and_(requested.incident_id == Alert.incident_id, requested.kampung_id == Alert.kampung_id)
    query = (
        select(Alert.id)
        .outerjoin(requested, requested.alert_id == Alert.id)
        .outerjoin(first, and_(first.id == Alert.incident_id, *same))
        .where(Alert.spot_check_chance.is_(None), requested.sequence.is_(None) | not_(fits) | first.id.is_(None))
        .distinct()
    )
    return (await session.execute(unscoped(query, _CHECK))).scalars().all()


async def history_without_entry(session: AsyncSession) -> Sequence[UUID]:
    """Decisions whose audit entry is missing or speaks of another alert."""
    query = (
        select(AlertHistory.id, AlertHistory.alert_id, AuditRow.subject)
        .outerjoin(AuditRow, AuditRow.sequence == AlertHistory.audit_sequence)
        .order_by(AlertHistory.id)
    )
    rows = await session.execute(unscoped(query, _CHECK))
    return [history_id for history_id, alert_id, subject in rows if subject != f"alert:{alert_id}"]


async def entries_without_history(session: AsyncSession) -> Sequence[int]:
    """Audit entries of decisions that no alert's history knows."""
    query = (
        select(AuditRow.sequence)
        .outerjoin(AlertHistory, AlertHistory.audit_sequence == AuditRow.sequence)
        .where(AuditRow.action.in_(AUDITED_CHANGES), AlertHistory.id.is_(None))
    )
    return (await session.execute(unscoped(query, _CHECK))).scalars().all()


async def alerts_with_a_wrong_clip(session: AsyncSession) -> Sequence[UUID]:
    """Alerts that count as having a clip which is not stored, or which is another camera's."""
    announced = aliased(Alert)
    own = and_(
        announced.id == Clip.alert_id,
        announced.camera_id == Alert.camera_id,
        Clip.device_id == Alert.device_id,
        Clip.kampung_id == Alert.kampung_id,
    )
    query = (
        select(Alert.id)
        .outerjoin(Clip, Clip.id == Alert.clip_id)
        .outerjoin(announced, own)
        .where(Alert.clip_stored, or_(Clip.stored_at.is_(None), announced.id.is_(None)))
    )
    return (await session.execute(unscoped(query, _CHECK))).scalars().all()


async def budgeted_spot_checks(session: AsyncSession) -> Sequence[UUID]:
    """Spot checks that requested a placement, as only alerts may."""
    requested = select(PlacementRequestRow.alert_id).where(PlacementRequestRow.alert_id == Alert.id).exists()
    query = select(Alert.id).where(Alert.spot_check_chance.is_not(None), requested)
    return (await session.execute(unscoped(query, _CHECK))).scalars().all()


async def stored_clips(session: AsyncSession) -> Sequence[Clip]:
    return (await session.execute(unscoped(select(Clip).where(Clip.stored_at.is_not(None)), _CHECK))).scalars().all()


async def awaited_clip_paths(session: AsyncSession) -> set[str]:
    return set((await session.execute(unscoped(select(Clip.path).where(Clip.stored_at.is_(None)), _CHECK))).scalars())


async def thumbnails(session: AsyncSession) -> Sequence[Thumbnail]:
    return (await session.execute(unscoped(select(Thumbnail), _CHECK))).scalars().all()


async def head(session: AsyncSession, name: str) -> Head | None:
    return await session.get(Head, name)
