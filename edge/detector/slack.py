"""Whether there is time for more than what has to be done."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from contract.clock import Clock

HOLD_S = 2.0
LONGEST_HOLD_S = 60.0


class QueueLoad(Protocol):
    """The frames that wait for the inference thread."""

    def waiting(self) -> int:
        """How many wait now."""
        ...

    def dropped_in_all(self) -> int:
        """How many were dropped so far, of any camera."""
        ...


class Slack:
    """Whether the inference thread keeps up. Not thread-safe: it is the inference thread that asks.

    There is no slack while more frames wait than one for each camera, while a camera's analysis rate is lowered (its
    full rate comes first), and for `HOLD_S` after a frame was dropped. A drop that comes once there was slack again
    makes the next wait twice as long, up to `LONGEST_HOLD_S`: else second looks would come back every time and cost
    other cameras their frames. A minute without a drop forgives.
    """

    def __init__(self, load: QueueLoad, cameras: int, is_degraded: Callable[[], bool], clock: Clock) -> None:
        """`cameras`: how many share the inference thread. `is_degraded`: whether any of them runs at a lowered rate."""
        self._load = load
        self._cameras = cameras
        self._is_degraded = is_degraded
        self._clock = clock
        self._known = load.dropped_in_all()
        self._hold_s = 0.0
        self._last_mono_s = -math.inf

    def __call__(self) -> bool:
        held = self._is_held(self._load.dropped_in_all())
        return not held and self._load.waiting() <= self._cameras and not self._is_degraded()

    def _is_held(self, dropped: int) -> bool:
        now_mono_s = self._clock.mono_s()
        quiet_s = now_mono_s - self._last_mono_s
        if dropped == self._known:
            return quiet_s < self._hold_s
        if quiet_s >= self._hold_s + LONGEST_HOLD_S:
            self._hold_s = HOLD_S
        elif quiet_s >= self._hold_s:
            self._hold_s = min(LONGEST_HOLD_S, 2 * self._hold_s)
        self._known, self._last_mono_s = dropped, now_mono_s
        return True
