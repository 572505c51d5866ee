"""The device's configuration: one YAML file, validated as a whole and frozen.

`load_device_config` reports all faults at once, each with its line, its path in the file, and what was expected.
Unknown keys are faults. Credentials appear neither in errors nor in any serialised form.
"""

from edge.config.camera import CameraConfig, Transport
from edge.config.device import (
    ClipConfig,
    DetectorConfig,
    DeviceConfig,
    MetricsConfig,
    OutboxConfig,
    ServerConfig,
)
from edge.config.faults import ConfigError, ConfigFault
from edge.config.loader import load_device_config

__all__ = [
    "CameraConfig",
    "ClipConfig",
    "ConfigError",
    "ConfigFault",
    "DetectorConfig",
    "DeviceConfig",
    "MetricsConfig",
    "OutboxConfig",
    "ServerConfig",
    "Transport",
    "load_device_config",
]
