"""The event: a rule's signal made durable, as a CloudEvents 1.0 envelope around frozen data.

A signal results in several events with the same `signal_id`: `began` when the rule fires, `continues` when there is
news (always once its clip is sealed, with the hash of the clip), and `ended`. `ended` waits for the clip, so that the
clip of a signal is named before its last event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from contract.ids import MAX_COUNT, Sha256Hex, Slug, UuidV7
from contract.reasons import Reason

EVENT_SCHEMA = "urn:kentongan:schema:event:1"
TYPE_PREFIX = "id.kentongan."
TYPE_SUFFIX = ".v1"

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
BoxXyxyn = tuple[Unit, Unit, Unit, Unit]
"""A box x1, y1, x2, y2 in normalised coordinates, origin top left."""


class Rule(StrEnum):
    """The behaviour that a rule reports."""

    LOITERING = "loitering"
    REVISIT = "revisit"
    GROUP = "group"
    BRIEF_CONTACT = "brief_contact"
    OCCUPANCY = "occupancy"
    DENSITY = "density"
    UNUSUAL_COUNT = "unusual_count"
    GATHERING = "gathering"
    DISPERSAL = "dispersal"
    COUNTER_FLOW = "counter_flow"
    RUNNING = "running"
    CAMERA_FAULT = "camera_fault"


CAMERA_ZONE = "camera"
"""The zone of a camera fault's events, since such a fault concerns the whole frame."""


class Phase(StrEnum):
    """The phase of a signal that an event reports."""

    BEGAN = "began"
    CONTINUES = "continues"
    ENDED = "ended"


class Severity(StrEnum):
    """How soon somebody should look: `critical` now, `warning` soon, `notice` when there is time.

    Members are defined in ascending order. As strings they compare alphabetically: compare their `rank` instead.
    """

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for `notice`, 1 for `warning`, 2 for `critical`."""
        return Severity.rank_of(self)

    @staticmethod
    def rank_of(severity: str) -> int:
        """Return the rank of a severity, given as member or as value, for use as a sort key.

        Raises KeyError for an unknown severity.
        """
        return _SEVERITY_RANK[severity]


_SEVERITY_RANK: Mapping[str, int] = MappingProxyType({severity: rank for rank, severity in enumerate(Severity)})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TimedBox(_Frozen):
    """The box of a tracked person at `offset_s` seconds from the event's `time` (negative: before)."""

    offset_s: float = Field(ge=-86_400.0, le=86_400.0)
    box: BoxXyxyn

    @field_validator("box")
    @classmethod
    def _ordered(cls, box: BoxXyxyn) -> BoxXyxyn:
        x1, y1, x2, y2 = box
        if not (x1 < x2 and y1 < y2):
            raise ValueError(f"a box is x1, y1, x2, y2 with x1 < x2 and y1 < y2, got {box}")
        return box


class TrackSummary(_Frozen):
    """A track that the signal is about. Its id ends with the track and identifies nobody."""

    track_id: int = Field(ge=1, le=MAX_COUNT)
    boxes: tuple[TimedBox, ...] = Field(min_length=1, max_length=600)


class ClipGap(_Frozen):
    """A part of the clip for which no frame arrived, in seconds from the clip's start."""

    starts_s: float = Field(ge=0.0)
    ends_s: float = Field(ge=0.0)


class ClipReference(_Frozen):
    """A sealed clip: its format, what it covers, and the hash that the uploaded bytes must have."""

    clip_id: UuidV7
    sha256: Sha256Hex
    size_bytes: int = Field(ge=1, le=MAX_COUNT)
    media_type: Literal["video/mp4"] = "video/mp4"
    codec: str = Field(min_length=4, max_length=64, description="RFC 6381 codecs parameter, for example avc1.64001f")
    starts_at: AwareDatetime
    duration_s: float = Field(gt=0.0, le=3600.0)
    trigger_offset_s: float = Field(description="seconds from the clip's start to the moment the rule fired")
    frame_count: int = Field(ge=1, le=MAX_COUNT)
    gaps: tuple[ClipGap, ...] = ()
    redacted: bool = Field(
        default=False,
        description="false: the camera's own packets, never re-encoded; true: re-encoded because privacy masks "
        "had to be burnt in, so that it is not the camera's original stream",
    )

    @property
    def covers_trigger(self) -> bool:
        """Whether the trigger lies inside the clip and outside its gaps."""
        at = self.trigger_offset_s
        return 0.0 <= at <= self.duration_s and not any(gap.starts_s < at < gap.ends_s for gap in self.gaps)


