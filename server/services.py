"""The services of the application, built in one place."""

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
from server.ingest.service import IngestServices, build_ingest
from server.kampung import KampungService
from server.live.cameras import CameraWatch
from server.live.feed import LiveFeed
from server.metrics import Metrics
from server.precision.service import PrecisionService
from server.settings import Settings
from server.storage.disk_watch import DiskWatch
from server.storage.installation import open_database
from server.storage.reserve import DiskReserve
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
    ingest: IngestServices
    feed: LiveFeed
    cameras: CameraWatch
    disk: DiskWatch
    readiness: Readiness
    metrics: Metrics

    async def start(self) -> None:
        """Finish what a killed server left behind, then start the background tasks."""
        await self.ingest.start()
        self.sessions.start()
        self.cameras.start()
        await self.disk.look()
        self.disk.start()

    async def stop(self) -> None:
        self.feed.close()
        await self.disk.stop()
        await self.cameras.stop()
        await self.sessions.stop()
        await self.ingest.stop()
        await self.database.close()


def build_services(settings: Settings, clock: Clock | None = None, hasher: PasswordHasher | None = None) -> Services:
    """The services for `settings`; nothing runs before `start`."""
    clock = clock or SystemClock()
    reserve = DiskReserve(settings.data_dir, settings.storage.reserve_bytes)
    disk = DiskWatch((settings.data_dir, settings.clips), reserve, settings.storage, clock)
    database = open_database(settings.database, on_full=disk.out_of_room)
    files = MediaFiles(settings.clips)
    placements = PlacementService(settings.alert_budget)
    feed = LiveFeed(database, placements, settings.live)
    ingest = build_ingest(database, clock, files, disk, feed.wake, settings.limits.clip_bytes)
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
        ingest=ingest,
        feed=feed,
        cameras=CameraWatch(database, clock, settings.cameras, feed.wake),
        disk=disk,
        readiness=Readiness(database, files, lambda: disk.state),
        metrics=Metrics(
            feed_clients=lambda: feed.clients,
            events_waiting=lambda: ingest.events.waiting,
            disk_free_bytes=lambda: disk.free,
        ),
    )
