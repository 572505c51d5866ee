"""The ordered logs (audit, feed): each has one row that is locked while somebody appends to it.

A database's own sequence numbers become visible out of order when two transactions overlap, and a reader who resumes
"after 17" would then miss 16. Taking the number under the lock of the log's head makes the order of numbers the order
of commits. On SQLite there is one writer anyway and the lock costs nothing.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.tables import Head

AUDIT = "audit"
FEED = "feed"
GENESIS_HASH = "0" * 64


async def lock_head(session: AsyncSession, name: str) -> Head:
    """The head of log `name`, locked until the transaction ends."""
    head = (await session.execute(select(Head).where(Head.name == name).with_for_update())).scalar_one_or_none()
    if head is None:
        head = Head(name=name, sequence=0, hash=GENESIS_HASH)
        session.add(head)
        await session.flush()
    return head
