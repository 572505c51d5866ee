"""Hours of the week in local time: when a rule is active, when another threshold holds, which days are special."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator


class StrictModel(BaseModel):
    """Settings: frozen, and a key that nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Day(StrEnum):
    """A day of the week, or a holiday of the calendar; a holiday also keeps its day of the week."""

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
    """YAML 1.1 reads an unquoted 22:30 as the number 1350, minutes since midnight: take it as it was meant."""
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
    """A stretch of the day on some days of the week, in the camera's local time.

    `to` before `from` runs over midnight and belongs to the day on which it starts; equal times mean the whole day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: tuple[Day, ...] = Field(default=WEEK, min_length=1, description="mon to sun, or holiday")
    starts: TimeOfDay = Field(default=time(0, 0), alias="from", description="local time, for example 21:00")
    ends: TimeOfDay = Field(default=time(0, 0), alias="to", description="local time, exclusive")

    def contain(self, local: datetime, calendar: CalendarConfig) -> bool:
        """Whether `local`, a local time of the calendar's time zone, lies in these hours."""
        now = local.time().replace(tzinfo=None)
        today = calendar.days_of(local.date())
        if self.starts < self.ends:
            return self.starts <= now < self.ends and not today.isdisjoint(self.days)
        if now >= self.starts:
            return not today.isdisjoint(self.days)
        yesterday = calendar.days_of(date.fromordinal(local.date().toordinal() - 1))
        return now < self.ends and not yesterday.isdisjoint(self.days)


class CalendarOverride(StrictModel):
    """Days on which an unusual count is no surprise: Ramadan, a pasar malam, a hajatan.

    Learning pauses while it lasts, and the unusual-count rule multiplies its limit by `limit_factor`, or rests.
    """

    name: str = Field(min_length=1, max_length=64)
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    hours: tuple[Hours, ...] = Field(default=(), description="only in these hours of those days; empty: always")
    limit_factor: float | None = Field(default=2.0, ge=1.0, le=20.0, description="null: the rule rests")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.starts_at < self.ends_at:
            raise ValueError(
                f"override {self.name!r} must end after it starts, got {self.starts_at.isoformat()} to "
                f"{self.ends_at.isoformat()}"
            )
        return self


class CalendarConfig(StrictModel):
    """The camera's local time, its holidays and its special days."""

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
        """A moment in local time."""
        return utc.astimezone(ZoneInfo(self.timezone))

    def days_of(self, day: date) -> frozenset[Day]:
        """What `day` is: a day of the week, and perhaps a holiday."""
        weekday = WEEK[day.weekday()]
        return frozenset({weekday, Day.HOLIDAY} if day in self.holidays else {weekday})

    def override_at(self, utc: datetime) -> CalendarOverride | None:
        """The first override that holds at a moment."""
        local = self.local(utc) if self.overrides else utc
        for override in self.overrides:
            if override.starts_at <= utc < override.ends_at and (
                not override.hours or any(hours.contain(local, self) for hours in override.hours)
            ):
                return override
        return None
