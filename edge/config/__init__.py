"""The device's configuration: one YAML file, validated whole, frozen afterwards."""

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
