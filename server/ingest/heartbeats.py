"""Heartbeats: the newest one counts, and consoles hear when a camera's state changes."""

from __future__ import annotations

from collections.abc import Callable

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.heartbeat import Heartbeat
from server.ingest.moments import check_moments
from server.store import feed, telemetry
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.feed import FeedEntry


class HeartbeatIngest:
    """Takes heartbeats in."""

    def __init__(self, database: Database, clock: Clock, wake_feed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake_feed = wake_feed

    async def accept(self, device: EnrolledDevice, heartbeat: Heartbeat) -> None:
        """Raises:
        KentonganError: `forbidden` (another device's name), `unknown-camera`, `bad-input` (times).
        """
        if heartbeat.device_id != device.id:
            raise KentonganError(ErrorKind.FORBIDDEN, "a device sends heartbeats under its own device_id only")
        for report in heartbeat.cameras:
            if report.camera_id not in device.kampung_of:
                raise KentonganError(ErrorKind.UNKNOWN_CAMERA, f"this device has no camera {report.camera_id!r}")
        check_moments(*(report.last_frame_at for report in heartbeat.cameras))
        # Ages are counted from when the report came in: the device's own clock may be wrong.
        now = self._clock.utc()
        async with self._database.write() as writing:
            await telemetry.record_device(writing.session, heartbeat, now)
            changed = await telemetry.record_cameras(writing.session, heartbeat.cameras, now)
            if changed:
                entries = [FeedEntry("camera", device.kampung_of[camera], camera_id=camera) for camera in changed]
                await feed.append(writing.session, now, entries)
                writing.after_commit(self._wake_feed)
