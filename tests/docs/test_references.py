"""What the documents name exists: files, folders, modules and what they define, headings; and code names documents."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
CODE = sorted(
    path for folder in ("contract", "edge", "server", "models", "demo", "bench") for path in ROOT.glob(folder)
)
TOP = "bench|configs|console|contract|demo|docker|docs|edge|models|scripts|server|tests"
MADE = ("console/node_modules", "server/static")
"""What the set-up makes in a checkout: a page may name it."""
FILES = (".json", ".md", ".py", ".toml", ".yaml")
BY_NAME = [pytest.param(page, id=str(page.relative_to(ROOT / "docs"))) for page in PAGES]


@cache
def code_spans(page: Path) -> tuple[str, ...]:
    """Inline code and the lines of code blocks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return (*inline, *(line for block in blocks for line in block.splitlines()))


def paths_in(text: str) -> list[str]:
    """Paths of this repository: `edge/worker.py`, `edge/rules/*.py`, `models/weights`; not a part of a longer path."""
    return [
        path.rstrip("./")
        for path in re.findall(rf"(?<![\w./~$-])(?:{TOP})/[\w./*-]*", text)
        if not path.startswith(MADE)
    ]


def modules_in(text: str) -> list[str]:
    """Dotted names of this repository's code: `edge.worker.Worker`, `bench.fit_loitering`; not a file's name."""
    names = re.findall(r"(?<![\w./-])(?:bench|contract|demo|edge|models|server)(?:\.[A-Za-z_]\w*)+(?![\w/-])", text)
    return [name for name in names if not name.endswith(FILES)]


def is_defined(name: str) -> bool:
    """Whether a dotted name leads to a module or package, and what follows it is defined there."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:length])
        if base.is_dir() and length == len(parts):
            return True
        source = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", text) for part in parts[length:])
    return False


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", BY_NAME)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = {path for span in code_spans(page) for path in paths_in(span)}
    assert [path for path in sorted(named) if not any(ROOT.glob(path))] == []


@pytest.mark.parametrize("page", BY_NAME)
def test_every_module_that_a_page_names_exists_and_defines_what_the_page_names(page: Path) -> None:
    named = {name for span in code_spans(page) for name in modules_in(span)}
    assert [name for name in sorted(named) if not is_defined(name)] == []


@pytest.mark.parametrize("page", BY_NAME)
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]
    assert [f"{path.name}#{anchor}" for path, anchor in targets if anchor not in anchors_of(path)] == []


def test_every_page_that_code_names_exists() -> None:
    named = {
        (str(path.relative_to(ROOT)), page)
        for folder in CODE
        for path in folder.rglob("*.py")
        for page in re.findall(r"docs/[\w./-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert named
    assert [f"{path}: {page}" for path, page in sorted(named) if not (ROOT / page).is_file()] == []


@pytest.mark.parametrize(
    ("text", "paths", "modules"),
    [
        ("edge/worker.py and edge/rules/*.py", ["edge/worker.py", "edge/rules/*.py"], []),
        ("python -m bench.edge.run_worker VIDEO", [], ["bench.edge.run_worker"]),
        ("~/.local/edge/x, /data/server/y, edge.example.yaml", [], []),
    ],
)
def test_names_are_found_in_text(text: str, paths: list[str], modules: list[str]) -> None:
    assert (paths_in(text), modules_in(text)) == (paths, modules)


def test_a_name_that_nothing_defines_is_found_out() -> None:
    assert is_defined("edge.worker")
    assert is_defined("contract.clock.Instant")
    assert not is_defined("contract.clock.Sundial")
    assert not is_defined("edge.no_such_module")
