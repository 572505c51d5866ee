"""Writing batches of events: a handful of statements however many events there are."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.tables import Alert, Clip, EventRow


async def known_events(session: AsyncSession, event_ids: Sequence[UUID]) -> dict[UUID, EventRow]:
    found = await session.execute(select(EventRow).where(EventRow.id.in_(event_ids)))
    return {row.id: row for row in found.scalars()}


async def alerts_of_signals(
    session: AsyncSession, signals: Sequence[tuple[str, UUID]]
) -> dict[tuple[str, UUID], Alert]:
    """Alerts by device and signal, locked until the transaction ends."""
    query = select(Alert).where(tuple_(Alert.device_id, Alert.signal_id).in_(signals)).with_for_update()
    return {(row.device_id, row.signal_id): row for row in (await session.execute(query)).scalars()}


async def known_clips(session: AsyncSession, clip_ids: Sequence[UUID]) -> dict[UUID, Clip]:
    found = await session.execute(select(Clip).where(Clip.id.in_(clip_ids)))
    return {row.id: row for row in found.scalars()}


async def one(session: AsyncSession, event_id: UUID) -> EventRow | None:
    return await session.get(EventRow, event_id)
