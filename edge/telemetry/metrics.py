"""The device's Prometheus metrics, collected at each scrape; `docs/metrics.md` lists them.

Labels are configured ids. No metric is about people, not even how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.clock import Clock
from contract.heartbeat import CameraState
from edge.config import MetricsConfig
from edge.outbox import OutboxStats
from edge.sender import SenderStatus
from edge.telemetry.cameras import CameraSnapshot, DeviceTelemetry


class DetectorWork(Protocol):
    """What the detector did since it was created."""

    @property
    def inferences(self) -> int: ...

    @property
    def cpu_s(self) -> float: ...


class MetricsServer:
    """Serves a registry at http://host:port/metrics from its own thread until `close`.

    Raises OSError when the address cannot be bound.
    """

    def __init__(self, registry: CollectorRegistry, config: MetricsConfig) -> None:
        self._server, self._thread = start_http_server(config.port, config.host, registry)

    @property
    def port(self) -> int:
        """The port that is served; the one that the system chose when the configuration has port 0."""
        return int(self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def device_registry(
    telemetry: DeviceTelemetry,
    outbox_stats: Callable[[], OutboxStats],
    sender_status: Callable[[], SenderStatus],
    detector_stats: Callable[[], DetectorWork],
    clock: Clock,
) -> CollectorRegistry:
    """A registry with the device's metrics."""
    registry = CollectorRegistry()
    registry.register(_DeviceCollector(telemetry, outbox_stats, sender_status, detector_stats, clock))
    return registry


class _DeviceCollector(Collector):
    def __init__(
        self,
        telemetry: DeviceTelemetry,
        outbox_stats: Callable[[], OutboxStats],
        sender_status: Callable[[], SenderStatus],
        detector_stats: Callable[[], DetectorWork],
        clock: Clock,
    ) -> None:
        self._telemetry = telemetry
        self._outbox_stats = outbox_stats
        self._sender_status = sender_status
        self._detector_stats = detector_stats
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "kentongan_edge", "The running software.", value={"version": self._telemetry.software_version}
        )
        yield GaugeMetricFamily(
            "kentongan_edge_uptime_seconds", "Time since the worker started.", value=self._telemetry.uptime_s
        )
        cameras = self._telemetry.cameras()
        yield from _camera_metrics(cameras)
        yield from _time_metrics(cameras)
        work = self._detector_stats()
        yield _counter("detector_inferences", "Frames and tiles that the detector ran on.", value=work.inferences)
        yield _counter("detector_cpu_seconds", "CPU time of the detector on the inference thread.", value=work.cpu_s)
        yield from self._outbox_metrics(self._outbox_stats())
        yield from self._sender_metrics(self._sender_status())

    def _outbox_metrics(self, stats: OutboxStats) -> Iterator[Metric]:
        pending = _gauge("outbox_pending", "Items that the server does not have yet.", "kind")
        pending.add_metric(["event"], stats.pending_events)
        pending.add_metric(["thumbnail"], stats.pending_thumbnails)
        pending.add_metric(["clip"], stats.pending_clips)
        oldest = stats.oldest_pending_at
        age_s = 0.0 if oldest is None else max(0.0, (self._clock.utc() - oldest).total_seconds())
        yield pending
        yield _gauge("outbox_oldest_pending_age_seconds", "Age of the oldest unsent event; 0 without one.", value=age_s)
        yield _gauge("outbox_parked", "Events and files that the server refused for good.", value=stats.parked)
        yield _gauge("outbox_used_bytes", "Disk space of database and files.", value=stats.used_bytes)
        yield _gauge("outbox_quota_bytes", "Limit of that disk space.", value=stats.quota_bytes)
        yield _gauge("outbox_last_sequence", "Device sequence number of the newest event.", value=stats.last_sequence)
        yield _counter(
            "outbox_deleted_unsent", "Events and files deleted before they were sent.", value=stats.deleted_unsent
        )

    def _sender_metrics(self, status: SenderStatus) -> Iterator[Metric]:
        sent = _counter("sender_delivered", "Items that the server accepted since the start.", "kind")
        sent.add_metric(["event"], status.events_sent)
        sent.add_metric(["thumbnail"], status.thumbnails_sent)
        sent.add_metric(["clip"], status.clips_sent)
        yield sent
        yield _counter(
            "sender_clip_bytes", "Bytes of clips sent, repeated ones included.", value=status.clip_bytes_sent
        )
        yield _counter("sender_failures", "Requests that were refused or got no reply.", value=status.failures)
        yield _gauge(
            "sender_held_back", "1 while a fault holds all delivery back.", value=float(status.fault is not None)
        )


