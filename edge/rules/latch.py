"""Delays and hysteresis for conditions that flicker."""

from __future__ import annotations

from contract.clock import Instant
from edge.rules.base import UNSEEN_AFTER_S


class Latch:
    """A condition that must hold for `on_s` before it counts, and be clear for `off_s` before it counts no more.

    Two conditions and not one, so that between them (hysteresis) nothing changes. A pause of observations longer
    than `UNSEEN_AFTER_S` starts a delay anew, because nobody knows what happened meanwhile.
    """

    def __init__(self, on_s: float, off_s: float) -> None:
        self._on_s, self._off_s = on_s, off_s
        self._since: Instant | None = None
        self._last_s: float | None = None
        self.on = False
        self.began: Instant | None = None

    def observe(self, at: Instant, *, over: bool, clear: bool) -> bool:
        """Take in one moment; true if the latch has just switched. `began` then says since when it has been over."""
        unseen = self._last_s is not None and at.mono_s - self._last_s > UNSEEN_AFTER_S
        self._last_s = at.mono_s
        heading = clear if self.on else over
        if not heading:
            self._since = None
            return False
        if self._since is None or unseen:
            self._since = at
        if at.mono_s - self._since.mono_s < (self._off_s if self.on else self._on_s):
            return False
        self.began = self._since if not self.on else self.began
        self.on, self._since = not self.on, None
        return True

    def reset(self) -> None:
        self.on, self._since, self.began = False, None, None
