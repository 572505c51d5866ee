"""Thumbnails: one request, hashed, stored as a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from uuid import UUID

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.event import Event, Phase
from server.clips.files import MediaFiles, thumbnail_name
from server.store import alerts, events, feed, media
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.feed import FeedEntry
from server.store.tables import EventRow, Thumbnail

_JPEG_START = b"\xff\xd8\xff"


class ThumbnailIngest:
    """Takes the thumbnails that accepted events announced."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        files: MediaFiles,
        wake_feed: Callable[[], None],
        require_room: Callable[[], None],
    ) -> None:
        """`require_room` raises `storage-full` while the disk takes no media."""
        self._database = database
        self._clock = clock
        self._files = files
        self._wake_feed = wake_feed
        self._require_room = require_room

    async def put(self, device: EnrolledDevice, event_id: UUID, body: bytes) -> bool:
        """Store `body` as the event's thumbnail; False when it was here already.

        Raises:
            KentonganError: `not-found` unless this device's event announced one, `digest-mismatch`, `bad-input` when
                the bytes are no JPEG, `storage-full`.
        """
        async with self._database.read() as reading:
            row = await events.of_device(reading, device.id, event_id)
            stored = await media.has_thumbnail(reading, event_id)
        if row is None:
            raise KentonganError(ErrorKind.NOT_FOUND, "no accepted event of this device has this id")
        reference = Event.model_validate_json(row.body).data.thumbnail
        if reference is None:
            raise KentonganError(ErrorKind.NOT_FOUND, "the event announced no thumbnail")
        digest = hashlib.sha256(body).hexdigest()
        if digest != reference.sha256:
            raise KentonganError(
                ErrorKind.DIGEST_MISMATCH, f"the event announced SHA-256 {reference.sha256}, the body has {digest}"
            )
        if not body.startswith(_JPEG_START):
            raise KentonganError(ErrorKind.BAD_INPUT, "a thumbnail is a JPEG picture")
        if stored:
            return False
        self._require_room()
        return await self._store(row, body, digest)

    async def _store(self, row: EventRow, body: bytes, digest: str) -> bool:
        now = self._clock.utc()
        event = Event.model_validate_json(row.body)
        name = thumbnail_name(event.data.kampung_id, event.data.captured_at, row.id)
        await asyncio.to_thread(self._files.store, name, body)
        async with self._database.write() as writing:
            if await media.has_thumbnail(writing.session, row.id):
                return False
            alert = await alerts.of_event(writing.session, row)
            if alert is None:
                raise KentonganError(ErrorKind.NOT_FOUND, "the event's alert is gone")
            writing.session.add(
                Thumbnail(
                    event_id=row.id, alert_id=alert.id, sha256=digest, size_bytes=len(body), path=name, stored_at=now
                )
            )
            if alert.thumbnail_event_id is None or event.data.phase is Phase.BEGAN:
                alert.thumbnail_event_id = row.id
            alert.updated_at = now
            await feed.append(writing.session, now, [FeedEntry("updated", alert.kampung_id, alert_id=alert.id)])
            writing.after_commit(self._wake_feed)
        return True
