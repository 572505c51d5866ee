"""How often a camera's pictures are offered for analysis: less often while the device cannot keep up.

A picture that is decoded and then dropped is work for nothing, and drops come in clumps that a tracker feels. So each
camera of which pictures are dropped asks for fewer, by a factor, and feels its way back up in small steps (additive
increase and multiplicative decrease are what lets many who share something settle at fair shares without knowing of
each other: Chiu and Jain, 1989; here the increase is a factor too, because rates span a small range). The scheduler
serves cameras in turn, so that whoever asks for less than an equal share is never dropped and never slowed down.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateSettings:
    """settle_s: a step down comes so long after a step at the earliest, when what was queued has gone, and only where
        drops have gone on for so long: the burst with which a session begins is no overload.
    window_s: drops are counted together for so long, since at low rates they are rare.
    tolerated: share of the pictures that may be dropped, and one in any case.
    slower, faster: factors of a step down and up. calm_s: without a drop for so long, a step up.
    floor_fps: never below, so that whoever stays is still seen.
    """

    settle_s: float = 2.0
    window_s: float = 20.0
    tolerated: float = 0.1
    slower: float = 0.7
    faster: float = 1.15
    calm_s: float = 15.0
    floor_fps: float = 1.0


class RateController:
    """The analysis rate that one camera aims at. Belongs to the camera's thread."""

    def __init__(self, full_fps: float, settings: RateSettings | None = None) -> None:
        """`full_fps`: the configured rate, > 0, which is never exceeded."""
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
        """Frames a second to ask for now."""
        return self._fps

    @property
    def is_degraded(self) -> bool:
        """Whether that is less than configured."""
        return self._fps < self._full_fps

    def note(self, at_mono_s: float, *, offered: int, dropped: int) -> bool:
        """So many pictures were offered and dropped just now. Returns whether the rate changed."""
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
        """Whether the window's first drop and its newest are so far apart; so the window itself lasts so long too."""
        began_s = self._first_drop_s
        return began_s is not None and self._calm_since_s - began_s >= self._settings.settle_s
