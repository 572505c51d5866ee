"""How cameras are: what their device reported, and how long it has been silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from contract.clock import Clock
from contract.errors import KentonganError
from server.settings import CameraAges
from server.store import feed, places, telemetry
from server.store.database import Database
from server.store.feed import FeedEntry
from server.store.places import CameraRecord
from server.store.tables import CameraTelemetryRow

_ORDER = ("live", "late", "lost")
_log = structlog.get_logger(__name__)


class CameraWatch:
    """Notices cameras whose device went silent, and informs consoles."""

    def __init__(self, database: Database, clock: Clock, ages: CameraAges, wake_feed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._ages = ages
        self._wake_feed = wake_feed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="camera watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def state_of(self, camera: CameraRecord) -> str:
        """`live`, `late` or `lost`; `unknown` before the first report."""
        return self._state(camera.telemetry) if camera.telemetry is not None else "unknown"

    def _state(self, row: CameraTelemetryRow) -> str:
        """What the device said, or worse: a silent device cannot vouch for its cameras."""
        age_s = (self._clock.utc() - row.reported_at).total_seconds()
        by_age = "lost" if age_s >= self._ages.lost_s else "late" if age_s >= self._ages.late_s else "live"
        return max(row.state, by_age, key=_ORDER.index)

    async def run_once(self) -> int:
        """Publish the states that changed by silence; returns how many."""
        async with self._database.read() as reading:
            stale = [row.camera_id for row, _ in await places.telemetry_rows(reading) if self._changed(row)]
        if not stale:
            return 0
        entries = []
        async with self._database.write() as writing:
            for row, kampung_id in await places.telemetry_rows(writing.session):
                if self._changed(row):
                    await telemetry.publish_state(writing.session, row.camera_id, self._state(row))
                    entries.append(FeedEntry("camera", kampung_id, camera_id=row.camera_id))
            await feed.append(writing.session, self._clock.utc(), entries)
            writing.after_commit(self._wake_feed)
        return len(entries)

    def _changed(self, row: CameraTelemetryRow) -> bool:
        return self._state(row) != row.published_state

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._ages.check_every_s)
            try:
                await self.run_once()
            except KentonganError as error:
                # A full disk must not end the watch: it goes on when there is room again.
                _log.warning("camera states could not be published", why=error.detail)
