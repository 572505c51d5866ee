"""The parameters of every rule, with units, defaults and limits; `docs/behaviours.md` explains them."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from contract.event import Severity
from edge.config.hours import Hours, StrictModel


class Mode(StrEnum):
    """`alert`: signals become events. `shadow`: the rule is evaluated and logged but never alerts."""

    ALERT = "alert"
    SHADOW = "shadow"


class RuleConfig(StrictModel):
    """The parameters of every rule."""

    mode: Mode = Mode.ALERT
    severity: Severity = Severity.WARNING
    active: tuple[Hours, ...] = Field(default=(), max_length=32, description="local hours in which it may begin")
    cooldown_s: float = Field(
        default=0.0, ge=0.0, le=86_400.0, description="quiet time in the zone after a signal ended"
    )


class Place(StrEnum):
    """The kind of place of a zone, which sets the default loitering threshold."""

    STREET = "street"
    MARKET = "market"


DAY_THRESHOLD_S = {Place.STREET: 120.0, Place.MARKET: 300.0}
NIGHT_THRESHOLD_S = {Place.STREET: 60.0, Place.MARKET: 300.0}


class ThresholdHours(Hours):
    """A different threshold during some hours."""

    threshold_s: float = Field(ge=5.0, le=14_400.0)


class LoiteringConfig(RuleConfig):
    """One person stays in the zone, close to one spot, longer than is usual there.

    The first of `hours` that contains the time sets the threshold; otherwise `night` or day does.
    """

    place: Place = Place.STREET
    threshold_s: float | None = Field(default=None, ge=5.0, le=14_400.0, description="null: street 120, market 300")
    night_threshold_s: float | None = Field(
        default=None, ge=5.0, le=14_400.0, description="null: street 60, market 300"
    )
    night: Hours = Field(default=Hours.model_validate({"from": "22:00", "to": "05:00"}))
    hours: tuple[ThresholdHours, ...] = Field(default=(), max_length=32)
    min_score: float = Field(default=0.3, ge=0.0, le=1.0, description="staying score below which dwell is no alert")
    min_box_jitter: float = Field(
        default=0.008, ge=0.0, le=0.1, description="body heights; a box that moves less is an object"
    )
    learn_dwell: bool = Field(default=True, description="raise the threshold where and when people usually stay")
    dwell_quantile: float = Field(
        default=0.99, ge=0.5, le=0.9999, description="of the learned stays; stays below it are usual"
    )
    resident_after_s: float = Field(default=1800.0, ge=60.0, le=86_400.0, description="alert closed as resident-like")
    spot_check_share: float = Field(
        default=0.03, ge=0.0, le=0.05, description="of stays that ended just short of an alert; 0: none"
    )
    spot_checks_per_hour: int = Field(
        default=1, ge=1, le=20, description="spot checks of a zone in an hour; more are rare"
    )

    @property
    def day_s(self) -> float:
        """The threshold by day, in seconds."""
        return self.threshold_s if self.threshold_s is not None else DAY_THRESHOLD_S[self.place]

    @property
    def night_s(self) -> float:
        """The threshold by night, in seconds: as configured, else the default or a shorter configured day threshold."""
        if self.night_threshold_s is not None:
            return self.night_threshold_s
        default_s = NIGHT_THRESHOLD_S[self.place]
        return default_s if self.threshold_s is None else min(default_s, self.threshold_s)


class LevelConfig(RuleConfig):
    """What the rules about a quantity share that rises above a limit and falls below it again."""

    cooldown_s: float = Field(default=30.0, ge=0.0, le=86_400.0, description="quiet time in the zone after it ended")
    on_delay_s: float = Field(default=10.0, ge=0.0, le=3600.0, description="above the limit before it begins")
    off_delay_s: float = Field(default=20.0, ge=0.0, le=3600.0, description="clear of the limit before it ends")


class OccupancyConfig(LevelConfig):
    """More people in the zone than its capacity."""

    capacity: int = Field(ge=1, le=1000, description="people; the rule fires above it")
    clear_below: int | None = Field(default=None, ge=0, le=1000, description="people; null: 80 % of the capacity")

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.clear_below is not None and self.clear_below > self.capacity:
            raise ValueError(f"clear_below must be at most the capacity {self.capacity}, got {self.clear_below}")
        return self

    @property
    def clear_at(self) -> int:
        """Number of people at or below which the crowd counts as gone."""
        return self.clear_below if self.clear_below is not None else int(self.capacity * 0.8)


class DensityConfig(LevelConfig):
    """More people per square metre than is safe. Needs a calibrated camera."""

    severity: Severity = Severity.CRITICAL
    limit_per_m2: float = Field(default=2.0, gt=0.0, le=8.0, description="people/m²; the rule fires above it")
    clear_per_m2: float | None = Field(default=None, ge=0.0, le=8.0, description="people/m²; null: 80 % of the limit")
    min_people: int = Field(default=5, ge=2, le=1000, description="fewer are no crowd, however close they stand")

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.clear_per_m2 is not None and self.clear_per_m2 > self.limit_per_m2:
            raise ValueError(f"clear_per_m2 must be at most limit_per_m2 {self.limit_per_m2}, got {self.clear_per_m2}")
        return self

    @property
    def clear_at_per_m2(self) -> float:
        """Density at or below which the crowd counts as gone."""
        return self.clear_per_m2 if self.clear_per_m2 is not None else self.limit_per_m2 * 0.8


class RevisitConfig(RuleConfig):
    """One person keeps coming back."""

    severity: Severity = Severity.NOTICE
    min_visits: int = Field(default=3, ge=2, le=20)
    window_s: float = Field(default=1800.0, ge=60.0, le=1800.0, description="appearance never outlives 30 minutes")
    min_absence_s: float = Field(default=30.0, ge=10.0, le=600.0)
    max_absence_s: float = Field(default=600.0, ge=30.0, le=1800.0)
    threshold_s: float = Field(default=120.0, ge=5.0, le=14_400.0, description="dwell of all visits together")


class GroupConfig(RuleConfig):
    """Several people stand together."""

    severity: Severity = Severity.NOTICE
    min_people: int = Field(default=3, ge=2, le=50)
    radius: float = Field(default=1.5, gt=0.0, le=10.0, description="metres, or body heights where not calibrated")
    duration_s: float = Field(default=60.0, ge=5.0, le=3600.0)


class BriefContactConfig(RuleConfig):
    """One person stands while others come for short contacts. Always in shadow: an entry for review, never an alert."""

    mode: Mode = Mode.SHADOW
    severity: Severity = Severity.NOTICE
    min_contacts: int = Field(default=3, ge=2, le=20)
    window_s: float = Field(default=1800.0, ge=60.0, le=1800.0)
    max_contact_s: float = Field(default=60.0, ge=5.0, le=600.0)
    radius: float = Field(default=1.5, gt=0.0, le=5.0, description="metres, or body heights where not calibrated")

    @model_validator(mode="after")
    def _never_alerts(self) -> Self:
        if self.mode is not Mode.SHADOW:
            raise ValueError("brief_contact is only ever logged for review: mode must be shadow, got alert")
        return self


class UnusualCountConfig(LevelConfig):
    """Far more people than this hour of the week has seen before."""

    cooldown_s: float = Field(default=600.0, ge=0.0, le=86_400.0)
    quantile: float = Field(default=0.994, ge=0.9, le=0.999999, description="of the learned counts; fires above it")
    min_people: int = Field(default=5, ge=1, le=1000, description="fewer are never unusual")
    learning_days: float = Field(
        default=14.0, ge=1.0, le=90.0, description="in shadow until this many days are learned"
    )
    on_delay_s: float = Field(default=300.0, ge=0.0, le=3600.0)
    off_delay_s: float = Field(default=120.0, ge=0.0, le=3600.0)


class GatheringConfig(RuleConfig):
    """People come together quickly and stay together."""

    min_rise: int = Field(default=4, ge=2, le=100, description="people, or 3 robust sigma where that is more")
    window_s: float = Field(default=120.0, ge=30.0, le=600.0, description="the rise happens within")
    hold_s: float = Field(
        default=20.0, ge=2.0, le=600.0, description="how long the crowd stays before the signal begins"
    )


class DispersalConfig(RuleConfig):
    """A crowd runs apart."""

    severity: Severity = Severity.CRITICAL
    min_people: int = Field(default=5, ge=3, le=100)
    speed_mps: float = Field(default=2.2, gt=0.5, le=10.0, description="median of the crowd")
    speed_factor: float = Field(default=2.0, ge=1.2, le=10.0, description="times the usual speed here")
    gone_share: float = Field(default=0.5, ge=0.2, le=1.0, description="of the people gone within gone_s")
    gone_s: float = Field(default=10.0, ge=2.0, le=60.0)


class CounterFlowConfig(RuleConfig):
    """A person moves against the usual direction of movement."""

    severity: Severity = Severity.NOTICE
    max_share: float = Field(default=0.02, gt=0.0, le=0.5, description="of the learned movement goes that way")
    duration_s: float = Field(default=2.0, ge=0.5, le=60.0)


class RunningConfig(RuleConfig):
    """A person runs where people walk."""

    speed_mps: float = Field(default=3.0, gt=0.5, le=12.0)
    duration_s: float = Field(default=1.0, ge=0.4, le=60.0)


class ZoneRules(StrictModel):
    """The rules of a zone. A rule that is not named is off; `loitering: {}` is on with its defaults."""

    loitering: LoiteringConfig | None = None
    revisit: RevisitConfig | None = None
    group: GroupConfig | None = None
    brief_contact: BriefContactConfig | None = None
    occupancy: OccupancyConfig | None = None
    density: DensityConfig | None = None
    unusual_count: UnusualCountConfig | None = None
    gathering: GatheringConfig | None = None
    dispersal: DispersalConfig | None = None
    counter_flow: CounterFlowConfig | None = None
    running: RunningConfig | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError(f"a zone needs at least one rule; known: {', '.join(type(self).model_fields)}")
        return self
