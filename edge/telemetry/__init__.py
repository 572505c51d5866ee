"""How the device is: for the heartbeat, and for Prometheus."""

from edge.telemetry.cameras import CameraSnapshot, DeviceTelemetry, RecordingTelemetry
from edge.telemetry.metrics import MetricsServer, device_registry

__all__ = ["CameraSnapshot", "DeviceTelemetry", "MetricsServer", "RecordingTelemetry", "device_registry"]
