"""Verdicts: operators' judgements of a device's own alerts, so that it does not learn confirmed events as usual.

A verdict contains neither the operator's name nor their note, because a device on a pole is the least safe place.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contract.event import Rule
from contract.ids import MAX_COUNT, Slug

MAX_VERDICTS = 100
"""Maximum number of verdicts in a page: about 30 KiB, which a weak link can carry."""


class VerdictKind(StrEnum):
    """`useful`: the reported behaviour happened. The others name why the alert was unnecessary."""

    USEFUL = "useful"
    NORMAL_ACTIVITY = "normal_activity"
    DETECTOR_ERROR = "detector_error"
    CAMERA_FAULT = "camera_fault"


class AlertVerdict(BaseModel):
    """The verdict on one closed alert. An alert is closed once, so a signal has at most one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cursor: int = Field(ge=1, le=MAX_COUNT, description="cursor of the position after this verdict")
    signal_id: str = Field(min_length=1, max_length=64, description="the signal_id of the device's events")
    camera_id: Slug
    zone_id: str = Field(min_length=1, max_length=64)
    rule: Rule
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = Field(description="null if the device never reported the end")
    verdict: VerdictKind
    decided_at: AwareDatetime


class VerdictPage(BaseModel):
    """Verdicts in the order in which they were given, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdicts: tuple[AlertVerdict, ...] = Field(max_length=MAX_VERDICTS)
    cursor: int = Field(
        ge=0, le=MAX_COUNT, description="cursor for the next request; unchanged when there is nothing new"
    )
    more: bool = Field(description="true if further verdicts are ready")
