"""The events of one transaction: what they change, and the rows that record it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.errors import ErrorKind, KentonganError
from contract.event import ClipReference, Event, EventData
from server.alerts.governor import day_of, day_start, matching_incident
from server.clips.files import clip_name
from server.ingest.apply import Change, continue_alert, open_alert
from server.store import audit, events, feed, incidents
from server.store.audit import AuditEntry
from server.store.feed import FeedEntry
from server.store.incidents import Source
from server.store.tables import Alert, AlertHistory, Clip, EventRow, PlacementRequestRow


@dataclass(frozen=True, slots=True)
class Receipt:
    """The alert of a stored event. duplicate: the event was stored before."""

    event_id: UUID
    alert_id: UUID
    duplicate: bool


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event that a device sent. body: its canonical JSON, of which `content_sha256` is the hash."""

    device_id: str
    event: Event
    body: bytes
    content_sha256: str


@dataclass(slots=True)
class _Additions:
    """What the transaction will write."""

    audit: list[AuditEntry] = field(default_factory=list)
    feed: list[FeedEntry] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    changes: list[tuple[Alert, Change, UUID]] = field(default_factory=list)
    """What later events changed or contradicted, with the event's id: each becomes a row of history."""
    requests: list[tuple[int, Alert, str]] = field(default_factory=list)
    """For each placement request: the index of its entry in `feed`, its alert, and the alert's severity then."""

    def request_placement(self, alert: Alert) -> None:
        """Request a placement for the alert's incident, under the sequence of the entry added to `feed` last."""
        self.requests.append((len(self.feed) - 1, alert, alert.severity))


@dataclass(slots=True)
class EventBatch:
    """Applies events to the alerts, clips and incidents that the database knows, then stores the result.

    known: stored events by id. alerts: by device and signal. clips: by id, each with the id of its camera. incidents:
    (capture time, incident) of the alerts around those that the batch opens, by source.
    """

    session: AsyncSession
    new_id: Callable[[], UUID]
    received_at: datetime
    known: dict[UUID, EventRow]
    alerts: dict[tuple[str, UUID], Alert]
    clips: dict[UUID, tuple[Clip, str]]
    incidents: dict[Source, list[tuple[datetime, UUID]]]
    _new: _Additions = field(default_factory=_Additions)

    @classmethod
    async def load(
        cls,
        session: AsyncSession,
        received: Sequence[ReceivedEvent],
        new_id: Callable[[], UUID],
        received_at: datetime,
    ) -> Self:
        """A batch with the stored rows that the events refer to. The alerts are locked until the transaction ends."""
        clip_ids = [one.event.data.clip_id for one in received if one.event.data.clip_id is not None]
        alerts = await events.alerts_of_signals(session, [_signal(one) for one in received])
        clip_ids += [alert.clip_id for alert in alerts.values() if alert.clip_id is not None]
        return cls(
            session=session,
            new_id=new_id,
            received_at=received_at,
            known=await events.known_events(session, [one.event.id for one in received]),
            alerts=alerts,
            clips=await events.known_clips(session, clip_ids) if clip_ids else {},
            incidents=await _nearest_alerts(session, received, alerts, received_at),
        )

    @property
    def changes_feed(self) -> bool:
        return bool(self._new.feed)

    def apply(self, received: ReceivedEvent) -> Receipt:
        """Apply one event.

        Raises:
            KentonganError: `conflict`; the batch is then unchanged.
        """
        event, data = received.event, received.event.data
        known = self.known.get(event.id)
        if known is not None:
            if known.content_sha256 != received.content_sha256 or known.device_id != received.device_id:
                raise KentonganError(ErrorKind.CONFLICT, f"event {event.id} is known with other content")
            return Receipt(event.id, known.alert_id, duplicate=True)
        alert = self.alerts.get(_signal(received))
        _check_signal(alert, data)
        self._check_clip(data)
        if alert is None:
            alert, action = self._open(received), "alert.opened"
        else:
            self._continue(alert, event)
            action = "event.accepted"
        row = _event_row(received, alert, self.received_at)
        self.known[event.id] = row
        self._new.events.append(row)
        if data.clip is not None:
            self._announce(alert, data.clip)
        actor = f"device:{received.device_id}"
        detail = {
            "event_id": str(event.id),
            "phase": data.phase.value,
            "device_sequence": data.device_sequence,
            "content_sha256": received.content_sha256,
            "clip_sha256": data.clip.sha256 if data.clip else None,
        }
        self._new.audit.append(AuditEntry(actor, action, alert.kampung_id, f"alert:{alert.id}", detail))
        return Receipt(event.id, alert.id, duplicate=False)

    async def store(self) -> None:
        """Write everything that the applied events added or changed."""
        new = self._new
        await events.add(self.session, new.alerts, new.events, new.clips)
        await audit.append(self.session, self.received_at, new.audit)
        await self._record_changes()
        newest = await feed.append(self.session, self.received_at, new.feed)
        first = newest - len(new.feed) + 1
        requests = [self._request_row(first + index, alert, severity) for index, alert, severity in new.requests]
        await incidents.add_requests(self.session, requests)

    def _open(self, received: ReceivedEvent) -> Alert:
        alert = open_alert(self.new_id(), received.event, self.received_at)
        self.alerts[_signal(received)] = alert
        self._new.alerts.append(alert)
        if received.event.data.spot_check is not None:
            # A spot check is in no feed and requests no placement.
            alert.incident_id = alert.id
            return alert
        others = self.incidents.setdefault(_source(received.event.data), [])
        alert.incident_id = matching_incident(alert.captured_at, others) or alert.id
        others.append((alert.captured_at, alert.incident_id))
        self._new.feed.append(FeedEntry("created", alert.kampung_id, alert_id=alert.id))
        self._new.request_placement(alert)
        return alert

    def _continue(self, alert: Alert, event: Event) -> None:
        severity = alert.severity
        is_sealed = alert.clip_id is not None and alert.clip_id in self.clips
        changes = continue_alert(alert, event, self.received_at, clip_is_sealed=is_sealed)
        self._new.changes += [(alert, change, event.id) for change in changes]
        if event.data.spot_check is None:
            self._new.feed.append(FeedEntry("updated", alert.kampung_id, alert_id=alert.id))
            if alert.severity != severity:
                self._new.request_placement(alert)

    def _announce(self, alert: Alert, reference: ClipReference) -> None:
        """Add the clip's row with the first event that seals it. An event that shares the clip may come after its
        bytes.
        """
        known = self.clips.get(reference.clip_id)
        if known is None:
            clip = _clip_row(alert, reference, self.received_at)
            self.clips[clip.id] = (clip, alert.camera_id)
            self._new.clips.append(clip)
        elif known[0].stored_at is not None:
            alert.clip_stored = True

    def _check_clip(self, data: EventData) -> None:
        """A clip keeps its camera and its hash. Several signals may share a clip, and a person who may see one of their
        alerts may see the clip: all of them must therefore be of one camera in one kampung.
        """
        known = self.clips.get(data.clip_id) if data.clip_id is not None else None
        if known is None:
            return
        clip, camera_id = known
        same_camera = (clip.device_id, clip.kampung_id, camera_id) == (data.device_id, data.kampung_id, data.camera_id)
        same_bytes = data.clip is None or (clip.sha256, clip.size_bytes) == (data.clip.sha256, data.clip.size_bytes)
        if not (same_camera and same_bytes):
            raise KentonganError(
                ErrorKind.CONFLICT, f"clip {data.clip_id} is known with other content or another camera"
            )

    async def _record_changes(self) -> None:
        """Write a row of history and an audit entry for each change, as for a person's transition."""
        entries = [
            AuditEntry(
                f"device:{alert.device_id}",
                f"alert.{change.value}",
                alert.kampung_id,
                f"alert:{alert.id}",
                {"event_id": str(event_id)},
            )
            for alert, change, event_id in self._new.changes
        ]
        sequences = await audit.append(self.session, self.received_at, entries)
        for sequence, (alert, change, _) in zip(sequences, self._new.changes, strict=True):
            self.session.add(
                AlertHistory(
                    id=self.new_id(),
                    alert_id=alert.id,
                    at=self.received_at,
                    actor=f"device:{alert.device_id}",
                    kind=change.value,
                    to_state="new" if change is Change.REOPENED else None,
                    audit_sequence=sequence,
                )
            )

    def _request_row(self, sequence: int, alert: Alert, severity: str) -> PlacementRequestRow:
        return PlacementRequestRow(
            sequence=sequence,
            incident_id=alert.incident_id,
            alert_id=alert.id,
            kampung_id=alert.kampung_id,
            # All alerts of an incident are received on one day, so this is the incident's day.
            day=day_of(alert.received_at),
            at=self.received_at,
            severity=severity,
        )


