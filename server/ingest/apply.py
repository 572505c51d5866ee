"""From an event to its alert: a pure function, so that every order of arrival can be tested.

What the alert says about its trigger (when, where and why it fired, and its first clip) comes from the first event to
arrive and never changes: people decide about what they were shown. Devices send their events in order, so that is
`began`. An event that contradicts it later is stored beside it and stands in the alert's history. What the alert says
about the course of things comes from all events and does not depend on their order.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contract.event import Event, EventData, Phase, Severity
from server.alerts.states import FINAL
from server.store.tables import Alert


def open_alert(alert_id: UUID, event: Event, received_at: datetime) -> Alert:
    """The alert that the first event of a signal to arrive opens, whatever its phase."""
    data = event.data
    alert = Alert(
        id=alert_id,
        device_id=data.device_id,
        signal_id=data.signal_id,
        kampung_id=data.kampung_id,
        camera_id=data.camera_id,
        zone_id=data.zone_id,
        rule=data.rule.value,
        severity=data.severity.value,
        score=data.score,
        people_count=data.people_count,
        received_at=received_at,
        updated_at=received_at,
        opening_event_id=event.id,
        first_sequence=data.device_sequence,
        ended_at=None,
        stayed_s=None,
        clip_id=None,
        clip_fault=None,
        clip_stored=False,
        thumbnail_event_id=None,
        state="new",
        verdict=None,
        acknowledged_by=None,
        version=1,
        spot_check_chance=None if data.spot_check is None else data.spot_check.chance,
    )
    _take_trigger(alert, event)
    _take_clip(alert, data)
    _take_end(alert, data)
    return alert


class Change(StrEnum):
    """What a later event does to an alert beside its course; the kinds of its history."""

    LATE_FACTS = "late_facts"
    OTHER_CLIP = "other_clip"
    REOPENED = "reopened"


def continue_alert(alert: Alert, event: Event, received_at: datetime, *, clip_is_sealed: bool) -> list[Change]:
    """Take a further event of the alert's signal into it; what has to stand in its history.

    `clip_is_sealed`: whether an accepted event has announced the bytes of the alert's clip; until then it is a promise
    that may be replaced by another. `version` counts what people decided, and a closed alert that comes back.
    """
    data = event.data
    changes = []
    if data.device_sequence < alert.first_sequence or data.captured_at < alert.captured_at:
        changes.append(Change.LATE_FACTS)
    if data.clip_id is not None and clip_is_sealed and data.clip_id != alert.clip_id:
        changes.append(Change.OTHER_CLIP)
    else:
        _take_clip(alert, data)
    before = alert.severity
    alert.score = max(alert.score, data.score)
    alert.people_count = max(alert.people_count, data.people_count)
    alert.severity = max(alert.severity, data.severity.value, key=Severity.rank_of)
    became_critical = alert.severity != before and alert.severity == Severity.CRITICAL.value
    if became_critical and alert.state in FINAL:
        alert.state, alert.verdict = "new", None
        alert.version += 1
        changes.append(Change.REOPENED)
    _take_end(alert, data)
    alert.updated_at = received_at
    return changes


def _take_trigger(alert: Alert, event: Event) -> None:
    data = event.data
    alert.trigger_event_id = event.id
    alert.config_sha256 = data.config_sha256
    alert.began_at = data.began_at
    alert.captured_at = data.captured_at
    alert.time_uncertainty_s = data.time_uncertainty_s
    # Its last event says how it ended: that must not displace why somebody was called.
    alert.reasons = [reason.model_dump() for reason in data.reasons]
    alert.trigger_boxes = [_box_at_trigger(data, index) for index in range(len(data.tracks))]


def _box_at_trigger(data: EventData, index: int) -> list[float]:
    """Where a track was nearest to the moment the rule fired."""
    return list(min(data.tracks[index].boxes, key=lambda timed: abs(timed.offset_s)).box)


def _take_clip(alert: Alert, data: EventData) -> None:
    if data.clip_id is not None and (alert.clip_id is None or data.clip is not None):
        alert.clip_stored = alert.clip_stored and alert.clip_id == data.clip_id
        alert.clip_id = data.clip_id
    if data.clip_fault is not None:
        alert.clip_fault = data.clip_fault


def _take_end(alert: Alert, data: EventData) -> None:
    if data.phase is Phase.ENDED:
        alert.ended_at = data.captured_at
        # The trigger reports a stay that has just passed its limit; only the last event says how long it became.
        alert.stayed_s = next((one.params["dwell_s"] for one in data.reasons if one.code == "stayed"), None)
