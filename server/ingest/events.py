"""Events, each stored once, many in one transaction.

A durable commit costs a flush of the disk, whatever it holds. So events that arrive while one commit is under way are
written together by the next (group commit): each caller still gets its answer only after its own event is durable.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.event import Event, EventData
from contract.ids import UuidV7Factory
from server.alerts.governor import day_of, day_start, matching_incident
from server.clips.files import clip_name
from server.ingest.apply import Change, continue_alert, open_alert
from server.ingest.moments import check_moments
from server.store import audit, devices, events, feed, incidents
from server.store.audit import AuditEntry
from server.store.database import Database, WriteTransaction
from server.store.devices import EnrolledDevice
from server.store.feed import FeedEntry
from server.store.incidents import Source
from server.store.tables import Alert, AlertHistory, Clip, EventRow, PlacementRequestRow

MAX_BATCH = 128
MAX_WAITING = 2000
"""Events that may wait for the writer; more are turned away with 503, and the device tries again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    event_id: UUID
    alert_id: UUID
    duplicate: bool


@dataclass(frozen=True, slots=True)
class _Job:
    device_id: str
    event: Event
    body: bytes
    content_sha256: str
    done: asyncio.Future[Receipt]


@dataclass(slots=True)
class _Batch:
    """What one transaction knows and will write."""

    received_at: datetime
    known: dict[UUID, EventRow]
    alerts: dict[tuple[str, UUID], Alert]
    clips: dict[UUID, tuple[Clip, str]]
    incidents: dict[Source, list[tuple[datetime, UUID]]]
    audit: list[AuditEntry] = field(default_factory=list)
    feed: list[FeedEntry] = field(default_factory=list)
    new_alerts: list[Alert] = field(default_factory=list)
    new_events: list[EventRow] = field(default_factory=list)
    new_clips: list[Clip] = field(default_factory=list)
    changes: list[tuple[Alert, Change, UUID]] = field(default_factory=list)
    """What later events changed or contradicted, with the event's id: each becomes a row of history."""
    requests: list[tuple[int, Alert, str]] = field(default_factory=list)
    """For each placement request: the index of its entry in `feed`, its alert, and the alert's severity then."""

    def request_placement(self, alert: Alert) -> None:
        """Request a placement for the alert's incident, under the sequence of the entry added to `feed` last."""
        self.requests.append((len(self.feed) - 1, alert, alert.severity))


