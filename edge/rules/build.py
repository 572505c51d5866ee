"""Makes the rules that a zone's settings ask for."""

from __future__ import annotations

from edge.config.hours import CalendarConfig
from edge.config.rules import Mode
from edge.config.zones import ZoneConfig
from edge.rules.base import ZoneRule
from edge.rules.loitering import LoiteringRule
from edge.rules.occupancy import OccupancyRule


def build_rules(zone: ZoneConfig, *, calendar: CalendarConfig) -> list[tuple[Mode, ZoneRule]]:
    """The zone's rules, each with its mode."""
    asked = zone.rules
    rules: list[tuple[Mode, ZoneRule]] = []
    if asked.loitering is not None:
        rules.append((asked.loitering.mode, LoiteringRule(zone, asked.loitering, calendar)))
    if asked.occupancy is not None:
        rules.append((asked.occupancy.mode, OccupancyRule(zone, asked.occupancy, calendar)))
    return rules
