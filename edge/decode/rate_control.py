"""Lowers a camera's analysis rate while the device cannot keep up.

Decoding a frame that is then dropped is wasted work, and drops come in bursts that disturb the tracker. A camera whose
frames are dropped therefore lowers its rate by a factor and raises it again in small steps. Additive increase with
multiplicative decrease converges to fair shares without coordination (Chiu and Jain, 1989); here the increase is a
factor too, because rates span a small range. The scheduler serves cameras in turn, so a camera that asks for less than
an equal share is neither dropped nor slowed down.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateSettings:
    """When and by how much the rate changes.

    settle_s: shortest duration of drops, in seconds, before a step down and between two steps down. The queue has
        emptied by then, and the burst at the start of a session does not count as overload.
    window_s: seconds over which drops are counted, because they are rare at low rates.
    tolerated: share of the frames in the window that may be dropped; a single drop always is.
    slower, faster: factors of a step down and up.
    calm_s: seconds without a drop before a step up.
    floor_fps: lowest rate, in frames per second, at which people who stay are still seen.
    """

    settle_s: float = 2.0
    window_s: float = 20.0
    tolerated: float = 0.1
    slower: float = 0.7
    faster: float = 1.15
    calm_s: float = 15.0
    floor_fps: float = 1.0


class RateController:
    """The analysis rate that one camera aims at. Use it from the camera's thread."""

    def __init__(self, full_fps: float, settings: RateSettings | None = None) -> None:
        """`full_fps`: the configured rate in frames per second, > 0, never exceeded. Raises ValueError otherwise."""
        if not full_fps > 0.0:
            raise ValueError(f"full_fps must be positive, got {full_fps}")
        self._full_fps = full_fps
        self._settings = settings or RateSettings()
        self._floor_fps = min(full_fps, self._settings.floor_fps)
        self._fps = full_fps
        self._offered = self._dropped = 0
        self._window_began_s: float | None = None
        self._first_drop_s: float | None = None
        self._calm_since_s = 0.0

    @property
    def fps(self) -> float:
        """The rate to aim at now, in frames per second."""
        return self._fps

    @property
    def is_degraded(self) -> bool:
        """Whether the rate is below the configured one."""
        return self._fps < self._full_fps

    def note(self, at_mono_s: float, *, offered: int, dropped: int) -> bool:
        """Count frames offered and dropped at `at_mono_s`; return whether the rate changed."""
        if self._window_began_s is None:
            self._window_began_s = self._calm_since_s = at_mono_s
        self._offered += offered
        self._dropped += dropped
        if dropped:
            self._calm_since_s = at_mono_s
            if self._first_drop_s is None:
                self._first_drop_s = at_mono_s
        lasted_s = at_mono_s - self._window_began_s
        before_fps, settings = self._fps, self._settings
        if self._drops_go_on() and self._dropped > settings.tolerated * self._offered:
            self._fps = max(self._floor_fps, self._fps * settings.slower)
        elif self.is_degraded and at_mono_s - self._calm_since_s >= settings.calm_s:
            self._fps = min(self._full_fps, self._fps * settings.faster)
            self._calm_since_s = at_mono_s
        elif lasted_s < settings.window_s:
            return False
        self._offered = self._dropped = 0
        self._window_began_s, self._first_drop_s = at_mono_s, None
        return self._fps != before_fps

    def _drops_go_on(self) -> bool:
        """Return whether at least `settle_s` lies between the first and the newest drop of the window."""
        began_s = self._first_drop_s
        return began_s is not None and self._calm_since_s - began_s >= self._settings.settle_s
