"""Grades a camera's timestamps and maps them to capture times. See docs/design/time.md.

A camera counts ticks of its own clock. `TimestampGrader` decides whether to trust a packet's ticks; `CaptureClock` maps
trusted ticks to the device's clocks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from contract.clock import Clock, Instant

JITTER_MAX_S = 0.5
"""A timestamp at most this far behind the newest is repaired: set one tick after it."""
LATE_MAX_S = 3.0
"""A packet at most this far behind is dropped; further behind, the camera's clock was set back."""
LATE_RUN_MAX = 10
"""More late packets in a row than this mean that the camera's clock was set back a little."""
REORDER_MAX_S = 1.0
"""In a stream with B-frames a timestamp may correctly be this far behind the newest."""
FORWARD_JUMP_MAX_S = 5.0
"""From one packet to the next, ticks may advance this much more than the device's clock (a burst after a stall)."""
DEFAULT_INTERVAL_S = 0.04
"""Assumed frame interval if the source gives no duration."""
_RECENT_TIMESTAMPS = 32
"""Number of timestamps kept to recognise one that is used twice."""

SLEW_DOWN_MAX = 0.01
"""One packet proves a shorter delay than assumed: approach it by at most 1 % of the elapsed time."""
SLEW_UP_MAX = 0.0002
"""A longer delay can only be drift, and a quartz clock drifts by less than 200 ppm."""
WINDOW_S = 60.0
"""The mapping follows the shortest delay of this many past seconds."""
BUCKET_S = 5.0
"""Resolution of that window: one minimum is kept per bucket."""
UNSEEN_DELAY_S = 0.5
"""From exposure to the first byte on the wire a camera takes 0.1 to 0.5 s, which no arrival can show."""
CLOCK_STEP_MIN_S = 0.5
"""A wall clock that deviates this much from the monotonic clock was stepped, not slewed."""
CLOCK_DOUBT_S = 60.0
"""For this long after a step, the stated uncertainty covers both readings of the wall clock."""

_log = structlog.get_logger(__name__)


class TimestampGrade(StrEnum):
    """What to do with a packet: accept it, accept it with a repaired timestamp, drop it, or end the session."""

    ACCEPT = "accept"
    REPAIR = "repair"
    DROP = "drop"
    END = "end"


@dataclass(frozen=True, slots=True)
class GradedTimestamp:
    """A grade, the timestamp to use in seconds (meaningless for DROP and END), and the reason unless accepted."""

    grade: TimestampGrade
    pts_s: float
    reason: str = ""


class TimestampGrader:
    """Grades the timestamps of one session, in decoding order.

    tick_s: length of one tick, above 0 and at most 1 s; a repaired timestamp is set one tick after the newest.
    reorders: whether the stream has B-frames, so that a timestamp may correctly be behind an earlier one.
    """

    def __init__(self, *, tick_s: float, reorders: bool) -> None:
        if not 0.0 < tick_s <= 1.0:
            raise ValueError(f"a tick lasts more than 0 and at most 1 s, got {tick_s}")
        self._tick_s = tick_s
        self._reorders = reorders
        self._newest_s: float | None = None
        self._recent_s: deque[float] = deque(maxlen=_RECENT_TIMESTAMPS)
        self._arrived_mono_s = 0.0
        self._late_run = 0

    def grade(self, pts_s: float | None, arrived_mono_s: float | None, duration_s: float = 0.0) -> GradedTimestamp:
        """TimestampGrade the next packet.

        pts_s: presentation time on the camera's clock; None if the source gave none.
        arrived_mono_s: arrival on the device's monotonic clock; None for a file, whose pauses are all as recorded.
        duration_s: duration according to the source; 0.0 if it gave none.
        """
        if self._newest_s is None:
            return self._accepted(pts_s or 0.0, arrived_mono_s)
        if pts_s is None:
            estimated_s = self._newest_s + (duration_s or DEFAULT_INTERVAL_S)
            return self._accepted(estimated_s, arrived_mono_s, "the packet has no timestamp")
        ahead_s = pts_s - self._newest_s
        if ahead_s > 0.0:
            waited_s = ahead_s if arrived_mono_s is None else max(0.0, arrived_mono_s - self._arrived_mono_s)
            if ahead_s - waited_s > FORWARD_JUMP_MAX_S:
                reason = f"the camera's clock jumped ahead by {ahead_s:.1f} s while {waited_s:.1f} s passed"
                return GradedTimestamp(TimestampGrade.END, pts_s, reason)
            return self._accepted(pts_s, arrived_mono_s)
        return self._behind(pts_s, self._newest_s, arrived_mono_s)

    def _behind(self, pts_s: float, newest_s: float, arrived_mono_s: float | None) -> GradedTimestamp:
        behind_s = newest_s - pts_s
        known = any(abs(pts_s - other_s) < self._tick_s / 2 for other_s in self._recent_s)
        if self._reorders and behind_s <= REORDER_MAX_S and not known:
            return self._accepted(pts_s, arrived_mono_s)
        if behind_s <= JITTER_MAX_S:
            reason = "two packets have the same timestamp" if known else f"the timestamp is {behind_s:.3f} s back"
            return self._accepted(newest_s + self._tick_s, arrived_mono_s, reason)
        self._late_run += 1
        if behind_s > LATE_MAX_S or self._late_run > LATE_RUN_MAX:
            return GradedTimestamp(TimestampGrade.END, pts_s, f"the camera's clock jumped back by {behind_s:.1f} s")
        return GradedTimestamp(TimestampGrade.DROP, pts_s, f"the packet is {behind_s:.1f} s late")

    def _accepted(self, pts_s: float, arrived_mono_s: float | None, repaired: str = "") -> GradedTimestamp:
        self._newest_s = pts_s if self._newest_s is None else max(self._newest_s, pts_s)
        self._recent_s.append(pts_s)
        self._late_run = 0
        if arrived_mono_s is not None:
            self._arrived_mono_s = arrived_mono_s
        return GradedTimestamp(TimestampGrade.REPAIR if repaired else TimestampGrade.ACCEPT, pts_s, repaired)


