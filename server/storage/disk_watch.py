"""How full the disk is, what is refused because of it, and when it will be full."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import structlog

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from server.settings import Storage
from server.storage.reserve import STEPS, DiskReserve

TREND_SAMPLES = 7 * 24
"""Hourly samples that the forecast looks at: a week, because days differ from nights and Fridays from Mondays."""
TREND_EVERY_S = 3600.0
SECONDS_PER_DAY = 86_400.0

_log = structlog.get_logger(__name__)


class DiskState(StrEnum):
    """What the disk still takes.

    OK: everything. LOW: everything, but not for long. NO_MEDIA: no clips and thumbnails. NO_EVENTS: no events either;
    people's log-ins, verdicts and the audit log live on the reserve.
    """

    OK = "ok"
    LOW = "low"
    NO_MEDIA = "no_media"
    NO_EVENTS = "no_events"


_TAKES_MEDIA = (DiskState.OK, DiskState.LOW)


class DiskWatch:
    """Watches the disk of `data_dir` and of the clips. `state` may be read at any time; `look` and `run` change it."""

    def __init__(
        self,
        folders: tuple[Path, ...],
        reserve: DiskReserve,
        settings: Storage,
        clock: Clock,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> None:
        """`free_bytes`: of a folder's disk; by default what the system says."""
        self._folders = folders
        self._reserve = reserve
        self._settings = settings
        self._clock = clock
        self._free_bytes = free_bytes or (lambda folder: shutil.disk_usage(folder).free)
        self._trend: deque[tuple[float, int]] = deque(maxlen=TREND_SAMPLES)
        self._task: asyncio.Task[None] | None = None
        self.state = DiskState.OK
        self.free = 0
        self.days_left: float | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="disk watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._settings.check_every_s)

    async def out_of_room(self) -> None:
        """A write failed for want of room: give people a part of the reserve, and measure anew what is refused."""
        if await asyncio.to_thread(self._reserve.release_step):
            _log.error("disk_reserve_released", steps_left=self._reserve.steps_held)
        await self.look()

    async def look(self) -> DiskState:
        """Measure, release or refill the reserve, and say what the disk takes from now on."""
        try:
            free = await asyncio.to_thread(self._measure)
        except OSError as error:
            _log.error("disk_not_measured", error=error.strerror)
            return self.state
        before, self.state, self.free = self.state, self._state_for(free), free
        self._forecast(free)
        if self.state is not before:
            log = _log.info if self.state is DiskState.OK else _log.error
            log("disk_state", state=self.state.value, free_bytes=free, days_left=self.days_left)
        return self.state

    def require_room_for_media(self) -> None:
        """Raises KentonganError `storage-full` while clips and thumbnails are refused."""
        if self.state not in _TAKES_MEDIA:
            raise KentonganError(
                ErrorKind.STORAGE_FULL,
                "the server's disk is nearly full and takes no clips; keep them and try again",
            )

    def require_room_for_events(self) -> None:
        """Raises KentonganError `storage-full` while events are refused."""
        if self.state is DiskState.NO_EVENTS:
            raise KentonganError(
                ErrorKind.STORAGE_FULL, "the server's disk is full; the event was not stored, keep it and try again"
            )

    def _measure(self) -> int:
        """Free bytes of the fullest disk, after the reserve was adapted to it."""
        settings = self._settings
        free = min(self._free_bytes(folder) for folder in self._folders)
        while free < settings.events_need_bytes // 2 and self._reserve.release_step():
            _log.error("disk_reserve_released", steps_left=self._reserve.steps_held)
            free = min(self._free_bytes(folder) for folder in self._folders)
        # Refilling must not itself lead to a refusal.
        if free > settings.media_needs_bytes + settings.reserve_bytes // STEPS:
            try:
                if self._reserve.fill():
                    free = min(self._free_bytes(folder) for folder in self._folders)
            except OSError as error:
                _log.warning("disk_reserve_not_filled", error=error.strerror)
        return free

    def _state_for(self, free: int) -> DiskState:
        settings = self._settings
        # The reserve is for people: as long as a part of it is given back, devices' events would take it.
        spent = settings.reserve_bytes > 0 and self._reserve.steps_held < STEPS and self.state is DiskState.NO_EVENTS
        if free < settings.events_need_bytes or (spent and free < settings.media_needs_bytes):
            return DiskState.NO_EVENTS
        if free < settings.media_needs_bytes:
            return DiskState.NO_MEDIA
        forecast_low = self.days_left is not None and self.days_left < settings.warn_days
        return DiskState.LOW if free < settings.warn_bytes or forecast_low else DiskState.OK

    def _forecast(self, free: int) -> None:
        """Days until media are refused, at the pace of the last week; None while nothing is known or it grows."""
        now_s = self._clock.mono_s()
        if not self._trend or now_s - self._trend[-1][0] >= TREND_EVERY_S:
            self._trend.append((now_s, free))
        began_s, had = self._trend[0]
        lasted_days = (now_s - began_s) / SECONDS_PER_DAY
        used_a_day = (had - free) / lasted_days if lasted_days > 0.04 else 0.0
        left = free - self._settings.media_needs_bytes
        self.days_left = max(0.0, left / used_a_day) if used_a_day > 0.0 else None
