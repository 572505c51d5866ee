"""What rules in shadow would have done, on its way to the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from edge.signals import Signal

KEEP = 2000


class ShadowLog:
    """The newest signals of rules in shadow, until somebody takes them. They never leave the box as events."""

    def __init__(self) -> None:
        self._signals: deque[Signal] = deque(maxlen=KEEP)

    def add(self, signals: Iterable[Signal]) -> None:
        self._signals.extend(signals)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Those not yet taken, oldest first."""
        return tuple(self._signals)

    def take(self) -> tuple[Signal, ...]:
        """Those not yet taken, oldest first; the next call returns later ones."""
        taken = tuple(self._signals)
        self._signals.clear()
        return taken
