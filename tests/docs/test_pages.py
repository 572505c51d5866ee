"""The documents hold together: the architecture is the one that import-linter checks, the index is complete."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.words import script_strings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
MAX_COLUMNS = 120
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
PAGES += sorted((DOCS / "howto").glob("*.md"))


def layers(contract: str) -> list[set[str]]:
    """The floors of one import-linter contract, from the top; each the modules of its row."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (found,) = [one for one in linter["contracts"] if one["name"] == contract]
    return [set(re.split(r" [|:] ", layer)) for layer in found["layers"]]


def documented(heading: str) -> list[set[str]]:
    """The rows of the table of floors under a bold heading, as modules."""
    table = ARCHITECTURE.split(f"**{heading}**")[1].split("\n\n")[1]
    rows = [re.findall(r"`([\w/.]+)`", line) for line in table.splitlines()[2:]]
    return [{path.removesuffix(".py").replace("/", ".") for path in row} for row in rows]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_can_be_read_in_a_terminal(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert {n: len(line) for n, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS} == {}


def test_the_floors_of_the_edge_are_those_that_import_linter_checks() -> None:
    assert documented("Edge") == [row for row in layers("edge floors") if all(m.startswith("edge.") for m in row)]


def test_the_floors_of_the_server_are_in_the_order_that_import_linter_checks() -> None:
    checked = {module: floor for floor, row in enumerate(layers("server floors")) for module in row}
    shown = documented("Server")
    floors = [[checked[module] for module in sorted(row)] for row in shown]
    assert len(floors) > 2
    assert all(max(above) < min(below) for above, below in pairwise(floors)), floors


def test_the_index_leads_to_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(DOCS).as_posix() for path in [*DOCS.glob("*.md"), *(DOCS / "howto").glob("*.md")]]
    assert sorted(page for page in pages if f"]({page})" not in index) == ["README.md"]


def test_the_changelog_of_a_version_fits_on_a_screen() -> None:
    versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert versions
    for version in versions:
        assert len(re.findall(r"^- ", version, re.MULTILINE)) <= 25, version.splitlines()[0]
        assert set(re.findall(r"^### (.+)$", version, re.MULTILINE)) <= {"Added", "Changed", "Fixed"}


@pytest.mark.parametrize(("language", "part"), [("id", 0), ("en", 1)])
def test_the_operators_page_names_what_stands_on_the_console(language: str, part: int) -> None:
    """Words in italics, and the first column of tables, are labels of the console."""
    page = (DOCS / "desk.md").read_text(encoding="utf-8").split("\n## At the desk, in English\n")[part]
    path = f"console/src/i18n/{language}.ts"
    shown = {word.text.casefold() for word in script_strings((ROOT / path).read_text(encoding="utf-8"), path)}
    rows = re.findall(r"^\| (.+?) \| ", page, re.MULTILINE)[1:]  # after the head
    labels = [*re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", page), *rows]
    assert len(labels) >= 12
    assert sorted(label for label in labels if " ".join(label.split()).casefold() not in shown) == []


def test_the_operators_page_says_the_same_in_both_languages() -> None:
    indonesian, english = (DOCS / "desk.md").read_text(encoding="utf-8").split("\n## At the desk, in English\n")
    shape = [re.sub(r"(?<=.).*", "", line) for line in indonesian.splitlines() if re.match(r"### |- |\d\. |\| ", line)]
    same = [re.sub(r"(?<=.).*", "", line) for line in english.splitlines() if re.match(r"### |- |\d\. |\| ", line)]
    assert shape == same
