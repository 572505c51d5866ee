from __future__ import annotations

import json
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contract.event import ClipGap, ClipReference, Event, EventData, Phase, TimedBox, source_of, type_of
from contract.heartbeat import CameraState, CameraTelemetry
from tests.support.events import NOON, clip_file, event_data, new_id


def sealed_clip(tmp_path: Path, **changes: object) -> ClipReference:
    _, reference = clip_file(tmp_path, b"clip")
    return reference.model_copy(update=changes)


def test_an_event_wraps_its_data_and_comes_back_from_json(tmp_path: Path) -> None:
    reference = sealed_clip(tmp_path)
    event = Event.wrap(new_id(), event_data(7, clip_id=reference.clip_id, clip=reference, phase=Phase.CONTINUES))
    assert Event.model_validate_json(event.to_json()) == event
    document = json.loads(event.to_json())
    assert document["source"] == "/kampung/bahari/camera/gate"
    assert document["type"] == "id.kentongan.loitering.v1"
    assert document["subject"] == "ronda"
    assert document["time"] == document["data"]["captured_at"]
    assert "clip_fault" not in document["data"]


@pytest.mark.parametrize("field", ["source", "type", "subject", "time"])
def test_an_envelope_that_contradicts_its_data_is_refused(field: str) -> None:
    document = json.loads(Event.wrap(new_id(), event_data(1)).to_json())
    wrong = {
        "source": source_of("bahari", "yard"),
        "type": type_of(event_data(1, rule="occupancy").rule),
        "subject": "elsewhere",
        "time": "2026-11-24T05:00:01Z",
    }
    with pytest.raises(ValidationError, match=f"the envelope's {field} must be"):
        Event.model_validate_json(json.dumps(document | {field: wrong[field]}))


def test_times_are_utc() -> None:
    jakarta = NOON.astimezone(timezone(timedelta(hours=7)))
    with pytest.raises(ValidationError, match="times are UTC"):
        Event.wrap(new_id(), event_data(1, captured_at=jakarta))


@pytest.mark.parametrize(
    "changes",
    [
        {"device_sequence": 0},
        {"score": 1.1},
        {"score": float("nan")},
        {"time_uncertainty_s": -1.0},
        {"people_count": -1},
        {"zone_polygon": ((0.0, 0.0), (1.0, 1.0))},
        {"zone_polygon": ((0.0, 0.0), (1.0, 1.0), (1.0, 1.1))},
        {"camera_id": "../etc"},
        {"captured_at": NOON.replace(tzinfo=None)},
        {"model_sha256": "abc"},
        {"unknown": 1},
    ],
)
def test_data_out_of_its_bounds_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EventData.model_validate(event_data(1).model_dump() | changes)


def test_a_clip_must_be_the_promised_one(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"clip\.clip_id .* must equal clip_id"):
        event_data(1, clip_id=new_id(), clip=sealed_clip(tmp_path))


@pytest.mark.parametrize(
    "box", [(0.5, 0.1, 0.5, 0.9), (0.6, 0.1, 0.5, 0.9), (0.1, 0.9, 0.2, 0.1), (0.1, 0.1, 1.2, 0.9)]
)
def test_a_box_has_an_area_inside_the_picture(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValidationError):
        TimedBox(offset_s=0.0, box=box)


@pytest.mark.parametrize(
    ("trigger_offset_s", "covered"),
    [(-0.1, False), (0.0, True), (4.0, True), (5.0, False), (20.0, True), (20.1, False)],
)
def test_a_clip_covers_its_trigger_only_inside_itself_and_outside_its_gaps(
    tmp_path: Path, trigger_offset_s: float, covered: bool
) -> None:
    gap = ClipGap(starts_s=4.0, ends_s=6.0)
    assert sealed_clip(tmp_path, trigger_offset_s=trigger_offset_s, gaps=(gap,)).covers_trigger is covered


def test_events_are_frozen() -> None:
    data: EventData = event_data(1)
    with pytest.raises(ValidationError, match="frozen"):
        data.score = 0.1  # type: ignore[misc] # that is the test


@pytest.mark.parametrize(
    "changes", [{"coverage": 1.1}, {"analysed_fps": -1.0}, {"fault": "x" * 301}, {"camera_id": "A"}]
)
def test_a_cameras_health_is_bounded(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "camera_id": "gate",
        "state": CameraState.LIVE,
        "coverage": 1.0,
        "analysed_fps": 5.0,
        "dropped_frames": 0,
        "people_count": 0,
    }
    CameraTelemetry(**fields)
    with pytest.raises(ValidationError):
        CameraTelemetry(**(fields | changes))
