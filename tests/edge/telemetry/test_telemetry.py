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
from edge.telemetry import DeviceTelemetry, MetricsServer, RecordingTelemetry, device_registry
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

WORK = DetectorStats(inferences=321, boxes=7, cpu_s=2.5, wall_s=4.0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON, mono_s=1000.25)


@pytest.fixture
def telemetry(clock: ManualClock) -> DeviceTelemetry:
    return DeviceTelemetry("box-1", ["gate", "yard"], "0.1.0", clock)


def state_of(telemetry: DeviceTelemetry, index: int = 0) -> CameraState:
    return telemetry.cameras()[index].telemetry.state


def test_a_camera_is_lost_until_it_answers_and_live_from_its_first_frame(telemetry: DeviceTelemetry) -> None:
    assert state_of(telemetry) is CameraState.LOST
    telemetry.session_started("gate")
    assert state_of(telemetry) is CameraState.LATE
    telemetry.frame_seen("gate")
    assert state_of(telemetry) is CameraState.LIVE
    assert state_of(telemetry, 1) is CameraState.LOST


def test_a_camera_without_frames_is_late_and_without_a_session_lost(
    telemetry: DeviceTelemetry, clock: ManualClock
) -> None:
    telemetry.frame_seen("gate")
    clock.advance(LATE_AFTER_S)
    assert state_of(telemetry) is CameraState.LIVE
    clock.advance(0.1)
    assert state_of(telemetry) is CameraState.LATE
    telemetry.session_lost("gate", "read timeout")
    assert state_of(telemetry) is CameraState.LOST
    telemetry.frame_seen("gate")
    assert state_of(telemetry) is CameraState.LIVE


def test_a_fault_is_reported_until_a_frame_arrives_and_never_with_credentials(telemetry: DeviceTelemetry) -> None:
    telemetry.session_lost("gate", "cannot open rtsp://admin:hunter2@10.0.0.1/x" + "!" * 500)
    fault = telemetry.cameras()[0].telemetry.fault
    assert fault is not None
    assert "hunter2" not in fault
    assert len(fault) == FAULT_CHARS
    telemetry.session_started("gate")
    assert telemetry.cameras()[0].telemetry.fault == fault
    telemetry.frame_seen("gate")
    assert telemetry.cameras()[0].telemetry.fault is None


def test_a_recording_stream_that_is_not_read_is_a_fault_of_a_live_camera(telemetry: DeviceTelemetry) -> None:
    recording = RecordingTelemetry(telemetry)
    telemetry.frame_seen("gate")
    assert telemetry.cameras()[0].recorded
    recording.session_lost("gate", "rtsp://admin:hunter2@10.0.0.1/main refused the log-in")
    telemetry.frame_seen("gate")
    reported = telemetry.cameras()[0]
    assert (reported.recorded, reported.telemetry.state) == (False, CameraState.LIVE)
    assert reported.telemetry.fault == "no clips: rtsp://***@10.0.0.1/main refused the log-in"
    assert reported.sessions_lost == 0
    recording.session_started("gate")
    assert not telemetry.cameras()[0].recorded
    recording.frame_seen("gate")
    reported = telemetry.cameras()[0]
    assert (reported.recorded, reported.telemetry.fault) == (True, None)
    recording.session_lost("gate", "gone")
    assert not telemetry.cameras()[0].recorded


