"""The table of all rules. A rule that is missing here cannot be switched on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from contract.event import Rule
from edge.config.rules import RuleConfig, ZoneRules
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.brief_contact import BriefContactRule
from edge.rules.counter_flow import CounterFlowRule
from edge.rules.density import DensityRule
from edge.rules.dispersal import DispersalRule
from edge.rules.gathering import GatheringRule
from edge.rules.group import GroupRule
from edge.rules.loitering import LoiteringRule
from edge.rules.occupancy import OccupancyRule
from edge.rules.revisit import RevisitRule
from edge.rules.running import RunningRule
from edge.rules.unusual_count import UnusualCountRule

Config = TypeVar("Config", bound=RuleConfig)
RuleBuilder = Callable[[RuleContext], ZoneRule | None]
"""Builds the rule of a zone; None if the zone's configuration does not name it."""


def _entry(
    config_of: Callable[[ZoneRules], Config | None], make: Callable[[RuleContext, Config], ZoneRule]
) -> RuleBuilder:
    def build(context: RuleContext) -> ZoneRule | None:
        config = config_of(context.zone.rules)
        return None if config is None else make(context, config)

    return build


RULES: Mapping[Rule, RuleBuilder] = MappingProxyType(
    {
        Rule.LOITERING: _entry(lambda rules: rules.loitering, LoiteringRule),
        Rule.REVISIT: _entry(lambda rules: rules.revisit, RevisitRule),
        Rule.GROUP: _entry(lambda rules: rules.group, GroupRule),
        Rule.BRIEF_CONTACT: _entry(lambda rules: rules.brief_contact, BriefContactRule),
        Rule.OCCUPANCY: _entry(lambda rules: rules.occupancy, OccupancyRule),
        Rule.DENSITY: _entry(lambda rules: rules.density, DensityRule),
        Rule.UNUSUAL_COUNT: _entry(lambda rules: rules.unusual_count, UnusualCountRule),
        Rule.GATHERING: _entry(lambda rules: rules.gathering, GatheringRule),
        Rule.DISPERSAL: _entry(lambda rules: rules.dispersal, DispersalRule),
        Rule.COUNTER_FLOW: _entry(lambda rules: rules.counter_flow, CounterFlowRule),
        Rule.RUNNING: _entry(lambda rules: rules.running, RunningRule),
    }
)


def build_rules(context: RuleContext) -> tuple[ZoneRule, ...]:
    """The rules that a zone's configuration names, in the order of the table."""
    built = (build(context) for build in RULES.values())
    return tuple(rule for rule in built if rule is not None)
