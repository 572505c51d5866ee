"""Event ingest: each event is stored once, many in one transaction.

A durable commit costs one flush of the disk, whatever it contains. Events that arrive during a commit are therefore
written together by the next one (group commit). Each caller gets its answer only after its own event is durable.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.event import Event
from contract.ids import UuidV7Factory
from server.ingest.batch import EventBatch, Receipt, ReceivedEvent
from server.ingest.moments import check_moments
from server.store import devices
from server.store.database import Database
from server.store.devices import EnrolledDevice

MAX_BATCH = 128
MAX_WAITING = 2000
"""Events that may wait for the writer; further ones are refused with 503, and the device tries again."""


@dataclass(frozen=True, slots=True)
class _Job:
    received: ReceivedEvent
    done: asyncio.Future[Receipt]


class EventIngest:
    """Stores events. Call `start` before the first event and `stop` after the last."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        wake_feed: Callable[[], None],
        max_clip_bytes: int,
        require_room: Callable[[], None],
    ) -> None:
        """`require_room` raises `storage-full` while the disk takes no events."""
        self._database = database
        self._clock = clock
        self._wake_feed = wake_feed
        self._max_clip_bytes = max_clip_bytes
        self._require_room = require_room
        self._new_id = UuidV7Factory(clock)
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(MAX_WAITING)
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events that wait for the writer."""
        return self._waiting.qsize()

    def start(self) -> None:
        self._writer = asyncio.create_task(self._run(), name="event writer")

    async def stop(self) -> None:
        """Stop the writer. Events that still wait are answered with `unavailable`, so their devices keep them."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        while not self._waiting.empty():
            job = self._waiting.get_nowait()
            _fail(job, KentonganError(ErrorKind.UNAVAILABLE, "the server is stopping"))

    async def accept(self, device: EnrolledDevice, event: Event) -> Receipt:
        """Store `event`; return the alert that it belongs to once the event is durable.

        Raises:
            KentonganError: `unknown-camera`, `forbidden` (another device's id), `conflict` (the id is known with
                other content, or its clip or signal contradicts what is known), `bad-input` (times), `too-large`
                (clip), `storage-full`, `unavailable`.
        """
        self._check(device, event)
        self._require_room()
        # The hash covers the canonical JSON, not the white space of the JSON that arrived.
        body = event.to_json()
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        received = ReceivedEvent(device.id, event, body, hashlib.sha256(body).hexdigest())
        try:
            self._waiting.put_nowait(_Job(received, done))
        except asyncio.QueueFull:
            raise KentonganError(ErrorKind.UNAVAILABLE, "too many events are waiting; try again soon") from None
        return await done

    def _check(self, device: EnrolledDevice, event: Event) -> None:
        data = event.data
        if data.device_id != device.id:
            raise KentonganError(ErrorKind.FORBIDDEN, "a device sends events under its own device_id only")
        # A camera of another device is answered like one that does not exist.
        if device.kampung_of.get(data.camera_id) != data.kampung_id:
            raise KentonganError(
                ErrorKind.UNKNOWN_CAMERA,
                f"this device has no camera {data.camera_id!r} in kampung {data.kampung_id!r}",
            )
        check_moments(event.time, data.began_at, data.clip.starts_at if data.clip else None)
        if data.clip is not None and data.clip.size_bytes > self._max_clip_bytes:
            raise KentonganError(
                ErrorKind.TOO_LARGE,
                f"expected a clip of at most {self._max_clip_bytes} bytes, got one of {data.clip.size_bytes}",
            )

    async def _run(self) -> None:
        while True:
            jobs = [await self._waiting.get()]
            while len(jobs) < MAX_BATCH and not self._waiting.empty():
                jobs.append(self._waiting.get_nowait())
            try:
                await self._write_or_split(jobs)
            except asyncio.CancelledError:
                for job in jobs:
                    _fail(job, KentonganError(ErrorKind.UNAVAILABLE, "the server is stopping"))
                raise

    async def _write_or_split(self, jobs: Sequence[_Job]) -> None:
        """Write `jobs` in one transaction. If that fails, write each alone, so that one bad event fails alone."""
        try:
            await self._write(jobs)
        except KentonganError as error:
            for job in jobs:
                _fail(job, error)
        except Exception as error:  # noqa: BLE001 - raised in the request that waits for this event
            if len(jobs) == 1:
                _fail(jobs[0], error)
                return
            for job in jobs:
                await self._write_or_split([job])

    async def _write(self, jobs: Sequence[_Job]) -> None:
        outcomes: list[Receipt | KentonganError] = []
        async with self._database.write() as writing:
            received = [job.received for job in jobs]
            batch = await EventBatch.load(writing.session, received, self._new_id, self._clock.utc())
            for one in received:
                try:
                    outcomes.append(batch.apply(one))
                except KentonganError as error:
                    outcomes.append(error)
            await batch.store()
            for device_id in {one.device_id for one in received}:
                await devices.seen(writing.session, device_id, batch.received_at)
            if batch.changes_feed:
                writing.after_commit(self._wake_feed)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, KentonganError):
                _fail(job, outcome)
            elif not job.done.done():
                job.done.set_result(outcome)


def _fail(job: _Job, error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)