def test_coverage_is_the_share_of_seconds_seen_since_the_start(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    assert telemetry.cameras()[0].telemetry.coverage == 0.0
    for second in range(100):
        if second % 4:
            telemetry.frame_seen("gate")
            telemetry.frame_seen("gate")
        clock.advance(1.0)
    assert telemetry.cameras()[0].telemetry.coverage == 0.75
    assert telemetry.cameras()[1].telemetry.coverage == 0.0


def test_coverage_forgets_what_is_older_than_an_hour(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    for _ in range(COVERAGE_S):
        telemetry.frame_seen("gate")
        clock.advance(1.0)
    assert telemetry.cameras()[0].telemetry.coverage == 1.0
    clock.advance(COVERAGE_S / 2)
    assert telemetry.cameras()[0].telemetry.coverage == 0.5
    clock.advance(10 * COVERAGE_S)
    assert telemetry.cameras()[0].telemetry.coverage == 0.0


def test_a_step_of_the_wall_clock_changes_no_coverage(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    telemetry.frame_seen("gate")
    clock.advance(1.0)
    clock.step_wall(-3600.0)
    telemetry.frame_seen("gate")
    clock.advance(1.0)
    assert telemetry.cameras()[0].telemetry.coverage == 1.0


def test_the_analysis_rate_is_the_mean_of_the_last_ten_seconds(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    for _ in range(100):
        telemetry.frame_analysed("gate", people_count=2)
        clock.advance(0.2)
    assert telemetry.cameras()[0].telemetry.analysed_fps == pytest.approx(5.0, abs=0.5)
    assert telemetry.cameras()[0].telemetry.people_count == 2
    clock.advance(60.0)
    assert telemetry.cameras()[0].telemetry.analysed_fps == 0.0


def test_the_target_rate_is_reported(telemetry: DeviceTelemetry) -> None:
    assert telemetry.cameras()[0].telemetry.target_fps is None
    telemetry.rate_changed("gate", 3.5, degraded=True)
    reported = telemetry.cameras()[0].telemetry
    assert (reported.target_fps, reported.degraded) == (3.5, True)
    assert telemetry.cameras()[1].telemetry.degraded is False


def test_nobody_is_counted_on_a_lost_camera(telemetry: DeviceTelemetry) -> None:
    telemetry.frame_analysed("gate", people_count=7)
    telemetry.session_lost("gate", "gone")
    assert telemetry.cameras()[0].telemetry.people_count == 0


def test_a_ring_of_seconds_takes_constant_space() -> None:
    ring = SecondsRing(5, start_s=0.0)
    for second in range(10_000):
        ring.add(second + 0.5)
    assert ring.whole_seconds(10_000.0) == [1, 1, 1, 1]
    assert len(ring._counts) == 5


def test_the_heartbeat_carries_cameras_and_outbox(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    telemetry.frame_seen("gate")
    telemetry.frames_dropped("gate", 3)
    clock.advance(2.0)
    heartbeat = telemetry.heartbeat(STATS)
    assert Heartbeat.model_validate_json(heartbeat.model_dump_json()) == heartbeat
    assert (heartbeat.device_id, heartbeat.uptime_s, heartbeat.sent_at) == ("box-1", 2.0, NOON + timedelta(seconds=2))
    assert (heartbeat.outbox_pending, heartbeat.outbox_bytes, heartbeat.last_sequence) == (3, 1000, 77)
    assert [camera.camera_id for camera in heartbeat.cameras] == ["gate", "yard"]
    assert (heartbeat.cameras[0].dropped_frames, heartbeat.cameras[0].last_frame_at) == (3, NOON)


def registry_of(telemetry: DeviceTelemetry, clock: ManualClock) -> CollectorRegistry:
    return device_registry(telemetry, lambda: STATS, lambda: STATUS, lambda: WORK, clock)


def test_metrics_are_served_as_they_are_at_the_moment_of_the_scrape(
    telemetry: DeviceTelemetry, clock: ManualClock
) -> None:
    with MetricsServer(registry_of(telemetry, clock), MetricsConfig(port=0)) as server:
        address = f"http://127.0.0.1:{server.port}/metrics"
        assert 'kentongan_edge_camera_state{camera="gate",state="live"} 0.0' in _get(address)
        telemetry.frame_seen("gate")
        telemetry.session_lost("yard", "gone")
        telemetry.tiled_inference("yard", ran=True)
        telemetry.tiled_inference("yard", ran=False)
        telemetry.tiled_inference("yard", ran=True)
        text = _get(address)
    for line in (
        'kentongan_edge_camera_state{camera="gate",state="live"} 1.0',
        'kentongan_edge_camera_sessions_lost_total{camera="yard"} 1.0',
        'kentongan_edge_outbox_pending{kind="clip"} 1.0',
        'kentongan_edge_camera_tiled_inferences_total{camera="yard",outcome="taken"} 2.0',
        'kentongan_edge_camera_tiled_inferences_total{camera="yard",outcome="withheld"} 1.0',
        "kentongan_edge_detector_inferences_total 321.0",
        "kentongan_edge_detector_cpu_seconds_total 2.5",
        "kentongan_edge_outbox_oldest_pending_age_seconds 30.0",
        "kentongan_edge_outbox_deleted_unsent_total 5.0",
        'kentongan_edge_sender_delivered_total{kind="event"} 70.0',
        "kentongan_edge_sender_held_back 1.0",
        'kentongan_edge_info{version="0.1.0"} 1.0',
    ):
        assert f"\n{line}\n" in text


def test_a_clock_offset_is_served_while_sender_reports_state_it(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    def served() -> dict[str, float]:
        samples = [sample for metric in registry_of(telemetry, clock).collect() for sample in metric.samples]
        names = ("camera_clock_offset_seconds", "camera_capture_uncertainty_seconds")
        assert all(sample.labels["camera"] == "gate" for sample in samples if sample.name.endswith(names))
        return {
            sample.name[len("kentongan_edge_") :]: sample.value for sample in samples if sample.name.endswith(names)
        }

    assert served() == {}
    telemetry.frame_dated("gate", 0.5, None)
    assert served() == {"camera_capture_uncertainty_seconds": 0.5}
    telemetry.frame_dated("gate", 0.1, -7.5)
    assert served() == {"camera_clock_offset_seconds": -7.5, "camera_capture_uncertainty_seconds": 0.1}
    telemetry.session_lost("gate", "gone")
    assert served() == {}


def test_the_document_lists_every_metric_and_no_other(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    telemetry.frame_seen("gate")
    telemetry.rate_changed("gate", 5.0, degraded=False)
    telemetry.frame_dated("gate", 0.1, 0.2)
    served = {sample.name for metric in registry_of(telemetry, clock).collect() for sample in metric.samples}
    assert set(re.findall(r"`(kentongan_edge_\w+)`", DOCUMENT.read_text(encoding="utf-8"))) == served


def test_metrics_never_say_how_many_people_there_are(telemetry: DeviceTelemetry, clock: ManualClock) -> None:
    telemetry.frame_seen("gate")
    telemetry.frame_analysed("gate", people_count=4242)
    samples = [sample for metric in registry_of(telemetry, clock).collect() for sample in metric.samples]
    assert all(sample.value != 4242 for sample in samples)
    assert not [sample for sample in samples if "people" in sample.name]


def _get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5.0) as response:
        return str(response.read(), "utf-8")
