"""The device's telemetry: collected from all threads for heartbeat, Prometheus metrics and the status file."""

from edge.telemetry.cameras import CameraSnapshot, DeviceTelemetry, RecordingTelemetry
from edge.telemetry.metrics import MetricsServer, device_registry

__all__ = ["CameraSnapshot", "DeviceTelemetry", "MetricsServer", "RecordingTelemetry", "device_registry"]
