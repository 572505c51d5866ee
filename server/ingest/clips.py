"""Clips, uploaded in pieces that survive a broken link and a killed server.

The length of the partial file is the truth about the offset: no row is written per piece, and after a crash the device
asks and goes on where the bytes end. The announced hash has the last word about all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

import structlog

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from server.clips.files import MediaFiles
from server.store import alerts, audit, feed, media
from server.store.audit import AuditEntry, Detail
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.feed import FeedEntry
from server.store.tables import Clip

WRITE_BYTES = 1 << 18
"""Pieces of a request are gathered to so many bytes before a thread writes them."""

_log = structlog.get_logger(__name__)


class OffsetConflictError(KentonganError):
    """The bytes do not follow what is stored."""

    def __init__(self, presented: int, offset: int) -> None:
        super().__init__(ErrorKind.CONFLICT, f"the upload goes on at byte {offset}, not at {presented}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """Bytes stored of an announced clip. `complete`: their hash was right and the row says so; they may be deleted."""

    offset: int
    length: int
    complete: bool


class ClipUploads:
    """Takes the clips that accepted events announced."""

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
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def recover(self) -> None:
        """Finish uploads whose last byte arrived, but whose row was not written before the server was killed."""
        async with self._database.read() as reading:
            awaited = await media.awaited_clips(reading)
        for clip in awaited:
            if await asyncio.to_thread(self._arrived_bytes, clip) == clip.size_bytes:
                _log.info("finishing an interrupted upload", clip_id=str(clip.id))
                try:
                    await self._seal(clip)
                except KentonganError as error:
                    _log.warning("an interrupted upload could not be finished", clip_id=str(clip.id), why=error.detail)

    async def status(self, device: EnrolledDevice, clip_id: UUID) -> UploadStatus:
        """Raises:
        KentonganError: `not-found` unless an accepted event of this device announced the clip.
        """
        clip = await self._announced(device, clip_id)
        return await self._status(clip)

    async def append(
        self, device: EnrolledDevice, clip_id: UUID, offset: int, stream: AsyncIterator[bytes]
    ) -> UploadStatus:
        """Append the bytes of `stream`, which begin at `offset`; seal the clip when its announced size is reached.

        What arrived before a failure stays and counts; after a failure to seal, no bytes at the end seal again.

        Raises:
            KentonganError: `not-found`, `conflict` (`OffsetConflictError`), `too-large` (more bytes than announced;
                none is kept), `digest-mismatch` (everything is dropped), `storage-full`.
        """
        lock = self._locks.setdefault(clip_id, asyncio.Lock())
        async with lock:
            clip = await self._announced(device, clip_id)
            before = await self._status(clip)
            if before.complete:
                return before
            self._require_room()
            if offset != before.offset:
                raise OffsetConflictError(offset, before.offset)
            try:
                await self._take(clip, before.offset, stream)
            finally:
                # Also when the device hung up: HEAD will answer with what is on the disk, so it must be there.
                await asyncio.shield(asyncio.to_thread(self._files.sync, clip.path))
            offset = await asyncio.to_thread(self._arrived_bytes, clip)
            if offset < clip.size_bytes:
                return UploadStatus(offset, clip.size_bytes, complete=False)
            await self._seal(clip)
            return UploadStatus(clip.size_bytes, clip.size_bytes, complete=True)

    async def _take(self, clip: Clip, offset: int, stream: AsyncIterator[bytes]) -> None:
        held: list[bytes] = []
        received = offset
        try:
            async for chunk in stream:
                received += len(chunk)
                held.append(chunk)
                if received > clip.size_bytes:
                    break
                if sum(map(len, held)) >= WRITE_BYTES:
                    full, held = held, []
                    await asyncio.to_thread(self._files.append, clip.path, full)
        finally:
            if held and received <= clip.size_bytes:
                await asyncio.to_thread(self._files.append, clip.path, held)
        if received > clip.size_bytes:
            await asyncio.to_thread(self._files.cut, clip.path, offset)
            raise KentonganError(
                ErrorKind.TOO_LARGE, f"the clip was announced with {clip.size_bytes} bytes, at least {received} came"
            )

    async def _seal(self, clip: Clip) -> None:
        """Hash, rename, then the row: in this order a row never promises bytes that are not there."""
        if not await asyncio.to_thread(self._files.seal, clip.path, clip.sha256):
            raise KentonganError(
                ErrorKind.DIGEST_MISMATCH,
                f"the bytes do not have the announced SHA-256 {clip.sha256}; begin again at 0",
            )
        now = self._clock.utc()
        async with self._database.write() as writing:
            row = await media.device_clip(writing.session, clip.device_id, clip.id)
            if row is None or row.stored_at is not None:
                return
            row.stored_at = now
            shown_by = await alerts.showing_clip(writing.session, row)
            for alert in shown_by:
                alert.clip_stored = alert.clip_stored or alert.clip_id == clip.id
                alert.updated_at = now
            detail: Detail = {"clip_id": str(clip.id), "sha256": clip.sha256, "size_bytes": clip.size_bytes}
            subject = f"alert:{clip.alert_id}"
            stored = AuditEntry(f"device:{clip.device_id}", "clip.stored", clip.kampung_id, subject, detail)
            await audit.append(writing.session, now, [stored])
            news = [FeedEntry("updated", alert.kampung_id, alert_id=alert.id) for alert in shown_by]
            await feed.append(writing.session, now, news)
            writing.after_commit(self._wake_feed)

    async def _announced(self, device: EnrolledDevice, clip_id: UUID) -> Clip:
        async with self._database.read() as reading:
            clip = await media.device_clip(reading, device.id, clip_id)
        if clip is None:
            raise KentonganError(ErrorKind.NOT_FOUND, "no accepted event of this device announced this clip as sealed")
        return clip

    async def _status(self, clip: Clip) -> UploadStatus:
        if clip.stored_at is not None:
            return UploadStatus(clip.size_bytes, clip.size_bytes, complete=True)
        # Every byte may be here and the clip not be sealed: an empty piece at the end asks for that once more.
        return UploadStatus(await asyncio.to_thread(self._arrived_bytes, clip), clip.size_bytes, complete=False)

    def _arrived_bytes(self, clip: Clip) -> int:
        """A file with its final name is whole, also before its row says so."""
        whole = self._files.path(clip.path).exists()
        return clip.size_bytes if whole else self._files.partial_size(clip.path)
