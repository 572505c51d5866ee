"""Hours of the week in local time, for active rules and thresholds, and the calendar of special days."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator


class StrictModel(BaseModel):
    """Base of all settings: frozen, with unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Day(StrEnum):
    """A day of the week or a holiday. A holiday is also a day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    HOLIDAY = "holiday"


WEEK = (Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI, Day.SAT, Day.SUN)


def _time_of_day(value: object) -> object:
    """Parse a time of day. A number counts minutes, because YAML 1.1 reads an unquoted 22:30 as 1350."""
    if isinstance(value, int):
        if isinstance(value, bool) or not 0 <= value < 24 * 60:
            raise ValueError(f"a time of day is written as 22:30, got {value}")
        return time(value // 60, value % 60)
    if isinstance(value, str):
        hour, _, minute = value.partition(":")
        whole = hour.isdigit() and minute.isdigit() and len(minute) == 2
        if not (whole and int(hour) < 24 and int(minute) < 60):
            raise ValueError(f"a time of day is written as 22:30, between 00:00 and 23:59, got {value!r}")
        return time(int(hour), int(minute))
    return value


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]


class Hours(StrictModel):
    """Hours on some days of the week, in the camera's local time.

    If `to` is before `from`, the hours run over midnight and belong to the day on which they start. Equal times mean
    the whole day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: tuple[Day, ...] = Field(default=WEEK, min_length=1, description="mon to sun, or holiday")
    starts: TimeOfDay = Field(default=time(0, 0), alias="from", description="local time, for example 21:00")
    ends: TimeOfDay = Field(default=time(0, 0), alias="to", description="local time, exclusive")

    def contain(self, local: datetime, calendar: CalendarConfig) -> bool:
        """Return whether `local`, a time in the calendar's time zone, is within these hours."""
        now = local.time().replace(tzinfo=None)
        today = calendar.days_of(local.date())
        if self.starts < self.ends:
            return self.starts <= now < self.ends and not today.isdisjoint(self.days)
        if now >= self.starts:
            return not today.isdisjoint(self.days)
        yesterday = calendar.days_of(date.fromordinal(local.date().toordinal() - 1))
        return now < self.ends and not yesterday.isdisjoint(self.days)


class CalendarOverride(StrictModel):
    """Days on which an unusual count is expected: Ramadan, a pasar malam, a hajatan.

    Learning pauses during an override, and the unusual-count rule multiplies its limit by `limit_factor` or pauses too.
    """

    name: str = Field(min_length=1, max_length=64)
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    hours: tuple[Hours, ...] = Field(default=(), description="only during these hours; empty: always")
    limit_factor: float | None = Field(default=2.0, ge=1.0, le=20.0, description="null: the rule pauses")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.starts_at < self.ends_at:
            raise ValueError(
                f"override {self.name!r} must end after it starts, got {self.starts_at.isoformat()} to "
                f"{self.ends_at.isoformat()}"
            )
        return self


class CalendarConfig(StrictModel):
    """The cameras' time zone, holidays and overrides."""

    timezone: str = Field(default="Asia/Jakarta", description="name in the IANA time zone database")
    holidays: tuple[date, ...] = ()
    overrides: tuple[CalendarOverride, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
            raise ValueError(f"unknown time zone {name!r}; expected an IANA name such as Asia/Jakarta") from error
        return name

    def local(self, utc: datetime) -> datetime:
        """Return a time in local time."""
        return utc.astimezone(ZoneInfo(self.timezone))

    def days_of(self, day: date) -> frozenset[Day]:
        """Return the day of the week of `day`, with `Day.HOLIDAY` if it is a holiday."""
        weekday = WEEK[day.weekday()]
        return frozenset({weekday, Day.HOLIDAY} if day in self.holidays else {weekday})

    def override_at(self, utc: datetime) -> CalendarOverride | None:
        """Return the first override in effect at `utc`; None if there is none."""
        local = self.local(utc) if self.overrides else utc
        for override in self.overrides:
            if override.starts_at <= utc < override.ends_at and (
                not override.hours or any(hours.contain(local, self) for hours in override.hours)
            ):
                return override
        return None
