"""Rows of clips and thumbnails, and of the audited views of clips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.scoping import unscoped, within
from server.store.tables import Alert, Clip, ClipViewing, Thumbnail


async def device_clip(session: AsyncSession, device_id: str, clip_id: UUID) -> Clip | None:
    """The clip, if the device announced it."""
    query = select(Clip).where(Clip.id == clip_id, Clip.device_id == device_id)
    return (await session.execute(unscoped(query, "ingest: a device uploads its own clips"))).scalar_one_or_none()


async def awaited_clips(session: AsyncSession) -> Sequence[Clip]:
    """Clips that were announced and are not stored yet."""
    query = select(Clip).where(Clip.stored_at.is_(None))
    return (await session.execute(unscoped(query, "recovery of interrupted uploads at start"))).scalars().all()


async def thumbnail_of(session: AsyncSession, scope: Scope, alert: Alert) -> Thumbnail | None:
    """The thumbnail that the alert shows, if the alert lies in `scope`."""
    query = within(select(Thumbnail).join(Alert, Alert.id == Thumbnail.alert_id), Alert.kampung_id, scope)
    query = query.where(Thumbnail.event_id == alert.thumbnail_event_id, Thumbnail.alert_id == alert.id)
    return (await session.execute(query)).scalar_one_or_none()


async def has_thumbnail(session: AsyncSession, event_id: UUID) -> bool:
    """Whether the event's thumbnail is stored."""
    query = select(Thumbnail.event_id).where(Thumbnail.event_id == event_id)
    found = await session.execute(unscoped(query, "ingest: the event belongs to the device"))
    return found.scalar_one_or_none() is not None


async def viewing_audited_at(session: AsyncSession, session_id: UUID, clip_id: UUID) -> datetime | None:
    """When the person's session last had a view of the clip audited; None if never."""
    found = await _viewing(session, session_id, clip_id)
    return found.audited_at if found else None


async def set_viewing(session: AsyncSession, session_id: UUID, clip_id: UUID, at: datetime) -> None:
    """Record that a view of the clip was audited at `at`."""
    found = await _viewing(session, session_id, clip_id)
    if found is None:
        session.add(ClipViewing(session_id=session_id, clip_id=clip_id, audited_at=at))
    else:
        found.audited_at = at
    await session.flush()


async def _viewing(session: AsyncSession, session_id: UUID, clip_id: UUID) -> ClipViewing | None:
    query = select(ClipViewing).where(ClipViewing.session_id == session_id, ClipViewing.clip_id == clip_id)
    return (await session.execute(unscoped(query, "a session's own views"))).scalar_one_or_none()
