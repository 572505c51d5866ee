"""Verdicts: what operators made of a device's own alerts, so that it keeps confirmed events out of what is usual.

A verdict names neither the person who gave it nor what they wrote: a box on a pole is the least safe place of all.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contract.event import Rule
from contract.ids import MAX_COUNT, Slug

MAX_VERDICTS = 100
"""The most verdicts of one page: about 30 KiB, which a weak link still carries."""


class VerdictKind(StrEnum):
    """`useful`: what the rule said did happen; the others say why it need not have alerted."""

    USEFUL = "useful"
    NORMAL_ACTIVITY = "normal_activity"
    DETECTOR_ERROR = "detector_error"
    CAMERA_FAULT = "camera_fault"


class AlertVerdict(BaseModel):
    """One closed alert. An alert is closed once, so there is one of these per signal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cursor: int = Field(ge=1, le=MAX_COUNT, description="where the list goes on after this one")
    signal_id: str = Field(min_length=1, max_length=64, description="the device's own name of what it saw")
    camera_id: Slug
    zone_id: str = Field(min_length=1, max_length=64)
    rule: Rule
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = Field(description="null when the device never said that it ended")
    verdict: VerdictKind
    decided_at: AwareDatetime


class VerdictPage(BaseModel):
    """Verdicts in the order in which they were given, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdicts: tuple[AlertVerdict, ...] = Field(max_length=MAX_VERDICTS)
    cursor: int = Field(ge=0, le=MAX_COUNT, description="what to ask for next; the one asked with when nothing is new")
    more: bool = Field(description="true while further verdicts are ready")