class ThumbnailReference(_Frozen):
    """The JPEG of the frame that triggered the event, with privacy masks burnt in."""

    sha256: Sha256Hex
    size_bytes: int = Field(ge=1, le=2_000_000)
    media_type: Literal["image/jpeg"] = "image/jpeg"


class SpotCheck(_Frozen):
    """Marks a stay that raised no alert and was picked at random, so that people judge whether it should have."""

    chance: float = Field(
        gt=0.0, le=1.0, description="probability with which it was picked: it represents 1 / chance such stays"
    )


class EventData(_Frozen):
    """The content of an event. Times are UTC; `captured_at` is correct within ± `time_uncertainty_s` seconds."""

    signal_id: UuidV7
    device_id: Slug
    device_sequence: int = Field(ge=1, le=MAX_COUNT, description="counts this device's events without gaps")
    kampung_id: Slug
    camera_id: Slug
    zone_id: Slug
    rule: Rule
    phase: Phase
    severity: Severity
    score: float = Field(ge=0.0, le=1.0)
    reasons: tuple[Reason, ...] = Field(max_length=16)
    began_at: AwareDatetime = Field(description="when the behaviour began, for example when the person entered")
    captured_at: AwareDatetime = Field(description="capture time of the frame on which the rule decided")
    time_uncertainty_s: float = Field(ge=0.0, le=86_400.0)
    people_count: int = Field(ge=0, le=10_000)
    tracks: tuple[TrackSummary, ...] = Field(default=(), max_length=200)
    zone_polygon: tuple[tuple[Unit, Unit], ...] = Field(min_length=3, max_length=64)
    clip_id: UuidV7 | None = Field(default=None, description="the clip that is, or will be, about this signal")
    clip: ClipReference | None = Field(default=None, description="present from the event on that seals the clip")
    clip_fault: str | None = Field(default=None, max_length=200, description="why a promised clip will never come")
    thumbnail: ThumbnailReference | None = None
    spot_check: SpotCheck | None = Field(
        default=None,
        description="on every event of a stay that is shown as a spot check: it alerts nobody, and `captured_at` is "
        "when the person was last seen in the zone",
    )
    model_sha256: Sha256Hex
    config_sha256: Sha256Hex
    software_version: str = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _clip_agrees(self) -> Self:
        if self.clip is not None and self.clip.clip_id != self.clip_id:
            raise ValueError(f"clip.clip_id {self.clip.clip_id} must equal clip_id {self.clip_id}")
        return self


class Event(_Frozen):
    """A CloudEvents 1.0 envelope. Idempotent on (source, id)."""

    specversion: Literal["1.0"] = "1.0"
    id: UuidV7
    source: str = Field(description="/kampung/{kampung_id}/camera/{camera_id}")
    type: str = Field(description="id.kentongan.{rule}.v1")
    subject: Slug = Field(description="the zone")
    time: AwareDatetime = Field(description="equal to data.captured_at")
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Literal["urn:kentongan:schema:event:1"] = "urn:kentongan:schema:event:1"
    data: EventData

    @model_validator(mode="after")
    def _envelope_agrees(self) -> Self:
        data = self.data
        for name, got, expected in (
            ("source", self.source, source_of(data.kampung_id, data.camera_id)),
            ("type", self.type, type_of(data.rule)),
            ("subject", self.subject, data.zone_id),
            ("time", self.time, data.captured_at),
        ):
            if got != expected:
                raise ValueError(f"the envelope's {name} must be {expected} as its data says, got {got}")
        if self.time.utcoffset() != timedelta(0):
            raise ValueError(f"times are UTC, got {self.time.isoformat()}")
        return self

    @classmethod
    def wrap(cls, event_id: UuidV7, data: EventData) -> Event:
        """Return `data` in its envelope."""
        return cls(
            id=event_id,
            source=source_of(data.kampung_id, data.camera_id),
            type=type_of(data.rule),
            subject=data.zone_id,
            time=data.captured_at,
            data=data,
        )

    def to_json(self) -> bytes:
        """Return the event as structured-mode JSON, UTF-8."""
        return self.model_dump_json(exclude_none=True).encode()


def source_of(kampung_id: str, camera_id: str) -> str:
    """Return the `source` of a camera's events."""
    return f"/kampung/{kampung_id}/camera/{camera_id}"


def type_of(rule: Rule) -> str:
    """Return the `type` of a rule's events."""
    return f"{TYPE_PREFIX}{rule.value}{TYPE_SUFFIX}"