class CaptureClock:
    """Maps one live session's ticks to the device's clocks.

    The network can only delay packets. The shortest delay between ticks and arrivals within the last minute (the lower
    envelope) is therefore the best estimate of the offset between the two clocks. The mapping starts with the shortest
    delay of the warm-up (`observe` before the first `instant`), then follows slowly, so that capture times never go
    backwards.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: deque[tuple[float, float]] = deque()
        self._offset_s: float | None = None
        self._newest_s: float | None = None
        self._wall = _WallClock(clock)

    def observe(self, pts_s: float, arrived_mono_s: float) -> None:
        """Take in the delay of a packet. Call it in order of arrival."""
        delay_s = arrived_mono_s - pts_s
        if self._buckets and arrived_mono_s - self._buckets[-1][0] < BUCKET_S:
            started_s, shortest_s = self._buckets[-1]
            self._buckets[-1] = (started_s, min(shortest_s, delay_s))
        else:
            self._buckets.append((arrived_mono_s, delay_s))
        while arrived_mono_s - self._buckets[0][0] > WINDOW_S:
            self._buckets.popleft()

    def instant(self, pts_s: float) -> Instant:
        """Return the capture time of the frame at `pts_s`. Raises RuntimeError before the first `observe`."""
        if not self._buckets:
            raise RuntimeError("instant() was called before observe()")
        target_s = min(delay_s for _, delay_s in self._buckets)
        if self._offset_s is None:
            self._offset_s = target_s
        elif self._newest_s is not None and pts_s > self._newest_s:
            passed_s = pts_s - self._newest_s
            wanted_s = target_s - self._offset_s
            self._offset_s += min(max(wanted_s, -SLEW_DOWN_MAX * passed_s), SLEW_UP_MAX * passed_s)
        self._newest_s = pts_s if self._newest_s is None else max(self._newest_s, pts_s)
        mono_s = pts_s + self._offset_s
        utc, doubt_s = self._wall.at(mono_s)
        return Instant(mono_s, utc, UNSEEN_DELAY_S + abs(target_s - self._offset_s) + doubt_s)


class _WallClock:
    """Extrapolates the wall clock on the monotonic clock and detects steps.

    After a step the new reading is used, because most steps correct a device without a battery-backed clock once the
    network is up. For `CLOCK_DOUBT_S` the uncertainty covers the old reading too.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._anchor_mono_s = clock.mono_s()
        self._anchor_utc = clock.utc()
        self._doubt_s = 0.0
        self._doubt_ends_mono_s = 0.0

    def at(self, mono_s: float) -> tuple[datetime, float]:
        """Return the wall clock at a monotonic time, and the uncertainty in seconds that steps add to it."""
        now_mono_s = self._clock.mono_s()
        parted_s = (self._clock.utc() - self._carried(now_mono_s)).total_seconds()
        if abs(parted_s) >= CLOCK_STEP_MIN_S:
            lasting_s = self._doubt_s if now_mono_s < self._doubt_ends_mono_s else 0.0
            self._doubt_s = lasting_s + abs(parted_s)
            self._doubt_ends_mono_s = now_mono_s + CLOCK_DOUBT_S
            self._anchor_utc += timedelta(seconds=parted_s)
            _log.warning("wall_clock_stepped", by_s=round(parted_s, 3))
            parted_s = 0.0
        doubt_s = self._doubt_s if now_mono_s < self._doubt_ends_mono_s else 0.0
        return self._carried(mono_s), doubt_s + abs(parted_s)

    def _carried(self, mono_s: float) -> datetime:
        return self._anchor_utc + timedelta(seconds=mono_s - self._anchor_mono_s)
