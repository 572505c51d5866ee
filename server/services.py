"""What the application is made of, put together in one place and handed to whoever needs it."""

from __future__ import annotations

from dataclasses import dataclass

from argon2 import PasswordHasher

from contract.clock import Clock, SystemClock
from server.alerts.desk import AlertDesk
from server.alerts.incidents import IncidentBook
from server.alerts.media import MediaDesk
from server.alerts.quality import QualityDesk
from server.auth.devices import DeviceDesk
from server.auth.passwords import LogInThrottle, Passwords
from server.auth.sessions import SessionDesk
from server.check.readiness import Readiness
from server.clips.files import MediaFiles
from server.ingest.clips import ClipUploads
from server.ingest.events import EventIngest
from server.ingest.heartbeats import HeartbeatIngest
from server.ingest.thumbnails import ThumbnailIngest
from server.ingest.verdicts import VerdictDesk
from server.live.cameras import CameraWatch
from server.live.feed import LiveFeed
from server.metrics import Metrics
from server.settings import Settings
from server.store.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need."""

    settings: Settings
    clock: Clock
    database: Database
    sessions: SessionDesk
    devices: DeviceDesk
    alerts: AlertDesk
    quality: QualityDesk
    media: MediaDesk
    events: EventIngest
    uploads: ClipUploads
    thumbnails: ThumbnailIngest
    heartbeats: HeartbeatIngest
    verdicts: VerdictDesk
    feed: LiveFeed
    cameras: CameraWatch
    readiness: Readiness
    metrics: Metrics

    async def start(self) -> None:
        """Put right what a killed server left behind, then begin to work."""
        await self.uploads.recover()
        self.events.start()
        self.cameras.start()

    async def stop(self) -> None:
        self.feed.close()
        await self.cameras.stop()
        await self.events.stop()
        await self.database.close()


def build_services(settings: Settings, clock: Clock | None = None, hasher: PasswordHasher | None = None) -> Services:
    """The services for `settings`; nothing runs before `start`."""
    clock = clock or SystemClock()
    database = Database(settings.database)
    files = MediaFiles(settings.clips)
    book = IncidentBook(settings.alert_budget)
    feed = LiveFeed(database, book, settings.live)
    events = EventIngest(database, clock, feed.wake, settings.limits.clip_bytes)
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        sessions=SessionDesk(database, clock, Passwords(hasher), LogInThrottle(settings.log_in), settings.sessions),
        devices=DeviceDesk(database, clock),
        alerts=AlertDesk(database, clock, book, feed.wake),
        quality=QualityDesk(database, clock),
        media=MediaDesk(database, clock, files),
        events=events,
        uploads=ClipUploads(database, clock, files, feed.wake),
        thumbnails=ThumbnailIngest(database, clock, files, feed.wake),
        heartbeats=HeartbeatIngest(database, clock, feed.wake),
        verdicts=VerdictDesk(database),
        feed=feed,
        cameras=CameraWatch(database, clock, settings.cameras, feed.wake),
        readiness=Readiness(database, files),
        metrics=Metrics(feed_clients=lambda: feed.clients, events_waiting=lambda: events.waiting),
    )
