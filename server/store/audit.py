"""The audit log: entries that only ever follow each other, each with the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.heads import AUDIT, lock_head
from server.store.scoping import unscoped, within
from server.store.tables import AuditRow

Detail = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what. `detail` holds no floats (their text differs between writers) and no personal data."""

    actor: str
    action: str
    kampung_id: str | None
    subject: str
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    kampung: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def entry_hash(sequence: int, at: datetime, entry: AuditEntry, prev_hash: str) -> str:
    """SHA-256 of the entry as JSON with sorted keys and no white space, `prev_hash` included."""
    content = {
        "sequence": sequence,
        "at": at.isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "kampung_id": entry.kampung_id,
        "subject": entry.subject,
        "detail": dict(entry.detail),
        "prev_hash": prev_hash,
    }
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _canonical(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


async def append(session: AsyncSession, at: datetime, entries: Sequence[AuditEntry]) -> list[int]:
    """Append `entries` in order and return their sequence numbers."""
    if not entries:
        return []
    head = await lock_head(session, AUDIT)
    rows = []
    for entry in entries:
        sequence = head.sequence + 1
        digest = entry_hash(sequence, at, entry, head.hash)
        rows.append(
            {
                "sequence": sequence,
                "at": at,
                "actor": entry.actor,
                "action": entry.action,
                "kampung_id": entry.kampung_id,
                "subject": entry.subject,
                "detail": _canonical(entry.detail),
                "prev_hash": head.hash,
                "hash": digest,
            }
        )
        head.sequence, head.hash = sequence, digest
    await session.execute(insert(AuditRow), rows)
    await session.flush()
    return [row["sequence"] for row in rows]  # type: ignore[misc] # the dict's values differ in type; this one is int


async def page(
    session: AsyncSession, scope: Scope, wanted: AuditFilter, before: int | None, limit: int
) -> Sequence[AuditRow]:
    """Entries of the kampung in `scope`, newest first, below sequence `before`.

    Entries about no kampung (log-ins, accounts) are shown only to those who may see every kampung.
    """
    query = within(select(AuditRow), AuditRow.kampung_id, scope).order_by(AuditRow.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditRow.sequence < before)
    for column, value in (
        (AuditRow.kampung_id, wanted.kampung),
        (AuditRow.actor, wanted.actor),
        (AuditRow.action, wanted.action),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditRow.at < wanted.until)
    return (await session.execute(query)).scalars().all()


async def after(session: AsyncSession, sequence: int, limit: int) -> Sequence[AuditRow]:
    """Entries above `sequence`, oldest first, for verifying the hash chain."""
    query = select(AuditRow).where(AuditRow.sequence > sequence).order_by(AuditRow.sequence).limit(limit)
    return (await session.execute(unscoped(query, "check: the hash chain spans every kampung"))).scalars().all()


def detail_of(row: AuditRow) -> dict[str, str | int | bool | None]:
    loaded: dict[str, str | int | bool | None] = json.loads(row.detail)
    return loaded
