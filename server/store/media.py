"""Rows of clips and thumbnails, and of who has seen a clip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.tables import Clip, ClipViewing, Thumbnail


async def clip(session: AsyncSession, clip_id: UUID) -> Clip | None:
    return await session.get(Clip, clip_id)


async def thumbnail(session: AsyncSession, event_id: UUID) -> Thumbnail | None:
    return await session.get(Thumbnail, event_id)


async def awaited_clips(session: AsyncSession) -> Sequence[Clip]:
    """Clips that were announced and have not been stored."""
    return (await session.execute(select(Clip).where(Clip.stored_at.is_(None)))).scalars().all()


async def viewing_audited_at(session: AsyncSession, session_id: UUID, clip_id: UUID) -> datetime | None:
    found = await session.get(ClipViewing, (session_id, clip_id))
    return found.audited_at if found else None


async def set_viewing(session: AsyncSession, session_id: UUID, clip_id: UUID, at: datetime) -> None:
    await session.merge(ClipViewing(session_id=session_id, clip_id=clip_id, audited_at=at))
    await session.flush()
