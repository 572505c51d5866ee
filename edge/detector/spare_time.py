"""Whether the inference thread has time for tiled inference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from contract.clock import Clock

HOLD_S = 2.0
"""After a dropped frame there is no spare time for this long."""
LONGEST_HOLD_S = 60.0
"""Upper limit of that wait, and how long without a drop resets it to `HOLD_S`."""


class QueueLoad(Protocol):
    """The frames that wait for the inference thread."""

    def waiting(self) -> int:
        """How many frames wait now."""
        ...

    def dropped_in_all(self) -> int:
        """How many frames of all cameras were dropped since the start."""
        ...


class SpareTime:
    """Whether the inference thread keeps up. Not thread-safe: only the inference thread asks.

    There is no spare time while more frames wait than one per camera, while a camera's analysis rate is lowered (its
    full rate comes first), and for `HOLD_S` after a dropped frame. If a frame is dropped once there is spare time
    again, the next wait is twice as long, up to `LONGEST_HOLD_S`: otherwise tiles would return every time and cost
    other cameras their frames.
    """

    def __init__(self, load: QueueLoad, cameras: int, is_degraded: Callable[[], bool], clock: Clock) -> None:
        """cameras: how many share the inference thread. is_degraded: whether any of them runs at a lowered rate."""
        self._load = load
        self._cameras = cameras
        self._is_degraded = is_degraded
        self._clock = clock
        self._known_drops = load.dropped_in_all()
        self._hold_s = 0.0
        self._last_drop_mono_s = -math.inf

    def __call__(self) -> bool:
        held = self._is_held(self._load.dropped_in_all())
        return not held and self._load.waiting() <= self._cameras and not self._is_degraded()

    def _is_held(self, drops: int) -> bool:
        now_mono_s = self._clock.mono_s()
        quiet_s = now_mono_s - self._last_drop_mono_s
        if drops == self._known_drops:
            return quiet_s < self._hold_s
        if quiet_s >= self._hold_s + LONGEST_HOLD_S:
            self._hold_s = HOLD_S
        elif quiet_s >= self._hold_s:
            self._hold_s = min(LONGEST_HOLD_S, 2 * self._hold_s)
        self._known_drops, self._last_drop_mono_s = drops, now_mono_s
        return True
