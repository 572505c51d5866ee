"""Camera health: what devices report, and what their silence means."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from contract.clock import ManualClock
from contract.heartbeat import CameraState
from tests.support.feed import FeedReader
from tests.support.server import API, LiveServer, heartbeat_of, problem

MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def state_of(server: LiveServer, camera_id: str = "gate") -> str:
    (kampung,) = server.log_in("operator-bahari").get(f"{API}/kampung").json()
    (state,) = [camera["state"] for camera in kampung["cameras"] if camera["id"] == camera_id]
    return str(state)


def beat(server: LiveServer, state: CameraState = CameraState.LIVE) -> None:
    body = heartbeat_of("box-1", "gate", state).model_dump_json()
    assert server.device().post(f"{API}/ingest/heartbeats", content=body).status_code == 204


def test_a_camera_is_unknown_before_its_first_report(live_server: LiveServer) -> None:
    assert state_of(live_server) == "unknown"


@pytest.mark.parametrize(
    ("reported", "silent_s", "expected"),
    [
        (CameraState.LIVE, 0, "live"),
        (CameraState.LIVE, 44, "live"),
        (CameraState.LIVE, 45, "late"),
        (CameraState.LIVE, 90, "lost"),
        (CameraState.LATE, 0, "late"),
        (CameraState.LOST, 45, "lost"),
    ],
)
def test_a_camera_is_as_reported_or_worse_with_silence(
    make_server: Callable[..., LiveServer], reported: CameraState, silent_s: int, expected: str
) -> None:
    clock = ManualClock(MORNING)
    server = make_server(clock)
    beat(server, reported)
    clock.advance(silent_s)
    assert state_of(server) == expected


def test_a_device_that_goes_silent_is_told_to_consoles(make_server: Callable[..., LiveServer]) -> None:
    clock = ManualClock(MORNING)
    server = make_server(clock, cameras={"check_every_s": 0.05})
    with FeedReader(server.log_in("operator-bahari")) as feed:
        beat(server)
        assert feed.next().data["cameras"][0]["state"] == "live"
        clock.advance(91)
        assert feed.next().data["cameras"][0]["state"] == "lost"
        beat(server)
        assert feed.next().data["cameras"][0]["state"] == "live"
        assert feed.nothing_more()


def test_a_heartbeat_for_another_devices_camera_is_refused(live_server: LiveServer) -> None:
    body = heartbeat_of("box-1", "market").model_dump_json()
    problem(live_server.device().post(f"{API}/ingest/heartbeats", content=body), 422, "unknown-camera")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_heartbeat_from_beyond_the_calendar_is_refused(live_server: LiveServer, moment: str) -> None:
    body = json.loads(heartbeat_of("box-1", "gate").model_dump_json())
    body["cameras"][0]["last_frame_at"] = moment
    problem(live_server.device().post(f"{API}/ingest/heartbeats", json=body), 422, "bad-input")


def test_a_malformed_heartbeat_is_refused(live_server: LiveServer) -> None:
    body = heartbeat_of("box-1", "gate").model_dump_json().replace("0.99", "1.99")
    answer = problem(live_server.device().post(f"{API}/ingest/heartbeats", content=body), 422, "bad-input")
    assert answer["errors"][0]["pointer"] == "/cameras/0/coverage"