async def _nearest_alerts(
    session: AsyncSession, received: Sequence[ReceivedEvent], known: Collection[tuple[str, UUID]], received_at: datetime
) -> dict[Source, list[tuple[datetime, UUID]]]:
    """By source: (capture time, incident) of the alerts just before and after those that the events open.

    Only of alerts received today: incidents end with the day, because placements are replayed from midnight on.
    """
    opening = [
        (_source(one.event.data), one.event.data.captured_at)
        for one in received
        if one.event.data.spot_check is None and _signal(one) not in known
    ]
    return await incidents.nearest_alerts(session, opening, day_start(day_of(received_at)))


def _signal(received: ReceivedEvent) -> tuple[str, UUID]:
    return received.device_id, received.event.data.signal_id


def _source(data: EventData) -> Source:
    return Source(data.camera_id, data.zone_id, data.rule.value)


def _check_signal(alert: Alert | None, data: EventData) -> None:
    """A signal keeps its camera, zone and rule, and stays an alert or a spot check."""
    if alert is None:
        return
    if (alert.camera_id, alert.zone_id, alert.rule) != (data.camera_id, data.zone_id, data.rule):
        raise KentonganError(ErrorKind.CONFLICT, f"signal {data.signal_id} is known from another camera, zone or rule")
    if alert.spot_check_chance != (None if data.spot_check is None else data.spot_check.chance):
        raise KentonganError(
            ErrorKind.CONFLICT, f"signal {data.signal_id} cannot become a spot check, or stop being one"
        )


def _event_row(received: ReceivedEvent, alert: Alert, received_at: datetime) -> EventRow:
    data = received.event.data
    return EventRow(
        id=received.event.id,
        alert_id=alert.id,
        device_id=received.device_id,
        device_sequence=data.device_sequence,
        phase=data.phase.value,
        captured_at=data.captured_at,
        received_at=received_at,
        content_sha256=received.content_sha256,
        body=received.body.decode(),
    )


def _clip_row(alert: Alert, reference: ClipReference, received_at: datetime) -> Clip:
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
