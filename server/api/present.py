"""From stored rows to what the API gives, with words in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from contract.event import ClipReference, Event
from contract.reasons import Reason, sentence
from server.alerts.placements import PlacedAlert
from server.alerts.service import AlertRecord
from server.api.schemas import (
    AlertDetail,
    AlertSummary,
    CameraStatus,
    ClipStatus,
    EventBrief,
    HistoryEntry,
    Note,
    ReasonInWords,
    TrackBox,
    TrackPath,
)
from server.permissions import Scope
from server.store.places import CameraRecord
from server.store.tables import Alert, AlertHistory, Clip, EventRow


def camera_status(camera: CameraRecord, state: str) -> CameraStatus:
    return CameraStatus.model_validate(
        {
            "id": camera.id,
            "name": camera.name,
            "kampung_id": camera.kampung_id,
            "state": state,
            "last_frame_at": camera.last_frame_at,
            "coverage": camera.telemetry.coverage if camera.telemetry else None,
        }
    )


def in_words(reason: Reason) -> ReasonInWords:
    return ReasonInWords(code=reason.code, params=reason.params, text_id=reason.text("id"), text_en=reason.text("en"))


def alert_summary(placed: PlacedAlert, pictures: Scope) -> AlertSummary:
    """The row of the feed; whether it has pictures depends on whether the reader may see this kampung's."""
    return AlertSummary.model_validate(_summary_fields(placed, pictures))


def alert_detail(record: AlertRecord, pictures: Scope) -> AlertDetail:
    events = [(row, Event.model_validate_json(row.body)) for row in record.events]
    alert = record.placed.named.alert
    trigger = next(event for row, event in events if row.id == alert.trigger_event_id)
    return AlertDetail.model_validate(
        {
            **_summary_fields(record.placed, pictures),
            "events": [_event_brief(row, event) for row, event in events],
            "tracks": _tracks(alert, [event for _, event in events]),
            "zone_polygon": trigger.data.zone_polygon,
            "clip": _clip_status(record.clip, [event for _, event in events]) if record.clip else None,
            "clip_fault": alert.clip_fault,
            "history": [_opened(alert), *map(_history_entry, record.history)],
            "notes": [Note(at=entry.at, actor=entry.actor, note=entry.note) for entry in record.history if entry.note],
            "mates": [alert_summary(mate, pictures) for mate in record.mates],
            "neighbours": [alert_summary(neighbour, pictures) for neighbour in record.neighbours],
        }
    )


def _summary_fields(placed: PlacedAlert, pictures: Scope) -> dict[str, object]:
    named, incident = placed.named, placed.incident
    alert = named.alert
    reasons = tuple(Reason.model_validate(reason) for reason in alert.reasons)
    visible = alert.kampung_id in pictures
    return {
        "id": alert.id,
        "kampung_id": alert.kampung_id,
        "kampung_name": named.kampung_name,
        "camera_id": alert.camera_id,
        "camera_name": named.camera_name,
        "zone_id": alert.zone_id,
        "zone_name": named.zone_name,
        "rule": alert.rule,
        "severity": alert.severity,
        "state": alert.state,
        "verdict": alert.verdict,
        "ongoing": alert.ended_at is None,
        "score": alert.score,
        "reasons": [in_words(reason) for reason in reasons],
        "sentence_id": sentence(reasons, "id"),
        "sentence_en": sentence(reasons, "en"),
        "people_count": alert.people_count,
        "began_at": alert.began_at,
        "captured_at": alert.captured_at,
        "ended_at": alert.ended_at,
        "time_uncertainty_s": alert.time_uncertainty_s,
        "received_at": alert.received_at,
        "has_thumbnail": visible and alert.thumbnail_event_id is not None,
        "has_clip": visible and alert.clip_stored,
        "clip_expected": alert.clip_id is not None and not alert.clip_stored and alert.clip_fault is None,
        "version": alert.version,
        "acknowledged_by": alert.acknowledged_by,
        "updated_at": alert.updated_at,
        "trigger_boxes": alert.trigger_boxes,
        "spot_check_chance": alert.spot_check_chance,
        "incident": {"id": incident.incident_id, "placement": incident.placement, "reason": incident.reason},
    }


def _event_brief(row: EventRow, event: Event) -> EventBrief:
    data = event.data
    return EventBrief(
        id=event.id,
        phase=data.phase,
        severity=data.severity,
        score=data.score,
        people_count=data.people_count,
        reasons=[in_words(reason) for reason in data.reasons],
        captured_at=data.captured_at,
        received_at=row.received_at,
    )


def _tracks(alert: Alert, events: Sequence[Event]) -> list[TrackPath]:
    """The boxes of all events on one time line: each event counts from its own time, the alert from its trigger."""
    boxes: dict[int, dict[float, TrackBox]] = {}
    for event in events:
        later_s = (event.time - alert.captured_at).total_seconds()
        for track in event.data.tracks:
            path = boxes.setdefault(track.track_id, {})
            for timed in track.boxes:
                offset_s = round(later_s + timed.offset_s, 3)
                path[offset_s] = TrackBox(offset_s=offset_s, box=timed.box)
    return [
        TrackPath(track_id=track_id, boxes=[path[offset_s] for offset_s in sorted(path)])
        for track_id, path in sorted(boxes.items())
    ]


def _clip_status(clip: Clip, events: Sequence[Event]) -> ClipStatus:
    """The clip as the alert's own events name it: of alerts that share a clip, each has its own moment in it."""
    own = [event.data.clip for event in events if event.data.clip is not None and event.data.clip.clip_id == clip.id]
    reference = own[-1] if own else ClipReference.model_validate(clip.reference)
    stored = clip.stored_at is not None
    return ClipStatus(**reference.model_dump(), uploaded=stored, verified=stored)


def _opened(alert: Alert) -> HistoryEntry:
    return HistoryEntry(
        at=alert.received_at,
        actor=f"device:{alert.device_id}",
        kind="opened",
        from_state=None,
        to_state="new",
        verdict=None,
        note=None,
    )


def _history_entry(row: AlertHistory) -> HistoryEntry:
    return HistoryEntry.model_validate(
        {
            "at": row.at,
            "actor": row.actor,
            "kind": row.kind,
            "from_state": row.from_state,
            "to_state": row.to_state,
            "verdict": row.verdict,
            "note": row.note,
        }
    )
