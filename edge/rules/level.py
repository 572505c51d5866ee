"""`LevelRule`, the base of rules about a quantity of the zone that rises above a limit and falls below it again."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from contract.clock import Instant
from contract.reasons import Reason
from edge.config.rules import LevelConfig
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.latch import Latch
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import Findings, lasted, latest_track_ids
from edge.signals import Signal


@dataclass(frozen=True, slots=True)
class Level:
    """The quantity against its limits.

    value: the quantity. limit: above which the rule begins. above: whether it counts as above the limit now. clear:
    whether it is low enough to end. people_count: counted people, never an estimate.
    """

    value: float
    limit: float
    above: bool
    clear: bool
    people_count: int


class LevelRule(ZoneRule):
    """Begins once the quantity has been above its limit for `on_delay_s`, ends once clear for `off_delay_s`."""

    normal_again: ClassVar[Reason]
    """The reason of the end."""

    def __init__(self, context: RuleContext, config: LevelConfig) -> None:
        super().__init__(context, config)
        self._latch = Latch(config.on_delay_s, config.off_delay_s)
        self._key: str | None = None

    @abstractmethod
    def _level(self, moment: ZoneMoment) -> Level | None:
        """The quantity now; None while it is unknown, which changes nothing."""

    @abstractmethod
    def _explain(self, moment: ZoneMoment, level: Level) -> tuple[float, tuple[Reason, ...]]:
        """The score, 0 to 1, and the reasons of a signal that begins now."""

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        level = self._level(moment)
        if level is None:
            return []
        above = level.above and (self._latch.on or self._reporter.may_begin(moment))
        switched = self._latch.observe(moment.at, above=above, clear=level.clear)
        if self._key is not None:
            self._reporter.update(self._key, people_count=level.people_count)
        if not switched:
            return []
        began = self._latch.began or moment.at
        return [self._begin(moment, began, level)] if self._latch.on else self._end(moment.at, began)

    def _forget(self) -> None:
        self._latch.reset()
        self._key = None

    def _begin(self, moment: ZoneMoment, began: Instant, level: Level) -> Signal:
        score, reasons = self._explain(moment, level)
        tracks = latest_track_ids(moment.presence.present)
        findings = Findings(began, score, (*reasons, lasted(began, moment.at)), level.people_count, tracks)
        signal = self._reporter.begin(moment, findings)
        self._key = signal.key
        return signal

    def _end(self, at: Instant, began: Instant) -> list[Signal]:
        if self._key is None:
            return []
        key, self._key = self._key, None
        return [self._reporter.end(key, at, (self.normal_again, lasted(began, at)))]
