"""One camera: its streams, its privacy masks, and its zones with their rules."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from contract.event import CAMERA_ZONE
from contract.ids import Slug
from edge.config.calibration import CalibrationConfig
from edge.config.credentials import CameraUrl, CameraUrlVariable
from edge.config.hours import StrictModel
from edge.config.zones import PolygonXyn, ZoneConfig

DUPLICATE_ID = "duplicate_id"


class Transport(StrEnum):
    """How RTP packets travel: in the RTSP connection (lossless, passes firewalls) or as datagrams."""

    TCP = "tcp"
    UDP = "udp"


class FarPeopleConfig(StrictModel):
    """Tiled inference where people are small, while the device has spare time."""

    region: PolygonXyn | None = Field(default=None, description="null: where the camera's calibration says so")
    every_s: float = Field(default=0.4, ge=0.0, le=0.5, description="seconds between runs of the tiles")


class CameraConfig(StrictModel):
    """A camera. `url` or `url_env` is its main stream; a substream, if given, is analysed instead of it."""

    id: Slug
    kampung_id: Slug
    name: str | None = Field(default=None, min_length=1, max_length=64)
    url: CameraUrl | None = None
    url_env: CameraUrlVariable | None = None
    substream_url: CameraUrl | None = Field(default=None, description="analysed instead of the main stream")
    substream_url_env: CameraUrlVariable | None = None
    transport: Transport = Transport.TCP
    analysis_fps: float = Field(
        default=5.0, ge=0.5, le=30.0, description="frames per second to analyse while something moves"
    )
    masks: tuple[PolygonXyn, ...] = Field(default=(), max_length=32, description="polygons that are blackened")
    calibration: CalibrationConfig | None = None
    far_people: FarPeopleConfig | None = Field(default=FarPeopleConfig(), description="null: no tiles for far people")
    zones: tuple[ZoneConfig, ...] = Field(min_length=1, max_length=32)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("a camera needs either url or url_env, and not both")
        if self.substream_url is not None and self.substream_url_env is not None:
            raise ValueError("a camera takes substream_url or substream_url_env, not both")
        if any(zone.id == CAMERA_ZONE for zone in self.zones):
            raise ValueError(f"no zone may be called {CAMERA_ZONE}: camera faults use that name")
        refuse_duplicate_ids("zone", self.zones)
        return self

    @property
    def main_url(self) -> SecretStr:
        """The URL of the recording stream."""
        url = self.url or self.url_env
        if url is None:  # pragma: no cover - _one_source excludes it
            raise AssertionError("a camera without a URL was constructed")
        return url

    @property
    def analysis_url(self) -> SecretStr:
        """The URL of the analysis stream: the substream if there is one, else the main stream."""
        return self.substream_url or self.substream_url_env or self.main_url


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


def refuse_duplicate_ids(what: str, items: Sequence[_HasId]) -> None:
    """Raise PydanticCustomError for the first id that an earlier item already has."""
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise PydanticCustomError(DUPLICATE_ID, f"two {what}s have the id {item.id}; ids are unique")
        seen.add(item.id)
