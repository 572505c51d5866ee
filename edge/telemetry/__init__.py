"""How the device is: for the heartbeat, and for Prometheus."""

from edge.telemetry.cameras import CameraSnapshot, DeviceHealth, RecordingHealth
from edge.telemetry.metrics import MetricsServer, device_registry

__all__ = ["CameraSnapshot", "DeviceHealth", "MetricsServer", "RecordingHealth", "device_registry"]