class EventIngest:
    """Takes events in; `start` before, `stop` after."""

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
        """Stop the writer; events that still wait are answered with `unavailable`, so their devices keep them."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        while not self._waiting.empty():
            job = self._waiting.get_nowait()
            _fail(job, KentonganError(ErrorKind.UNAVAILABLE, "the server is stopping"))

    async def accept(self, device: EnrolledDevice, event: Event) -> Receipt:
        """Store `event` and say which alert it belongs to, once it is durable.

        Raises:
            KentonganError: `unknown-camera`, `forbidden` (another device's name), `conflict` (the id is known with
                other content, or its clip or signal contradicts what is known), `bad-input` (times), `too-large`
                (clip), `storage-full`, `unavailable`.
        """
        self._check(device, event)
        self._require_room()
        # The hash is of what the event says, not of how its JSON was spaced on the way.
        body = event.to_json()
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        job = _Job(device.id, event, body, hashlib.sha256(body).hexdigest(), done)
        try:
            self._waiting.put_nowait(job)
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
                ErrorKind.TOO_LARGE, f"a clip may have {self._max_clip_bytes} bytes, {data.clip.size_bytes} announced"
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

    async def _write_or_split(self, jobs: list[_Job]) -> None:
        """Write `jobs` in one transaction; if that fails, each alone, so that one bad event hurts nobody else."""
        try:
            await self._write(jobs)
        except KentonganError as error:
            for job in jobs:
                _fail(job, error)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for this event
            if len(jobs) == 1:
                _fail(jobs[0], error)
                return
            for job in jobs:
                await self._write_or_split([job])

    async def _write(self, jobs: list[_Job]) -> None:
        outcomes: list[Receipt | KentonganError] = []
        async with self._database.write() as writing:
            batch = await self._load(writing, jobs)
            for job in jobs:
                try:
                    outcomes.append(self._apply(batch, job))
                except KentonganError as error:
                    outcomes.append(error)
            await self._store(writing, batch)
            for device_id in {job.device_id for job in jobs}:
                await devices.seen(writing.session, device_id, batch.received_at)
            if batch.feed:
                writing.after_commit(self._wake_feed)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, KentonganError):
                _fail(job, outcome)
            elif not job.done.done():
                job.done.set_result(outcome)

    async def _load(self, writing: WriteTransaction, jobs: list[_Job]) -> _Batch:
        session = writing.session
        clip_ids = [job.event.data.clip_id for job in jobs if job.event.data.clip_id is not None]
        received_at = self._clock.utc()
        alerts = await events.alerts_of_signals(session, [(job.device_id, job.event.data.signal_id) for job in jobs])
        clip_ids += [alert.clip_id for alert in alerts.values() if alert.clip_id is not None]
        return _Batch(
            received_at=received_at,
            known=await events.known_events(session, [job.event.id for job in jobs]),
            alerts=alerts,
            clips=await events.known_clips(session, clip_ids) if clip_ids else {},
            incidents=await _nearest_alerts(session, jobs, alerts, received_at),
        )

    def _apply(self, batch: _Batch, job: _Job) -> Receipt:
        event, data = job.event, job.event.data
        known = batch.known.get(event.id)
        if known is not None:
            if known.content_sha256 != job.content_sha256 or known.device_id != job.device_id:
                raise KentonganError(ErrorKind.CONFLICT, f"event {event.id} is known with other content")
            return Receipt(event.id, known.alert_id, duplicate=True)
        alert = batch.alerts.get((job.device_id, data.signal_id))
        _check_agreement(batch, alert, event)
        action = "event.accepted"
        if alert is None:
            alert = open_alert(self._new_id(), event, batch.received_at)
            batch.alerts[job.device_id, data.signal_id] = alert
            batch.new_alerts.append(alert)
            if data.spot_check is None:
                _join(batch, alert, _source(data))
                batch.feed.append(FeedEntry("created", alert.kampung_id, alert_id=alert.id))
                batch.request_placement(alert)
            else:  # a spot check is in no feed and requests no placement
                alert.incident_id = alert.id
            action = "alert.opened"
        else:
            severity = alert.severity
            is_sealed = alert.clip_id is not None and alert.clip_id in batch.clips
            changes = continue_alert(alert, event, batch.received_at, clip_is_sealed=is_sealed)
            batch.changes += [(alert, change, event.id) for change in changes]
            if data.spot_check is None:
                batch.feed.append(FeedEntry("updated", alert.kampung_id, alert_id=alert.id))
                if alert.severity != severity:
                    batch.request_placement(alert)
        row = _event_row(job, alert, batch.received_at)
        batch.known[event.id] = row
        batch.new_events.append(row)
        if data.clip is not None:
            _announce(batch, alert, event)
        detail = {
            "event_id": str(event.id),
            "phase": data.phase.value,
            "device_sequence": data.device_sequence,
            "content_sha256": job.content_sha256,
            "clip_sha256": data.clip.sha256 if data.clip else None,
        }
        batch.audit.append(AuditEntry(f"device:{job.device_id}", action, alert.kampung_id, f"alert:{alert.id}", detail))
        return Receipt(event.id, alert.id, duplicate=False)

    async def _store(self, writing: WriteTransaction, batch: _Batch) -> None:
        await events.add(writing.session, batch.new_alerts, batch.new_events, batch.new_clips)
        await audit.append(writing.session, batch.received_at, batch.audit)
        await self._record_changes(writing, batch)
        newest = await feed.append(writing.session, batch.received_at, batch.feed)
        before = newest - len(batch.feed)
        requests = [
            _request_row(before + 1 + entry, alert, severity, batch) for entry, alert, severity in batch.requests
        ]
        await incidents.add_requests(writing.session, requests)

    async def _record_changes(self, writing: WriteTransaction, batch: _Batch) -> None:
        """Each change gets its row of history and its audit entry, as a person's decision does."""
        entries = [
            AuditEntry(
                f"device:{alert.device_id}",
                f"alert.{change.value}",
                alert.kampung_id,
                f"alert:{alert.id}",
                {"event_id": str(event_id)},
            )
            for alert, change, event_id in batch.changes
        ]
        sequences = await audit.append(writing.session, batch.received_at, entries)
        for sequence, (alert, change, _) in zip(sequences, batch.changes, strict=True):
            writing.session.add(
                AlertHistory(
                    id=self._new_id(),
                    alert_id=alert.id,
                    at=batch.received_at,
                    actor=f"device:{alert.device_id}",
                    kind=change.value,
                    to_state="new" if change is Change.REOPENED else None,
                    audit_sequence=sequence,
                )
            )


