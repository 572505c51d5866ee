"""The heartbeat: a device's telemetry, sent every half minute and never stored as evidence."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contract.ids import MAX_COUNT, Slug


class CameraState(StrEnum):
    """`live`: frames arrive; `late`: none for some seconds; `lost`: the session is down and being retried."""

    LIVE = "live"
    LATE = "late"
    LOST = "lost"


class CameraTelemetry(BaseModel):
    """The telemetry of one camera."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    camera_id: Slug
    state: CameraState
    last_frame_at: AwareDatetime | None = None
    coverage: float = Field(
        ge=0.0, le=1.0, description="share of the last hour, or of the time since the start, for which frames arrived"
    )
    analysed_fps: float = Field(ge=0.0)
    target_fps: float | None = Field(default=None, ge=0.0, description="analysis rate aimed at while something moves")
    degraded: bool = Field(
        default=False,
        description="true while target_fps is below the configured rate, because the device cannot keep up",
    )
    dropped_frames: int = Field(
        ge=0, le=MAX_COUNT, description="frames due for analysis that were dropped since the start"
    )
    people_count: int = Field(ge=0, le=MAX_COUNT)
    fault: str | None = Field(
        default=None,
        max_length=300,
        description="why the camera is not live, or what it lacks while it is; never contains credentials",
    )


class Heartbeat(BaseModel):
    """The telemetry of a device and its cameras at `sent_at`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    device_id: Slug
    sent_at: AwareDatetime
    uptime_s: float = Field(ge=0.0)
    software_version: str = Field(min_length=1, max_length=64)
    outbox_pending: int = Field(ge=0, le=MAX_COUNT, description="events not yet accepted by the server")
    outbox_bytes: int = Field(ge=0, le=MAX_COUNT)
    last_sequence: int = Field(
        ge=0, le=MAX_COUNT, description="device sequence number of the newest event; 0 before the first"
    )
    cameras: tuple[CameraTelemetry, ...] = Field(max_length=64)
