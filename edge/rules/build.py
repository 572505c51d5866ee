"""Makes the rules that a zone's settings ask for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract.event import Rule
from edge.config.hours import CalendarConfig
from edge.config.rules import Mode
from edge.config.zones import ZoneConfig
from edge.rules.base import ZoneRule
from edge.rules.brief_contact import BriefContactRule
from edge.rules.density import DensityRule
from edge.rules.dispersal import DispersalRule
from edge.rules.gathering import GatheringRule
from edge.rules.group import GroupRule
from edge.rules.loitering import LoiteringRule
from edge.rules.movement import CounterFlowRule, RunningRule
from edge.rules.occupancy import OccupancyRule
from edge.rules.revisit import RevisitRule
from edge.rules.spot_checks import SpotCheckDraw
from edge.rules.unusual_count import UnusualCountRule

# Each takes (zone, its own settings, calendar); the settings' type differs from rule to rule, hence Any.
_MAKERS: dict[Rule, Callable[[ZoneConfig, Any, CalendarConfig], ZoneRule]] = {
    Rule.LOITERING: LoiteringRule,
    Rule.REVISIT: RevisitRule,
    Rule.GROUP: GroupRule,
    Rule.BRIEF_CONTACT: BriefContactRule,
    Rule.OCCUPANCY: OccupancyRule,
    Rule.DENSITY: DensityRule,
    Rule.UNUSUAL_COUNT: UnusualCountRule,
    Rule.GATHERING: GatheringRule,
    Rule.DISPERSAL: DispersalRule,
    Rule.COUNTER_FLOW: CounterFlowRule,
    Rule.RUNNING: RunningRule,
}


@dataclass(frozen=True, slots=True)
class BuiltRule:
    """A rule of a zone with its kind and its mode."""

    kind: Rule
    mode: Mode
    rule: ZoneRule


def build_rules(zone: ZoneConfig, *, calendar: CalendarConfig, chance: random.Random | None = None) -> list[BuiltRule]:
    """The zone's rules, in the order of `Rule`. chance: picks spot checks; None: there are none."""
    built = []
    for kind, make in _MAKERS.items():
        config = getattr(zone.rules, kind.value)
        if config is not None:
            rule = make(zone, config, calendar)
            if (
                isinstance(rule, LoiteringRule)
                and config.mode is Mode.ALERT
                and chance
                and config.spot_check_share > 0.0
            ):
                rule.spot_check = SpotCheckDraw(config.spot_check_share, config.spot_checks_per_hour, chance)
            built.append(BuiltRule(kind, config.mode, rule))
    return built
