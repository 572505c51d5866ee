"""The feed's entries: what consoles receive, in the order of commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.heads import FEED, lock_head
from server.store.scoping import unscoped, within
from server.store.tables import FeedRow

FeedKind = Literal["created", "updated", "camera"]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An alert that was created or updated, or a camera whose state changed."""

    kind: FeedKind
    kampung_id: str
    alert_id: UUID | None = None
    camera_id: str | None = None


async def append(session: AsyncSession, at: datetime, entries: Sequence[FeedEntry]) -> int:
    """Append `entries` in order; returns the newest sequence number."""
    head = await lock_head(session, FEED)
    rows = []
    for entry in entries:
        head.sequence += 1
        rows.append(
            {
                "sequence": head.sequence,
                "at": at,
                "kind": entry.kind,
                "kampung_id": entry.kampung_id,
                "alert_id": entry.alert_id,
                "camera_id": entry.camera_id,
            }
        )
    if rows:
        await session.execute(insert(FeedRow), rows)
        await session.flush()
    return head.sequence


async def after(session: AsyncSession, scope: Scope, sequence: int, limit: int) -> Sequence[FeedRow]:
    """Entries of the kampung in `scope` above `sequence`, oldest first."""
    query = within(select(FeedRow), FeedRow.kampung_id, scope)
    query = query.where(FeedRow.sequence > sequence).order_by(FeedRow.sequence).limit(limit)
    return (await session.execute(query)).scalars().all()


async def newest(session: AsyncSession) -> int:
    """The newest sequence number; 0 before the first entry."""
    query = select(func.coalesce(func.max(FeedRow.sequence), 0))
    return (await session.execute(unscoped(query, "a sequence number says nothing about a kampung"))).scalar_one()
