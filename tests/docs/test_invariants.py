"""`docs/invariants.md` is complete: every named test exists, and every item of the checker is listed and tested."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/invariants.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^### (\d+)\. (.+?)\n(.*?)(?=^### |^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
TESTS = sorted({test for _, _, body in SECTIONS for test in re.findall(r"^- `(tests/.+?)`$", body, re.MULTILINE)})
CHECKER = ROOT / "server/check/consistency.py"
TAMPERING = ROOT / "tests/server/test_audit.py"


@cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def checked() -> set[str]:
    """The items that the checker can report."""
    return set(re.findall(r'Finding\(\s*"([a-z-]+)"', CHECKER.read_text(encoding="utf-8")))


def listed() -> list[str]:
    return [item for _, _, body in SECTIONS for item in re.findall(r"^- Check: `([a-z-]+)`: ", body, re.MULTILINE)]


def test_the_invariants_are_numbered_in_order() -> None:
    assert [int(number) for number, _, _ in SECTIONS] == list(range(1, len(SECTIONS) + 1))
    assert len(SECTIONS) >= 20


@pytest.mark.parametrize(("number", "title", "body"), SECTIONS, ids=[number for number, _, _ in SECTIONS])
def test_an_invariant_names_its_tests_and_its_check_or_why_there_is_none(number: str, title: str, body: str) -> None:
    assert re.findall(r"^- `tests/", body, re.MULTILINE), f"{number}. {title} names no test"
    assert len(re.findall(r"^- Check: (?:`[a-z-]+`: \S|none; \S)", body, re.MULTILINE)) == 1


@pytest.mark.parametrize("test", TESTS)
def test_a_test_that_proves_an_invariant_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert (ROOT / path).is_file(), f"docs/invariants.md names {path}"
    assert name in functions_of(ROOT / path), f"docs/invariants.md names {name} in {path}"


def test_every_item_of_the_checker_belongs_to_one_invariant() -> None:
    assert sorted(listed()) == sorted(checked())


def test_every_item_of_the_checker_is_shown_to_find_what_was_tampered_with() -> None:
    tampered = TAMPERING.read_text(encoding="utf-8")
    assert {item for item in checked() if f'"{item}"' not in tampered} == set()
