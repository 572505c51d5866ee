"""`Latch`: delays and hysteresis for conditions that flicker."""

from __future__ import annotations

from contract.clock import Instant
from edge.rules.moment import UNSEEN_AFTER_S


class Latch:
    """Switches on once a condition has held for `on_s`, and off once it has been clear for `off_s`.

    Between above and clear (hysteresis) the latch stays as it is. A pause of more than `UNSEEN_AFTER_S` between two
    moments restarts a running delay.

    on: the present state. began: when the condition began that switched the latch on, kept after it switches off.
    """

    def __init__(self, on_s: float, off_s: float) -> None:
        self._on_s, self._off_s = on_s, off_s
        self._since: Instant | None = None
        self._last_s: float | None = None
        self.on = False
        self.began: Instant | None = None

    def observe(self, at: Instant, *, above: bool, clear: bool) -> bool:
        """Take in one moment and return whether the latch has just switched."""
        unseen = self._last_s is not None and at.mono_s - self._last_s > UNSEEN_AFTER_S
        self._last_s = at.mono_s
        heading = clear if self.on else above
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
        """Switch off at once."""
        self.on, self._since, self.began = False, None, None
