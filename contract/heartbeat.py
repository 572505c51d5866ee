"""The heartbeat: how a device and its cameras are, sent every half minute and never stored as evidence."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contract.ids import MAX_COUNT, Slug


class CameraState(StrEnum):
    """`live`: pictures arrive; `late`: none for some seconds; `lost`: the session is down and being retried."""

    LIVE = "live"
    LATE = "late"
    LOST = "lost"


class CameraTelemetry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    camera_id: Slug
    state: CameraState
    last_frame_at: AwareDatetime | None = None
    coverage: float = Field(ge=0.0, le=1.0, description="share of the last hour (or since the start) that was seen")
    analysed_fps: float = Field(ge=0.0)
    target_fps: float | None = Field(
        default=None, ge=0.0, description="analysis rate that is aimed at while something moves"
    )
    degraded: bool = Field(
        default=False, description="true while that is below the configured rate, because the device cannot keep up"
    )
    dropped_frames: int = Field(
        ge=0, le=MAX_COUNT, description="frames due for analysis that were dropped since the start"
    )
    people_count: int = Field(ge=0, le=MAX_COUNT)
    fault: str | None = Field(
        default=None,
        max_length=300,
        description="why it is not live, or, while it is, what it lacks; never a credential",
    )


class Heartbeat(BaseModel):
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
