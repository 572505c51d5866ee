"""Who may see a thumbnail or a clip, and the record that a clip was seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from server.auth.sessions import Person
from server.clips.files import MediaFiles
from server.permissions import Permission
from server.store import alerts, audit, media
from server.store.audit import AuditEntry
from server.store.database import Database
from server.store.tables import Clip

VIEW_AUDITED_FOR = timedelta(minutes=10)
"""A player asks for a clip in many ranges; within this time they are one view."""


@dataclass(frozen=True, slots=True)
class StoredMedia:
    path: Path
    sha256: str


class MediaService:
    """Finds stored pictures for people."""

    def __init__(self, database: Database, clock: Clock, files: MediaFiles) -> None:
        self._database = database
        self._clock = clock
        self._files = files

    async def thumbnail(self, person: Person, alert_id: UUID) -> StoredMedia:
        """Raises:
        KentonganError: `not-found`.
        """
        async with self._database.read() as reading:
            scope = person.scope(Permission.PICTURE_VIEW)
            named = await alerts.one(reading, scope, alert_id)
            row = await media.thumbnail_of(reading, scope, named.alert) if named is not None else None
        if row is None:
            raise KentonganError(ErrorKind.NOT_FOUND, "there is no such thumbnail")
        return StoredMedia(self._files.existing(row.path), row.sha256)

    async def clip(self, person: Person, alert_id: UUID) -> StoredMedia:
        """The stored clip. The first view in a session writes an audit entry before a byte is given out.

        Raises:
            KentonganError: `not-found`.
        """
        now = self._clock.utc()
        async with self._database.read() as reading:
            row = await self._granted(reading, person, alert_id)
            audited_at = await media.viewing_audited_at(reading, person.session_id, row.id)
        if not _recent(audited_at, now):
            async with self._database.write() as writing:
                # Once more, in the transaction that writes the entry: grants may have changed since the read.
                row = await self._granted(writing.session, person, alert_id)
                if not _recent(await media.viewing_audited_at(writing.session, person.session_id, row.id), now):
                    await media.set_viewing(writing.session, person.session_id, row.id, now)
                    entry = AuditEntry(
                        person.actor,
                        "clip.viewed",
                        row.kampung_id,
                        f"alert:{alert_id}",
                        {"clip_id": str(row.id), "sha256": row.sha256, "session": str(person.session_id)},
                    )
                    await audit.append(writing.session, now, [entry])
        return StoredMedia(self._files.existing(row.path), row.sha256)

    async def _granted(self, session: AsyncSession, person: Person, alert_id: UUID) -> Clip:
        scope = person.scope(Permission.PICTURE_VIEW)
        named = await alerts.one(session, scope, alert_id)
        row = await alerts.clip_of(session, scope, named.alert) if named is not None else None
        if row is None or row.stored_at is None:
            raise KentonganError(ErrorKind.NOT_FOUND, "there is no such clip, or it has not arrived yet")
        return row


def _recent(audited_at: datetime | None, now: datetime) -> bool:
    return audited_at is not None and now - audited_at < VIEW_AUDITED_FOR
