"""The model of the device's whole configuration."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr, ValidationInfo, field_validator, model_validator

from contract.ids import Slug
from edge.config.camera import CameraConfig, refuse_duplicate_ids
from edge.config.credentials import TokenFile, TokenVariable, surroundings_of
from edge.config.hours import CalendarConfig, StrictModel

MIB = 1 << 20
RING_MARGIN_S = 10.0
"""Seconds by which a ring must exceed `before_s` + `after_s`, to reach back to the keyframe before the clip."""


def _from_config_folder(path: Path, info: ValidationInfo) -> Path:
    return surroundings_of(info).folder / path


ConfigPath = Annotated[Path, AfterValidator(_from_config_folder)]
"""A path. A relative one starts at the folder of the configuration file."""


class ServerConfig(StrictModel):
    """The central server and the device's token for it."""

    url: str = Field(max_length=2000, description="https://host[:port], without a path")
    token_file: TokenFile | None = None
    token_env: TokenVariable | None = None
    ca_file: ConfigPath | None = Field(default=None, description="certificates to trust instead of the system's")
    allow_plain_http: bool = Field(default=False, description="accept http:// to another machine")
    connect_timeout_s: float = Field(default=10.0, ge=1.0, le=120.0)
    reply_timeout_s: float = Field(
        default=60.0, ge=1.0, le=600.0, description="silence after which a request has failed"
    )

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if (self.token_file is None) == (self.token_env is None):
            raise ValueError("the device token comes from either token_file or token_env, and not both")
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("server.url must look like https://host[:port]")
        if "@" in parts.netloc:
            raise ValueError("server.url must not contain a log-in; the token comes from token_file or token_env")
        if parts.scheme == "http" and not self.allow_plain_http and not _is_loopback(parts.hostname):
            raise ValueError("http:// would send the token in the clear: use https:// or set allow_plain_http: true")
        return self

    @property
    def token(self) -> SecretStr:
        """The device token."""
        token = self.token_file or self.token_env
        if token is None:  # pragma: no cover - _safe excludes it
            raise AssertionError("a server without a token was constructed")
        return token


class ClipConfig(StrictModel):
    """What a clip covers, and how much compressed video each camera keeps in memory for clips."""

    before_s: float = Field(default=10.0, ge=2.0, le=60.0, description="seconds before the rule fired")
    after_s: float = Field(default=10.0, ge=2.0, le=60.0, description="seconds after it")
    ring_s: float = Field(default=60.0, ge=10.0, le=600.0)
    ring_bytes: ByteSize = Field(default=ByteSize(64 * MIB), ge=4 * MIB, le=2048 * MIB)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needed_s = self.before_s + self.after_s + RING_MARGIN_S
        if self.ring_s < needed_s:
            raise ValueError(
                f"ring_s must be at least before_s + after_s + {RING_MARGIN_S:g} = {needed_s:g}, got {self.ring_s:g}"
            )
        return self


class Backend(StrEnum):
    """What runs the model. AUTO is ONNX Runtime: OpenVINO is faster on idle cores but does not save CPU time."""

    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


class DetectorConfig(StrictModel):
    """The person detector, its backend and its number of threads."""

    model: str | None = Field(default=None, min_length=1, max_length=64, description="null: the manifest's default")
    manifest: ConfigPath | None = Field(default=None, description="null: the manifest of the software")
    backend: Backend = Field(default=Backend.AUTO, description="openvino needs the extra kentongan[openvino]")
    threads: int = Field(default=1, ge=1, le=64)


class OutboxConfig(StrictModel):
    """How much disk the outbox may use, and how long files are kept after the server accepted them."""

    quota_bytes: ByteSize = Field(default=ByteSize(2048 * MIB), ge=16 * MIB)
    keep_sent_s: float = Field(default=72 * 3600.0, ge=0.0, le=72 * 3600.0)
    keep_free_bytes: ByteSize = Field(default=ByteSize(64 * MIB), ge=0, description="left free on the disk")


class MetricsConfig(StrictModel):
    """Where Prometheus reads this device's metrics: a loopback address, because the endpoint has no log-in."""

    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=0, le=65_535, description="0: any free port")

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if not _is_loopback(host):
            raise ValueError(f"metrics are served without a log-in, so only on a loopback address, got {host}")
        return host


class DeviceConfig(StrictModel):
    """One edge device: its server, cameras and disk. Log-ins and token are neither shown nor serialised."""

    device_id: Slug
    server: ServerConfig
    data_dir: ConfigPath
    cameras: tuple[CameraConfig, ...] = Field(min_length=1, max_length=64)
    calendar: CalendarConfig = CalendarConfig()
    clip: ClipConfig = ClipConfig()
    detector: DetectorConfig = DetectorConfig()
    outbox: OutboxConfig = OutboxConfig()
    heartbeat_s: float = Field(default=30.0, ge=5.0, le=600.0)
    metrics: MetricsConfig | None = Field(default=MetricsConfig(), description="null: no metrics")

    @model_validator(mode="after")
    def _distinct_cameras(self) -> Self:
        refuse_duplicate_ids("camera", self.cameras)
        return self

    @property
    def config_sha256(self) -> str:
        """The SHA-256 of all effective settings, with defaults and without secrets.

        Files with the same settings have the same digest, whatever their layout; a new password does not change it.
        """
        canonical = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