async def _nearest_alerts(
    session: AsyncSession, jobs: list[_Job], known: Collection[tuple[str, UUID]], received_at: datetime
) -> dict[Source, list[tuple[datetime, UUID]]]:
    """By source: the alerts just before and after those that will open, with their incidents.

    Only alerts received today: incidents end with the day, for its places are replayed from its midnight on.
    """
    opening = [
        (_source(job.event.data), job.event.data.captured_at)
        for job in jobs
        if job.event.data.spot_check is None and (job.device_id, job.event.data.signal_id) not in known
    ]
    return await incidents.nearest_alerts(session, opening, day_start(day_of(received_at)))


def _source(data: EventData) -> Source:
    return Source(data.camera_id, data.zone_id, data.rule.value)


def _join(batch: _Batch, alert: Alert, source: Source) -> None:
    """Put a new alert into the incident that takes it, or begin one with it."""
    others = batch.incidents.setdefault(source, [])
    alert.incident_id = matching_incident(alert.captured_at, others) or alert.id
    others.append((alert.captured_at, alert.incident_id))


def _request_row(sequence: int, alert: Alert, severity: str, batch: _Batch) -> PlacementRequestRow:
    return PlacementRequestRow(
        sequence=sequence,
        incident_id=alert.incident_id,
        alert_id=alert.id,
        kampung_id=alert.kampung_id,
        # All alerts of an incident were received on one day, so any of them tells the incident's day.
        day=day_of(alert.received_at),
        at=batch.received_at,
        severity=severity,
    )


def _announce(batch: _Batch, alert: Alert, event: Event) -> None:
    """The first event that seals a clip makes its row; one that shares it may come when its bytes are here already."""
    reference = event.data.clip
    assert reference is not None  # noqa: S101 - the caller has looked
    known = batch.clips.get(reference.clip_id)
    if known is None:
        clip = _clip_row(alert, event, batch.received_at)
        batch.clips[clip.id] = (clip, alert.camera_id)
        batch.new_clips.append(clip)
    elif known[0].stored_at is not None:
        alert.clip_stored = True


def _check_agreement(batch: _Batch, alert: Alert | None, event: Event) -> None:
    """A signal stays on its camera, in its zone and with its rule; a clip on its camera and with its hash.

    Several signals may share a clip, and whoever may see one of their alerts may see the clip: so all of them are of
    one camera in one kampung.
    """
    data = event.data
    if alert is not None and (alert.camera_id, alert.zone_id, alert.rule) != (data.camera_id, data.zone_id, data.rule):
        raise KentonganError(ErrorKind.CONFLICT, f"signal {data.signal_id} is known from another camera, zone or rule")
    if alert is not None and alert.spot_check_chance != (None if data.spot_check is None else data.spot_check.chance):
        raise KentonganError(
            ErrorKind.CONFLICT, f"signal {data.signal_id} cannot become a spot check, or stop being one"
        )
    known = batch.clips.get(data.clip_id) if data.clip_id is not None else None
    if known is None:
        return
    clip, camera_id = known
    same_place = (clip.device_id, clip.kampung_id, camera_id) == (data.device_id, data.kampung_id, data.camera_id)
    same_bytes = data.clip is None or (clip.sha256, clip.size_bytes) == (data.clip.sha256, data.clip.size_bytes)
    if not (same_place and same_bytes):
        raise KentonganError(ErrorKind.CONFLICT, f"clip {data.clip_id} is known with other content or another camera")


def _event_row(job: _Job, alert: Alert, received_at: datetime) -> EventRow:
    data = job.event.data
    return EventRow(
        id=job.event.id,
        alert_id=alert.id,
        device_id=job.device_id,
        device_sequence=data.device_sequence,
        phase=data.phase.value,
        captured_at=data.captured_at,
        received_at=received_at,
        content_sha256=job.content_sha256,
        body=job.body.decode(),
    )


def _clip_row(alert: Alert, event: Event, received_at: datetime) -> Clip:
    reference = event.data.clip
    assert reference is not None  # noqa: S101 - the caller has looked
    return Clip(
        id=reference.clip_id,
        alert_id=alert.id,
        device_id=alert.device_id,
        kampung_id=alert.kampung_id,
        sha256=reference.sha256,
        size_bytes=reference.size_bytes,
        reference=reference.model_dump(mode="json"),
        path=clip_name(alert.kampung_id, reference.starts_at, reference.clip_id),
        announced_at=received_at,
        stored_at=None,
    )


def _fail(job: _Job, error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)
