"""Time as a dependency: code that needs a clock gets one passed in, so that tests need not wait."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks of the device.

    mono_s: monotonic seconds, the only source of order and durations: a step of the wall clock changes no dwell.
    utc: timezone-aware wall-clock time, for people; correct within ± `uncertainty_s` seconds (>= 0).

    Raises ValueError for a naive `utc` or a negative uncertainty.
    """

    mono_s: float
    utc: datetime
    uncertainty_s: float = 0.0

    def __post_init__(self) -> None:
        if self.utc.tzinfo is None:
            raise ValueError(f"Instant.utc must be timezone-aware, got the naive {self.utc.isoformat()}")
        if not self.uncertainty_s >= 0.0:
            raise ValueError(f"Instant.uncertainty_s must be >= 0 seconds, got {self.uncertainty_s}")

    def shifted(self, by_s: float) -> Instant:
        """Return the moment `by_s` seconds later (earlier if negative), with the same uncertainty."""
        return Instant(self.mono_s + by_s, self.utc + timedelta(seconds=by_s), self.uncertainty_s)


class Clock(Protocol):
    """The two clocks of a machine."""

    def utc(self) -> datetime:
        """Return the wall clock, timezone-aware in UTC. It may step."""
        ...

    def mono_s(self) -> float:
        """Return seconds on a clock that never steps and whose zero is arbitrary."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def mono_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that only moves when `advance` or `step_wall` is called; for tests and for replaying files."""

    def __init__(self, utc: datetime, mono_s: float = 0.0) -> None:
        if utc.tzinfo is None:
            raise ValueError(f"ManualClock needs a timezone-aware time, got the naive {utc.isoformat()}")
        self._utc = utc
        self._mono_s = mono_s

    def utc(self) -> datetime:
        return self._utc

    def mono_s(self) -> float:
        return self._mono_s

    def advance(self, by_s: float) -> None:
        """Let `by_s` seconds (>= 0) pass on both clocks. Raises ValueError for a negative time."""
        if by_s < 0:
            raise ValueError(f"time only passes forwards: advance() got {by_s} s; use step_wall() for a clock step")
        self._mono_s += by_s
        self._utc += timedelta(seconds=by_s)

    def step_wall(self, by_s: float) -> None:
        """Step the wall clock by `by_s` seconds and not the monotonic clock, as an NTP correction does."""
        self._utc += timedelta(seconds=by_s)
