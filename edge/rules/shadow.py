"""What rules in shadow would have done: a bounded log, and a report by rule and zone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from contract.event import Phase, Rule
from edge.rules.signal import Signal

KEEP = 2000


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """One rule on one zone: how often it would have alerted, at what score on average, for how many seconds in all."""

    zone_id: str
    rule: Rule
    alerts: int
    mean_score: float
    total_s: float


class ShadowLog:
    """The newest signals of rules in shadow. They never leave the box as events."""

    def __init__(self) -> None:
        self._signals: deque[Signal] = deque(maxlen=KEEP)

    def add(self, signals: Iterable[Signal]) -> None:
        self._signals.extend(signals)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Oldest first."""
        return tuple(self._signals)

    def report(self) -> list[ShadowLine]:
        """One line for each zone and rule that would have alerted."""
        began: dict[tuple[str, Rule], list[float]] = {}
        lasted_s: dict[tuple[str, Rule], float] = {}
        for signal in self._signals:
            key = signal.zone_id, signal.rule
            if signal.phase is Phase.BEGAN:
                began.setdefault(key, []).append(signal.score)
            elif signal.phase is Phase.ENDED:
                lasted_s[key] = lasted_s.get(key, 0.0) + signal.captured.mono_s - signal.began.mono_s
        return [
            ShadowLine(zone_id, rule, len(scores), sum(scores) / len(scores), lasted_s.get((zone_id, rule), 0.0))
            for (zone_id, rule), scores in sorted(began.items())
        ]
