from __future__ import annotations

import re
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from contract.clock import ManualClock
from contract.heartbeat import CameraState, Heartbeat
from edge.config import MetricsConfig
from edge.detector import DetectorStats
from edge.outbox import OutboxStats
from edge.sender import SenderStatus
from edge.telemetry import DeviceHealth, MetricsServer, RecordingHealth, device_registry
from edge.telemetry.cameras import COVERAGE_S, FAULT_CHARS, LATE_AFTER_S, SecondsRing
from tests.support.events import NOON

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
STATS = OutboxStats(
    pending_events=3,
    pending_thumbnails=2,
    pending_clips=1,
    parked=4,
    used_bytes=1000,
    quota_bytes=2000,
    last_sequence=77,
    oldest_pending_at=NOON - timedelta(seconds=30),
    deleted_unsent=5,
)
STATUS = SenderStatus(
    events_sent=70,
    thumbnails_sent=60,
    clips_sent=50,
    clip_bytes_sent=123456,
    failures=9,
    fault="no connection",
    file_fault=None,
    last_success_at=NOON,
)

WORK = DetectorStats(pictures=321, boxes=7, cpu_s=2.5, wall_s=4.0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON, mono_s=1000.25)


@pytest.fixture
def health(clock: ManualClock) -> DeviceHealth:
    return DeviceHealth("box-1", ["gate", "yard"], "0.1.0", clock)


def state_of(health: DeviceHealth, index: int = 0) -> CameraState:
    return health.cameras()[index].health.state


def test_a_camera_is_lost_until_it_answers_and_live_from_its_first_picture(health: DeviceHealth) -> None:
    assert state_of(health) is CameraState.LOST
    health.session_started("gate")
    assert state_of(health) is CameraState.LATE
    health.frame_seen("gate")
    assert state_of(health) is CameraState.LIVE
    assert state_of(health, 1) is CameraState.LOST


def test_a_camera_without_pictures_is_late_and_without_a_session_lost(health: DeviceHealth, clock: ManualClock) -> None:
    health.frame_seen("gate")
    clock.advance(LATE_AFTER_S)
    assert state_of(health) is CameraState.LIVE
    clock.advance(0.1)
    assert state_of(health) is CameraState.LATE
    health.session_lost("gate", "read timeout")
    assert state_of(health) is CameraState.LOST
    health.frame_seen("gate")
    assert state_of(health) is CameraState.LIVE


def test_a_fault_is_told_until_a_picture_arrives_and_never_with_a_login(health: DeviceHealth) -> None:
    health.session_lost("gate", "cannot open rtsp://admin:hunter2@10.0.0.1/x" + "!" * 500)
    fault = health.cameras()[0].health.fault
    assert fault is not None
    assert "hunter2" not in fault
    assert len(fault) == FAULT_CHARS
    health.session_started("gate")
    assert health.cameras()[0].health.fault == fault
    health.frame_seen("gate")
    assert health.cameras()[0].health.fault is None


def test_a_main_stream_that_is_not_read_is_a_fault_of_a_camera_that_is_live(health: DeviceHealth) -> None:
    recording = RecordingHealth(health)
    health.frame_seen("gate")
    assert health.cameras()[0].recorded
    recording.session_lost("gate", "rtsp://admin:hunter2@10.0.0.1/main refused the log-in")
    health.frame_seen("gate")
    told = health.cameras()[0]
    assert (told.recorded, told.health.state) == (False, CameraState.LIVE)
    assert told.health.fault == "no clips: rtsp://***@10.0.0.1/main refused the log-in"
    assert told.sessions_lost == 0
    recording.session_started("gate")
    assert not health.cameras()[0].recorded
    recording.frame_seen("gate")
    told = health.cameras()[0]
    assert (told.recorded, told.health.fault) == (True, None)
    recording.session_lost("gate", "gone")
    assert not health.cameras()[0].recorded


def test_coverage_is_the_share_of_seconds_seen_since_the_start(health: DeviceHealth, clock: ManualClock) -> None:
    assert health.cameras()[0].health.coverage == 0.0
    for second in range(100):
        if second % 4:
            health.frame_seen("gate")
            health.frame_seen("gate")
        clock.advance(1.0)
    assert health.cameras()[0].health.coverage == 0.75
    assert health.cameras()[1].health.coverage == 0.0


def test_coverage_forgets_what_is_older_than_an_hour(health: DeviceHealth, clock: ManualClock) -> None:
    for _ in range(COVERAGE_S):
        health.frame_seen("gate")
        clock.advance(1.0)
    assert health.cameras()[0].health.coverage == 1.0
    clock.advance(COVERAGE_S / 2)
    assert health.cameras()[0].health.coverage == 0.5
    clock.advance(10 * COVERAGE_S)
    assert health.cameras()[0].health.coverage == 0.0


def test_a_step_of_the_wall_clock_changes_no_coverage(health: DeviceHealth, clock: ManualClock) -> None:
    health.frame_seen("gate")
    clock.advance(1.0)
    clock.step_wall(-3600.0)
    health.frame_seen("gate")
    clock.advance(1.0)
    assert health.cameras()[0].health.coverage == 1.0


def test_the_analysis_rate_is_the_mean_of_the_last_ten_seconds(health: DeviceHealth, clock: ManualClock) -> None:
    for _ in range(100):
        health.frame_analysed("gate", people_count=2)
        clock.advance(0.2)
    assert health.cameras()[0].health.analysed_fps == pytest.approx(5.0, abs=0.5)
    assert health.cameras()[0].health.people_count == 2
    clock.advance(60.0)
    assert health.cameras()[0].health.analysed_fps == 0.0


