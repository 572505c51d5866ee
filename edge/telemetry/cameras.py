"""The state of every camera, and the heartbeat built from it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contract.clock import Clock
from contract.heartbeat import CameraState, CameraTelemetry, Heartbeat
from edge.outbox import OutboxStats
from edge.system.redact import redact_text

LATE_AFTER_S = 3.0
"""A live camera sends several frames a second; without a frame for this long it is late."""

COVERAGE_S = 3600
RATE_S = 10
"""The analysis rate is the mean over this many whole seconds."""

FAULT_CHARS = 300


class SecondsRing:
    """A count for each of the last `length` whole seconds of a clock, in constant space.

    Times must not decrease by more than the ring's length; older counts are dropped.
    """

    def __init__(self, length: int, start_s: float) -> None:
        self._counts = [0] * length
        self._start = int(start_s)
        self._newest = self._start

    def add(self, at_s: float, count: int = 1) -> None:
        """Add `count` to the second of `at_s`."""
        self._advance(int(at_s))
        self._counts[int(at_s) % len(self._counts)] += count

    def whole_seconds(self, now_s: float) -> list[int]:
        """The counts of the whole seconds before `now_s`, as far back as the ring and the start reach."""
        self._advance(int(now_s))
        first = max(self._start, int(now_s) - len(self._counts) + 1)
        return [self._counts[second % len(self._counts)] for second in range(first, int(now_s))]

    def _advance(self, second: int) -> None:
        for passed in range(max(self._newest + 1, second - len(self._counts) + 1), second + 1):
            self._counts[passed % len(self._counts)] = 0
        self._newest = max(self._newest, second)


@dataclass(slots=True)
class _Camera:
    seen: SecondsRing
    analysed: SecondsRing
    connected: bool = False
    last_frame_s: float | None = None
    last_frame_at: datetime | None = None
    dropped: int = 0
    target_fps: float | None = None
    degraded: bool = False
    tiles_run: int = 0
    tiles_withheld: int = 0
    sessions_lost: int = 0
    clock_offset_s: float | None = None
    capture_uncertainty_s: float | None = None
    people_count: int = 0
    fault: str | None = None
    recorded: bool | None = None
    recording_fault: str | None = None


@dataclass(frozen=True, slots=True)
class CameraSnapshot:
    """A camera's telemetry at one moment, with fields that a heartbeat does not carry.

    tiles_run, tiles_withheld: tiled inferences for far people that ran, or were withheld for lack of time.
    clock_offset_s: how far the camera's clock is ahead of the device's; None without a sender report in this session.
    capture_uncertainty_s: of the newest frame's capture time; None without a session. recorded: whether the recording
    stream is read.
    """

    telemetry: CameraTelemetry
    last_frame_age_s: float | None
    sessions_lost: int
    tiles_run: int
    tiles_withheld: int
    clock_offset_s: float | None
    capture_uncertainty_s: float | None
    recorded: bool


class DeviceTelemetry:
    """Collects what the cameras' threads report. Every method is safe from any thread."""

    def __init__(self, device_id: str, camera_ids: Sequence[str], software_version: str, clock: Clock) -> None:
        self._device_id = device_id
        self._software_version = software_version
        self._clock = clock
        self._started_s = clock.mono_s()
        self._lock = threading.Lock()
        self._cameras = {
            camera_id: _Camera(SecondsRing(COVERAGE_S + 1, self._started_s), SecondsRing(RATE_S + 1, self._started_s))
            for camera_id in camera_ids
        }

    @property
    def software_version(self) -> str:
        return self._software_version

    @property
    def uptime_s(self) -> float:
        return self._clock.mono_s() - self._started_s

    def session_started(self, camera_id: str) -> None:
        """The camera answered; it counts as live once a frame arrives."""
        with self._lock:
            self._cameras[camera_id].connected = True

    def session_lost(self, camera_id: str, fault: str) -> None:
        """The session ended and is being retried. `fault` is shown to people; credentials in it are redacted."""
        with self._lock:
            camera = self._cameras[camera_id]
            camera.connected = False
            camera.sessions_lost += 1
            camera.clock_offset_s = camera.capture_uncertainty_s = None
            camera.people_count = 0
            camera.fault = redact_text(fault)[:FAULT_CHARS]

    def frame_seen(self, camera_id: str) -> None:
        """A frame arrived, whether it is decoded or not."""
        now_s = self._clock.mono_s()
        with self._lock:
            camera = self._cameras[camera_id]
            camera.connected = True
            camera.fault = None
            camera.last_frame_s = now_s
            camera.last_frame_at = self._clock.utc()
            camera.seen.add(now_s)

    def recording_changed(self, camera_id: str, fault: str | None) -> None:
        """The recording stream of a camera whose substream is analysed is read (None) or is not, for this `fault`."""
        with self._lock:
            camera = self._cameras[camera_id]
            camera.recorded = fault is None
            camera.recording_fault = None if fault is None else f"no clips: {redact_text(fault)}"[:FAULT_CHARS]

    def frame_dated(self, camera_id: str, uncertainty_s: float, clock_offset_s: float | None) -> None:
        """The newest frame's capture uncertainty, and the camera's clock offset, None without a sender report."""
        with self._lock:
            self._cameras[camera_id].capture_uncertainty_s = uncertainty_s
            self._cameras[camera_id].clock_offset_s = clock_offset_s

    def frame_analysed(self, camera_id: str, people_count: int) -> None:
        """A frame passed detector and rules, with `people_count` tracked people."""
        with self._lock:
            camera = self._cameras[camera_id]
            camera.analysed.add(self._clock.mono_s())
            camera.people_count = people_count

    def frames_dropped(self, camera_id: str, count: int = 1) -> None:
        """Frames that were due for analysis were dropped."""
        with self._lock:
            self._cameras[camera_id].dropped += count

    def rate_changed(self, camera_id: str, target_fps: float, *, degraded: bool) -> None:
        """The target analysis rate changed; `degraded`: it is below the configured rate."""
        with self._lock:
            self._cameras[camera_id].target_fps = target_fps
            self._cameras[camera_id].degraded = degraded

    def tiled_inference(self, camera_id: str, ran: bool) -> None:
        """Tiled inference for far people was due, and ran or was withheld for lack of time."""
        with self._lock:
            camera = self._cameras[camera_id]
            camera.tiles_run += ran
            camera.tiles_withheld += not ran

    @property
    def is_degraded(self) -> bool:
        """Whether any camera's analysis rate is lowered."""
        with self._lock:
            return any(camera.degraded for camera in self._cameras.values())

    def cameras(self) -> list[CameraSnapshot]:
        """A snapshot of every camera, in the order of the configuration."""
        now_s = self._clock.mono_s()
        with self._lock:
            return [_snapshot(camera_id, camera, now_s) for camera_id, camera in self._cameras.items()]

    def heartbeat(self, outbox: OutboxStats) -> Heartbeat:
        """The heartbeat to send now."""
        return Heartbeat(
            device_id=self._device_id,
            sent_at=self._clock.utc(),
            uptime_s=self.uptime_s,
            software_version=self._software_version,
            outbox_pending=outbox.pending_events,
            outbox_bytes=outbox.used_bytes,
            last_sequence=outbox.last_sequence,
            cameras=tuple(snapshot.telemetry for snapshot in self.cameras()),
        )


