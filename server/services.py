"""What the application is made of, put together in one place and handed to whoever needs it."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher

from contract.clock import Clock, SystemClock
from server.alerts.media import MediaService
from server.alerts.placements import PlacementService
from server.alerts.service import AlertService
from server.audit_log import AuditLogService
from server.auth.devices import DeviceService
from server.auth.passwords import LogInThrottle, Passwords
from server.auth.sessions import SessionService
from server.check.readiness import Readiness
from server.clips.files import MediaFiles
from server.ingest.clips import ClipUploads
from server.ingest.events import EventIngest
from server.ingest.heartbeats import HeartbeatIngest
from server.ingest.thumbnails import ThumbnailIngest
from server.ingest.verdicts import VerdictService
from server.kampung import KampungService
from server.live.cameras import CameraWatch
from server.live.feed import LiveFeed
from server.metrics import Metrics
from server.precision.service import PrecisionService
from server.settings import Settings
from server.storage.disk_watch import DiskWatch
from server.storage.installation import DatabaseFile
from server.storage.reserve import DiskReserve
from server.store import sqlite
from server.store.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need."""

    settings: Settings
    clock: Clock
    database: Database
    sessions: SessionService
    devices: DeviceService
    alerts: AlertService
    audit_log: AuditLogService
    kampung: KampungService
    precision: PrecisionService
    media: MediaService
    events: EventIngest
    uploads: ClipUploads
    thumbnails: ThumbnailIngest
    heartbeats: HeartbeatIngest
    verdicts: VerdictService
    feed: LiveFeed
    cameras: CameraWatch
    disk: DiskWatch
    readiness: Readiness
    metrics: Metrics

    async def start(self) -> None:
        """Put right what a killed server left behind, then begin to work."""
        await self.uploads.recover()
        self.events.start()
        self.sessions.start()
        self.cameras.start()
        await self.disk.look()
        self.disk.start()

    async def stop(self) -> None:
        self.feed.close()
        await self.disk.stop()
        await self.cameras.stop()
        await self.sessions.stop()
        await self.events.stop()
        await self.database.close()


def build_services(settings: Settings, clock: Clock | None = None, hasher: PasswordHasher | None = None) -> Services:
    """The services for `settings`; nothing runs before `start`."""
    clock = clock or SystemClock()
    reserve = DiskReserve(settings.data_dir, settings.storage.reserve_bytes)
    disk = DiskWatch((settings.data_dir, settings.clips), reserve, settings.storage, clock)
    database = _database(settings, disk)
    files = MediaFiles(settings.clips)
    placements = PlacementService(settings.alert_budget)
    feed = LiveFeed(database, placements, settings.live)
    events = EventIngest(database, clock, feed.wake, settings.limits.clip_bytes, disk.require_room_for_events)
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        sessions=SessionService(database, clock, Passwords(hasher), LogInThrottle(settings.log_in), settings.sessions),
        devices=DeviceService(database, clock),
        alerts=AlertService(database, clock, placements, feed.wake),
        audit_log=AuditLogService(database),
        kampung=KampungService(database),
        precision=PrecisionService(database, clock),
        media=MediaService(database, clock, files),
        events=events,
        uploads=ClipUploads(database, clock, files, feed.wake, disk.require_room_for_media),
        thumbnails=ThumbnailIngest(database, clock, files, feed.wake, disk.require_room_for_media),
        heartbeats=HeartbeatIngest(database, clock, feed.wake),
        verdicts=VerdictService(database),
        feed=feed,
        cameras=CameraWatch(database, clock, settings.cameras, feed.wake),
        disk=disk,
        readiness=Readiness(database, files, lambda: disk.state),
        metrics=Metrics(
            feed_clients=lambda: feed.clients, events_waiting=lambda: events.waiting, disk_free_bytes=lambda: disk.free
        ),
    )


def _database(settings: Settings, disk: DiskWatch) -> Database:
    file = sqlite.file_of(settings.database)
    if file is None:
        return Database(settings.database, on_full=disk.out_of_room)
    watched = DatabaseFile(file)
    watched.is_in_place()  # from here on another file under this name is noticed
    return Database(settings.database, is_in_place=watched.is_in_place, on_full=disk.out_of_room)