def test_the_rate_that_is_aimed_at_is_told(health: DeviceHealth) -> None:
    assert health.cameras()[0].health.target_fps is None
    health.pace_changed("gate", 3.5, degraded=True)
    told = health.cameras()[0].health
    assert (told.target_fps, told.degraded) == (3.5, True)
    assert health.cameras()[1].health.degraded is False


def test_nobody_is_counted_on_a_lost_camera(health: DeviceHealth) -> None:
    health.frame_analysed("gate", people_count=7)
    health.session_lost("gate", "gone")
    assert health.cameras()[0].health.people_count == 0


def test_a_ring_of_seconds_takes_constant_space() -> None:
    ring = SecondsRing(5, start_s=0.0)
    for second in range(10_000):
        ring.add(second + 0.5)
    assert ring.whole_seconds(10_000.0) == [1, 1, 1, 1]
    assert len(ring._counts) == 5


def test_the_heartbeat_says_how_everything_is(health: DeviceHealth, clock: ManualClock) -> None:
    health.frame_seen("gate")
    health.frames_dropped("gate", 3)
    clock.advance(2.0)
    heartbeat = health.heartbeat(STATS)
    assert Heartbeat.model_validate_json(heartbeat.model_dump_json()) == heartbeat
    assert (heartbeat.device_id, heartbeat.uptime_s, heartbeat.sent_at) == ("box-1", 2.0, NOON + timedelta(seconds=2))
    assert (heartbeat.outbox_pending, heartbeat.outbox_bytes, heartbeat.last_sequence) == (3, 1000, 77)
    assert [camera.camera_id for camera in heartbeat.cameras] == ["gate", "yard"]
    assert (heartbeat.cameras[0].dropped_frames, heartbeat.cameras[0].last_frame_at) == (3, NOON)


def registry_of(health: DeviceHealth, clock: ManualClock) -> CollectorRegistry:
    return device_registry(health, lambda: STATS, lambda: STATUS, lambda: WORK, clock)


def test_metrics_are_served_as_they_are_at_the_moment_of_the_scrape(health: DeviceHealth, clock: ManualClock) -> None:
    with MetricsServer(registry_of(health, clock), MetricsConfig(port=0)) as server:
        address = f"http://127.0.0.1:{server.port}/metrics"
        assert 'kentongan_edge_camera_state{camera="gate",state="live"} 0.0' in _get(address)
        health.frame_seen("gate")
        health.session_lost("yard", "gone")
        health.second_look("yard", taken=True)
        health.second_look("yard", taken=False)
        health.second_look("yard", taken=True)
        text = _get(address)
    for line in (
        'kentongan_edge_camera_state{camera="gate",state="live"} 1.0',
        'kentongan_edge_camera_sessions_lost_total{camera="yard"} 1.0',
        'kentongan_edge_outbox_pending{kind="clip"} 1.0',
        'kentongan_edge_camera_second_looks_total{camera="yard",outcome="taken"} 2.0',
        'kentongan_edge_camera_second_looks_total{camera="yard",outcome="withheld"} 1.0',
        "kentongan_edge_detector_inferences_total 321.0",
        "kentongan_edge_detector_cpu_seconds_total 2.5",
        "kentongan_edge_outbox_oldest_pending_age_seconds 30.0",
        "kentongan_edge_outbox_deleted_unsent_total 5.0",
        'kentongan_edge_sender_delivered_total{kind="event"} 70.0',
        "kentongan_edge_sender_held_back 1.0",
        'kentongan_edge_info{version="0.1.0"} 1.0',
    ):
        assert f"\n{line}\n" in text


def test_a_cameras_clock_is_told_while_its_reports_tell_it(health: DeviceHealth, clock: ManualClock) -> None:
    def told() -> dict[str, float]:
        samples = [sample for metric in registry_of(health, clock).collect() for sample in metric.samples]
        names = ("camera_clock_offset_seconds", "camera_capture_uncertainty_seconds")
        assert all(sample.labels["camera"] == "gate" for sample in samples if sample.name.endswith(names))
        return {
            sample.name[len("kentongan_edge_") :]: sample.value for sample in samples if sample.name.endswith(names)
        }

    assert told() == {}
    health.frame_dated("gate", 0.5, None)
    assert told() == {"camera_capture_uncertainty_seconds": 0.5}
    health.frame_dated("gate", 0.1, -7.5)
    assert told() == {"camera_clock_offset_seconds": -7.5, "camera_capture_uncertainty_seconds": 0.1}
    health.session_lost("gate", "gone")
    assert told() == {}


def test_the_document_lists_every_metric_and_no_other(health: DeviceHealth, clock: ManualClock) -> None:
    health.frame_seen("gate")
    health.pace_changed("gate", 5.0, degraded=False)
    health.frame_dated("gate", 0.1, 0.2)
    served = {sample.name for metric in registry_of(health, clock).collect() for sample in metric.samples}
    assert set(re.findall(r"`(kentongan_edge_\w+)`", DOCUMENT.read_text(encoding="utf-8"))) == served


def test_metrics_never_say_how_many_people_there_are(health: DeviceHealth, clock: ManualClock) -> None:
    health.frame_seen("gate")
    health.frame_analysed("gate", people_count=4242)
    samples = [sample for metric in registry_of(health, clock).collect() for sample in metric.samples]
    assert all(sample.value != 4242 for sample in samples)
    assert not [sample for sample in samples if "people" in sample.name]


def _get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5.0) as response:
        return str(response.read(), "utf-8")
