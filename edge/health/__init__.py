"""How the device is: for the heartbeat, and for Prometheus."""

from edge.health.cameras import DeviceHealth
from edge.health.metrics import MetricsServer, device_registry

__all__ = ["DeviceHealth", "MetricsServer", "device_registry"]
