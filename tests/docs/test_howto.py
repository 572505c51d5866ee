"""The how-to pages are true: each place to touch exists, and what is there today was added as they say."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from contract.event import Rule
from edge.config.device import Backend
from edge.config.hours import CalendarConfig
from edge.config.rules import ZoneRules
from edge.config.zones import ZoneConfig
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.registry import RULES, build_rules
from models.layouts import _DECODERS
from models.manifest import Layout, load_manifest
from server.app import ROUTERS, create_app, guard_of, routes_of
from server.services import build_services
from server.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## Places to touch[^\n]*\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "docs/howto" / name for name in ("add-a-route.md", "add-a-detector.md", "add-a-rule.md")]


def listed_places(page: Path) -> list[tuple[str, list[str]]]:
    """The items of a page's lists of places to touch: the path that each begins with, and the code it names there.

    An item reads `path`: `code`, `code`, what to do there. Code that it mentions later explains and is not looked for.
    """
    places = []
    for section in SECTION.findall(page.read_text(encoding="utf-8")):
        for item in re.findall(r"^\d+\. (.*?)(?=^\d+\. |^$|\Z)", section, re.MULTILINE | re.DOTALL):
            path, rest = re.match(r"`([^`]+)`(.*)", item, re.DOTALL).groups()  # type: ignore[union-attr] # fails loudly
            named = re.match(r":((?:\s*`[^`]+`,)*)", rest)
            places.append((path, re.findall(r"`([^`]+)`", named[1]) if named else []))
    return places


PLACES = [
    pytest.param(page, path, code, id=f"{page.name}: {path}") for page in PAGES for path, code in listed_places(page)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_lists_the_places_to_touch_in_order(page: Path) -> None:
    assert len(listed_places(page)) >= 4
    for section in SECTION.findall(page.read_text(encoding="utf-8")):
        numbers = [int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(("page", "path", "code"), PLACES)
def test_a_place_to_touch_exists_and_holds_what_the_page_names(page: Path, path: str, code: list[str]) -> None:
    place = ROOT / path
    assert place.exists(), f"{page.name} names {path}"
    text = place.read_text(encoding="utf-8") if place.is_file() else ""
    assert [part for part in code if part not in text] == [], f"{page.name} says that {path} holds this"


# --- add-a-route ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[APIRoute]:
    app: FastAPI = create_app(build_services(Settings(data_dir=tmp_path_factory.mktemp("howto"))))
    return [route for route in routes_of(app) if isinstance(route, APIRoute)]


def test_every_route_was_added_as_the_page_says(routes: list[APIRoute]) -> None:
    permissions = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    document = json.loads((ROOT / "console/openapi.json").read_text(encoding="utf-8"))
    described = {
        (verb.upper(), path): operation["operationId"]
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }
    assert len(routes) > 20
    for route in routes:
        assert guard_of(route) is not None
        assert route.endpoint.__doc__, f"{route.path} has no docstring"
        assert route.endpoint.__module__.startswith("server.api."), route.path
        for method in route.methods or ():
            assert f"`{method} {route.path}`" in permissions
            if route.include_in_schema:
                assert described[method, route.path] == route.name


def test_every_module_of_routes_is_in_the_application(routes: list[APIRoute]) -> None:
    modules = {
        f"server.api.{path.stem}"
        for path in (ROOT / "server/api").glob("*.py")
        if re.search(r"^router = ", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert modules == {route.endpoint.__module__ for route in routes}
    assert len(ROUTERS) == len(modules)


def test_the_route_on_the_page_is_the_one_in_the_code() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), re.DOTALL)
    code = (ROOT / "server/api/digest.py").read_text(encoding="utf-8")
    assert [line for line in example.splitlines() if line.strip() not in ("", "...") and line not in code] == []


# --- add-a-detector -------------------------------------------------------------------------------------------------


@cache
def design_of_models() -> str:
    return (ROOT / "docs/design/models.md").read_text(encoding="utf-8")


def test_every_layout_has_its_decoder_its_tests_and_its_row() -> None:
    tests = (ROOT / "tests/models/test_layouts.py").read_text(encoding="utf-8")
    makers = re.search(r"^MAKERS = \{(.*?)\}", tests, re.MULTILINE | re.DOTALL)
    assert makers
    assert set(_DECODERS) == set(Layout)
    assert set(re.findall(r'"(\w+)":', makers[1])) == {layout.value for layout in Layout}
    assert [layout for layout in Layout if f"| `{layout.value}` |" not in design_of_models()] == []


def test_every_engine_has_its_value_its_example_and_its_page() -> None:
    example = (ROOT / "configs/edge.example.yaml").read_text(encoding="utf-8")
    engines = (ROOT / "edge/detector/engines.py").read_text(encoding="utf-8")
    named = re.search(r"backend: .*", example)
    assert named
    for backend in Backend:
        assert backend.value in named[0]
    for engine in re.findall(r"^class (\w+)Engine:", engines, re.MULTILINE):
        assert engine.lower() in example
        assert engine.lower() in design_of_models().lower().replace(" ", "")


def test_every_model_that_ships_has_weights_and_a_card_in_their_folders() -> None:
    for spec in load_manifest().models:
        assert spec.file.parent == ROOT / "models/weights"
        assert spec.card is not None
        assert spec.card.parent == ROOT / "models/cards"


# --- add-a-rule -----------------------------------------------------------------------------------------------------


def class_of(kind: Rule) -> type[ZoneRule]:
    """The rule's class, built from the least configuration that switches it on."""
    least: dict[str, object] = {"capacity": 1} if kind is Rule.OCCUPANCY else {}
    zone = ZoneConfig.model_validate(
        {"id": "z", "name": "Z", "polygon": [[0, 0], [1, 0], [1, 1]], "rules": {kind.value: least}}
    )
    (rule,) = build_rules(RuleContext(zone, CalendarConfig()))
    return type(rule)


def test_every_rule_was_added_as_the_page_says() -> None:
    behaviours = (ROOT / "docs/behaviours.md").read_text(encoding="utf-8")
    assert set(RULES) == {Rule(name) for name in ZoneRules.model_fields}
    modules = set()
    for kind in RULES:
        rule = class_of(kind)
        assert rule.kind is kind
        modules.add(rule.__module__)
        assert f"(`{kind.value}`)" in behaviours, kind
    assert len(modules) == len(RULES), "a file for each rule"


def test_no_code_asks_a_rule_for_its_class() -> None:
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "edge").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "isinstance"
        and "Rule" in ast.unparse(node.args[1])
    ]
    assert asked == []


def test_the_rule_on_the_page_is_the_one_in_the_code() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGES[2].read_text(encoding="utf-8"), re.DOTALL)
    assert example in (ROOT / "edge/rules/occupancy.py").read_text(encoding="utf-8")
