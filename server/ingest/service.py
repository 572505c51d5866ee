"""The services behind the routes of devices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contract.clock import Clock
from server.clips.files import MediaFiles
from server.ingest.clips import ClipUploads
from server.ingest.events import EventIngest
from server.ingest.heartbeats import HeartbeatIngest
from server.ingest.thumbnails import ThumbnailIngest
from server.ingest.verdicts import VerdictService
from server.storage.disk_watch import DiskWatch
from server.store.database import Database


@dataclass(frozen=True, slots=True)
class IngestServices:
    """What devices send to, and the verdicts that they read."""

    events: EventIngest
    uploads: ClipUploads
    thumbnails: ThumbnailIngest
    heartbeats: HeartbeatIngest
    verdicts: VerdictService

    async def start(self) -> None:
        """Finish interrupted uploads, then accept events."""
        await self.uploads.recover()
        self.events.start()

    async def stop(self) -> None:
        await self.events.stop()


def build_ingest(
    database: Database,
    clock: Clock,
    files: MediaFiles,
    disk: DiskWatch,
    wake_feed: Callable[[], None],
    max_clip_bytes: int,
) -> IngestServices:
    """The ingest services; nothing runs before `start`."""
    return IngestServices(
        events=EventIngest(database, clock, wake_feed, max_clip_bytes, disk.require_room_for_events),
        uploads=ClipUploads(database, clock, files, wake_feed, disk.require_room_for_media),
        thumbnails=ThumbnailIngest(database, clock, files, wake_feed, disk.require_room_for_media),
        heartbeats=HeartbeatIngest(database, clock, wake_feed),
        verdicts=VerdictService(database),
    )
