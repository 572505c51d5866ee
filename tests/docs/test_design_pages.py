"""Design pages decide, reason and reject on one short page; measurements say what reproduces them, where and when."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
DESIGN = sorted((DOCS / "design").glob("*.md"))
MEASUREMENTS = sorted((DOCS / "measurements").glob("*.md"))
WORDS = 1200
"""Most words of a design page, tables and code included, as `wc -w` counts."""
COLUMNS = 120
"""Longest line of a page, characters."""
SECTIONS = ("Decision", "Why", "Alternatives")
"""Every design page has these, in this order; `Limits` may stand between the last two."""


COMMIT = re.compile(r"`([0-9a-f]{7,40})`")


def sections_of(page: Path) -> dict[str, str]:
    """The text below each `##` heading."""
    parts = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables_of(section: str) -> list[str]:
    """The rows below each table's line of dashes."""
    return re.findall(r"^\|(?:-+\|)+\n((?:\|.*\n)+)", section, flags=re.MULTILINE)


def field_of(section: str, name: str) -> str:
    """The text of the list item `- Name: text`, its continuation lines included; empty without the item."""
    item = re.search(rf"^- {name}: (.+(?:\n  .+)*)", section, flags=re.MULTILINE)
    return item[1] if item else ""


def test_there_are_pages_to_read() -> None:
    assert DESIGN
    assert MEASUREMENTS


@pytest.mark.parametrize("page", DESIGN, ids=lambda page: page.stem)
def test_a_design_page_is_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").split()) <= WORDS


@pytest.mark.parametrize("page", [*DESIGN, *MEASUREMENTS], ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_has_short_lines(page: Path) -> None:
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    assert {number: len(line) for number, line in lines if len(line) > COLUMNS} == {}


@pytest.mark.parametrize("page", DESIGN, ids=lambda page: page.stem)
def test_a_design_page_decides_gives_reasons_and_names_alternatives(page: Path) -> None:
    sections = sections_of(page)
    assert [name for name in sections if name != "Limits"] == list(SECTIONS)
    assert [name for name, text in sections.items() if not text.strip()] == []


@pytest.mark.parametrize("page", DESIGN, ids=lambda page: page.stem)
def test_the_alternatives_of_a_design_page_are_a_list_with_reasons(page: Path) -> None:
    """Each item names what was rejected in italics and goes on with the reason."""
    items = re.findall(r"^- (.+(?:\n  .+)*)", sections_of(page)["Alternatives"], flags=re.MULTILINE)
    assert items
    assert [item for item in items if not re.match(r"\*[^*]+\*.*\w", item, flags=re.DOTALL)] == []


@pytest.mark.parametrize("page", MEASUREMENTS, ids=lambda page: page.stem)
def test_every_measurement_names_its_command_commit_and_date(page: Path) -> None:
    sections = sections_of(page)
    assert sections
    for name, text in sections.items():
        assert tables_of(text), f"{name}: no table"
        command = field_of(text, "Command")
        assert re.search(r"`[^`]+`", command) or command.startswith("none kept"), f"{name}: {command!r} is no command"
        assert COMMIT.search(field_of(text, "Commit")), f"{name}: no commit"
        assert date.fromisoformat(field_of(text, "Date")) >= date(2026, 1, 1), name


@pytest.mark.parametrize("page", MEASUREMENTS, ids=lambda page: page.stem)
def test_a_design_page_leads_to_every_measurement(page: Path) -> None:
    assert [other.stem for other in DESIGN if f"(../measurements/{page.name}" in other.read_text(encoding="utf-8")]


def test_every_commit_that_a_measurement_names_is_in_the_history() -> None:
    def git(*arguments: str, text: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=DOCS, input=text, capture_output=True, text=True, check=False, timeout=30
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    if git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("not a git checkout with its whole history")
    named = {commit for page in MEASUREMENTS for commit in COMMIT.findall(page.read_text(encoding="utf-8"))}
    assert named
    kinds = git("cat-file", "--batch-check=%(objecttype)", text="\n".join(sorted(named))).splitlines()
    assert [commit for commit, kind in zip(sorted(named), kinds, strict=True) if kind != "commit"] == []