def _snapshot(camera_id: str, camera: _Camera, now_s: float) -> CameraSnapshot:
    age_s = None if camera.last_frame_s is None else now_s - camera.last_frame_s
    seen = camera.seen.whole_seconds(now_s)
    analysed = camera.analysed.whole_seconds(now_s)
    telemetry = CameraTelemetry(
        camera_id=camera_id,
        state=_state(camera, age_s),
        last_frame_at=camera.last_frame_at,
        coverage=sum(count > 0 for count in seen) / len(seen) if seen else float(age_s is not None),
        analysed_fps=sum(analysed) / len(analysed) if analysed else 0.0,
        target_fps=camera.target_fps,
        degraded=camera.degraded,
        dropped_frames=camera.dropped,
        people_count=camera.people_count,
        fault=camera.fault or camera.recording_fault,
    )
    return CameraSnapshot(
        telemetry,
        age_s,
        camera.sessions_lost,
        camera.tiles_run,
        camera.tiles_withheld,
        camera.clock_offset_s,
        camera.capture_uncertainty_s,
        camera.connected if camera.recorded is None else camera.recorded,
    )


class RecordingTelemetry:
    """Takes the reports of a separate recording stream: they change `recorded`, not whether the camera is live."""

    def __init__(self, telemetry: DeviceTelemetry) -> None:
        self._telemetry = telemetry
        self._is_read = False

    def session_started(self, camera_id: str) -> None:
        """Nothing is known before the first frame."""

    def session_lost(self, camera_id: str, fault: str) -> None:
        self._is_read = False
        self._telemetry.recording_changed(camera_id, fault)

    def frame_seen(self, camera_id: str) -> None:
        if not self._is_read:
            self._is_read = True
            self._telemetry.recording_changed(camera_id, None)


def _state(camera: _Camera, age_s: float | None) -> CameraState:
    if not camera.connected:
        return CameraState.LOST
    return CameraState.LIVE if age_s is not None and age_s <= LATE_AFTER_S else CameraState.LATE
