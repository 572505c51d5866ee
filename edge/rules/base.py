"""`ZoneRule`, the base of every rule, and `RuleContext`, what every rule is constructed with.

A rule is a pure function of the zone's moments: it reads no clock and no file, and its only randomness is the source
that its context holds. docs/howto/add-a-rule.md shows how to add one.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import RuleConfig
from edge.config.zones import ZoneConfig
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import Reporter
from edge.signals import Signal


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule gets beside its own settings. spot_checks: the source of randomness of spot checks, None: none."""

    zone: ZoneConfig
    calendar: CalendarConfig
    spot_checks: random.Random | None = None


class ZoneRule(ABC):
    """One rule on one zone."""

    kind: ClassVar[Rule]
    """The behaviour that the rule's signals name."""
    uses_crowd_estimate: ClassVar[bool] = False
    """Whether the rule reads `ZoneMoment.crowd`. Only then does the camera run tiled inference on dense crowds."""
    uses_crowd_flow: ClassVar[bool] = False
    """Whether the rule reads `ZoneMoment.flow`. Only then does the camera measure optical flow on dense crowds."""
    needs_area: ClassVar[bool] = False
    """Whether the rule needs `ZoneMoment.area_m2`. A camera without calibration refuses it in its configuration."""

    def __init__(self, context: RuleContext, config: RuleConfig) -> None:
        self.mode = config.mode
        self._reporter = Reporter(self.kind, context.zone.id, config, context.calendar)

    @property
    def suppresses_learning(self) -> bool:
        """Whether the zone must not learn the present count as usual, because this rule finds it unusual."""
        return False

    @abstractmethod
    def observe(self, moment: ZoneMoment) -> list[Signal]:
        """Take in the zone's next moment and return what began or ended. Moments never go back in time."""

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """End what is open, because the view was lost or the worker stops, and return the last signals."""
        self._forget()
        return self._reporter.close(at, reason)

    @abstractmethod
    def _forget(self) -> None:
        """Forget the people and conditions of the moment: what is there after a close begins anew."""