def _camera_metrics(cameras: Sequence[CameraSnapshot]) -> Iterator[Metric]:
    state = _gauge("camera_state", "1 for the state the camera is in, 0 for the others.", "camera", "state")
    coverage = _gauge("camera_coverage_ratio", "Share of the last hour's seconds with a frame, 0 to 1.", "camera")
    age = _gauge("camera_last_frame_age_seconds", "Time since the last frame; absent before the first.", "camera")
    rate = _gauge("camera_analysed_frames_per_second", "Mean analysis rate of the last 10 s.", "camera")
    target = _gauge("camera_target_frames_per_second", "Target analysis rate while something moves.", "camera")
    slowed = _gauge("camera_degraded", "1 while overload lowers the target rate.", "camera")
    dropped = _counter("camera_dropped_frames", "Frames due for analysis that were dropped.", "camera")
    tiles = _counter("camera_tiled_inferences", "Tiled inferences for far people that were due.", "camera", "outcome")
    lost = _counter("camera_sessions_lost", "Sessions that ended or did not open.", "camera")
    recorded = _gauge("camera_recorded", "1 while the recording stream is read.", "camera")
    for snapshot in cameras:
        camera = snapshot.telemetry.camera_id
        for each in CameraState:
            state.add_metric([camera, each.value], float(snapshot.telemetry.state is each))
        coverage.add_metric([camera], snapshot.telemetry.coverage)
        if snapshot.last_frame_age_s is not None:
            age.add_metric([camera], snapshot.last_frame_age_s)
        rate.add_metric([camera], snapshot.telemetry.analysed_fps)
        if snapshot.telemetry.target_fps is not None:
            target.add_metric([camera], snapshot.telemetry.target_fps)
        slowed.add_metric([camera], float(snapshot.telemetry.degraded))
        dropped.add_metric([camera], snapshot.telemetry.dropped_frames)
        tiles.add_metric([camera, "taken"], snapshot.tiles_run)
        tiles.add_metric([camera, "withheld"], snapshot.tiles_withheld)
        lost.add_metric([camera], snapshot.sessions_lost)
        recorded.add_metric([camera], float(snapshot.recorded))
    yield from (state, coverage, age, rate, target, slowed, dropped, tiles, lost, recorded)


def _time_metrics(cameras: Sequence[CameraSnapshot]) -> Iterator[Metric]:
    offset = _gauge(
        "camera_clock_offset_seconds", "Camera's clock minus the device's; absent without reports.", "camera"
    )
    uncertainty = _gauge("camera_capture_uncertainty_seconds", "Uncertainty of the newest frame's time, +-.", "camera")
    for snapshot in cameras:
        camera = snapshot.telemetry.camera_id
        if snapshot.clock_offset_s is not None:
            offset.add_metric([camera], snapshot.clock_offset_s)
        if snapshot.capture_uncertainty_s is not None:
            uncertainty.add_metric([camera], snapshot.capture_uncertainty_s)
    yield from (offset, uncertainty)


def _gauge(name: str, text: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kentongan_edge_{name}", text, value=value, labels=labels or None)


def _counter(name: str, text: str, *labels: str, value: float | None = None) -> CounterMetricFamily:
    return CounterMetricFamily(f"kentongan_edge_{name}", text, value=value, labels=labels or None)
