"""`ShadowLog`: the signals of rules in shadow mode, on their way to the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from edge.signals import Signal

MAX_SIGNALS = 2000


class ShadowLog:
    """The newest `MAX_SIGNALS` signals of rules in shadow mode, until they are taken. They never become events."""

    def __init__(self) -> None:
        self._signals: deque[Signal] = deque(maxlen=MAX_SIGNALS)

    def add(self, signals: Iterable[Signal]) -> None:
        """Keep signals; of too many, the oldest are dropped."""
        self._signals.extend(signals)

    def take(self) -> tuple[Signal, ...]:
        """The signals since the last call, oldest first."""
        taken = tuple(self._signals)
        self._signals.clear()
        return taken
