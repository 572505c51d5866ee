"""`docs/behaviours.md` says what the code does: every rule has its section, every parameter its default."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic.fields import FieldInfo

from contract.event import Rule
from edge.config.hours import Hours
from edge.config.rules import RuleConfig, ZoneRules
from edge.config.zones import ZoneConfig

PAGE = (Path(__file__).parents[2] / "docs/behaviours.md").read_text(encoding="utf-8")
SECTIONS = {
    found[1]: body
    for body in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    if (found := re.match(r".*\(`([a-z_]+)`\)", body.splitlines()[0]))
}


def config_of(rule: str) -> type[RuleConfig]:
    (config,) = (one for one in get_args(ZoneRules.model_fields[rule].annotation) if one is not type(None))
    assert isinstance(config, type)
    assert issubclass(config, RuleConfig)
    return config


def written(field: FieldInfo) -> str:
    """The default as the page writes it."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    match default:
        case None:
            return "null"
        case bool():
            return str(default).lower()
        case Enum():
            return str(default.value)
        case ():
            return "empty"
        case Hours():
            return f"{default.starts:%H:%M} to {default.ends:%H:%M}"
        case float():
            return f"{default:g}"
        case _:
            return str(default)


def test_every_behaviour_has_its_section_and_no_section_lacks_its_behaviour() -> None:
    assert set(SECTIONS) == set(ZoneRules.model_fields) <= {rule.value for rule in Rule}


@pytest.mark.parametrize("rule", sorted(ZoneRules.model_fields))
def test_a_section_has_every_parameter_with_its_default_and_unit(rule: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", SECTIONS[rule], flags=re.MULTILINE)
    fields = config_of(rule).model_fields

    assert {name: default for name, default, _, _ in rows} == {name: written(field) for name, field in fields.items()}
    for name, _, unit, _ in rows:
        assert (unit == "s") == name.endswith("_s"), f"{rule}.{name}"


@pytest.mark.parametrize("rule", sorted(ZoneRules.model_fields))
def test_a_section_has_a_picture_and_says_its_limits(rule: str) -> None:
    assert SECTIONS[rule].count("```") == 2
    assert "\nLimits: " in SECTIONS[rule]


def test_the_example_on_the_page_is_a_valid_configuration() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)

    zones = yaml.safe_load(example)["zones"]
    assert zones
    for zone in zones:
        assert ZoneConfig.model_validate(zone).rules.loitering is not None
