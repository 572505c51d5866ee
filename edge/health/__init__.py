"""How the device is: for the heartbeat, and for Prometheus."""

from edge.health.cameras import CameraSnapshot, DeviceHealth, RecordingHealth
from edge.health.metrics import MetricsServer, device_registry

__all__ = ["CameraSnapshot", "DeviceHealth", "MetricsServer", "RecordingHealth", "device_registry"]
