"""Writing batches of events: a handful of statements however many events there are."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.scoping import unscoped
from server.store.tables import Alert, Clip, EventRow

_INGEST = "ingest: whether an id is known is decided over all devices; nothing of the row is answered"


async def known_events(session: AsyncSession, event_ids: Sequence[UUID]) -> dict[UUID, EventRow]:
    query = select(EventRow).where(EventRow.id.in_(event_ids))
    found = await session.execute(unscoped(query, _INGEST))
    return {row.id: row for row in found.scalars()}


async def alerts_of_signals(
    session: AsyncSession, signals: Sequence[tuple[str, UUID]]
) -> dict[tuple[str, UUID], Alert]:
    """Alerts by device and signal, locked until the transaction ends."""
    query = select(Alert).where(tuple_(Alert.device_id, Alert.signal_id).in_(signals)).with_for_update()
    found = await session.execute(unscoped(query, "ingest: a device reads its own alerts"))
    return {(row.device_id, row.signal_id): row for row in found.scalars()}


async def known_clips(session: AsyncSession, clip_ids: Sequence[UUID]) -> dict[UUID, tuple[Clip, str]]:
    """Clips by id, each with the id of its camera."""
    query = select(Clip, Alert.camera_id).join(Alert, Alert.id == Clip.alert_id).where(Clip.id.in_(clip_ids))
    return {row.id: (row, camera_id) for row, camera_id in await session.execute(unscoped(query, _INGEST))}


async def add(
    session: AsyncSession, alerts: Sequence[Alert], events: Sequence[EventRow], clips: Sequence[Clip]
) -> None:
    """Insert new rows, alerts first because the others refer to them: one statement per table.

    The unit of work would do the same at twice the cost, because it looks for what depends on what.
    """
    for model, rows in ((Alert, alerts), (EventRow, events), (Clip, clips)):
        if rows:
            columns = [column.key for column in model.__table__.columns]
            await session.execute(insert(model), [{key: getattr(row, key) for key in columns} for row in rows])


async def of_device(session: AsyncSession, device_id: str, event_id: UUID) -> EventRow | None:
    """The event, if the device sent it."""
    query = select(EventRow).where(EventRow.id == event_id, EventRow.device_id == device_id)
    return (await session.execute(unscoped(query, "ingest: a device reads its own events"))).scalar_one_or_none()
