"""Time as a dependency: everything that needs a clock is handed one, so that ten minutes pass in a test at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both of the box's clocks.

    `mono_s` orders and measures: durations are differences of it and nothing else, so that a step of the wall
    clock changes no dwell. `utc` names the moment for people and is good to ± `uncertainty_s` seconds.
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
        """The moment `by_s` seconds later (earlier if negative), equally certain."""
        return Instant(self.mono_s + by_s, self.utc + timedelta(seconds=by_s), self.uncertainty_s)


class Clock(Protocol):
    """The box's two clocks."""

    def utc(self) -> datetime:
        """The wall clock, timezone-aware in UTC; may step."""
        ...

    def mono_s(self) -> float:
        """Seconds on a clock that never steps; its zero means nothing."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def mono_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to move; for tests and for replaying files."""

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
        """Let `by_s` seconds pass on both clocks."""
        if by_s < 0:
            raise ValueError(f"time only passes forwards: advance() got {by_s} s; use step_wall() for a clock step")
        self._mono_s += by_s
        self._utc += timedelta(seconds=by_s)

    def step_wall(self, by_s: float) -> None:
        """Step the wall clock alone, as an NTP correction does."""
        self._utc += timedelta(seconds=by_s)
