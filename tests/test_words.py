"""One word, one meaning: the words that `docs/glossary.md` and `docs/glossary-id.md` retire are gone."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from contract.reasons import REASON_WORDS, Language
from server.app import openapi_document
from tests.support.words import (
    Retired,
    Word,
    is_identifier_like,
    markdown_paragraphs,
    markup_strings,
    openapi_names,
    python_identifiers,
    retired_words,
    script_identifiers,
    script_strings,
)

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("contract", "edge", "server", "models", "demo", "bench")
CONSOLE = ROOT / "console/src"
ENGLISH = retired_words(ROOT / "docs/glossary.md", "Retired words")
INDONESIAN = retired_words(ROOT / "docs/glossary-id.md", "Kata yang tidak dipakai lagi")
API, CONSOLE_CODE, CONSOLE_TEXT, DOCUMENTS, EVERY_PACKAGE = "API", "console code", "console text", "documents", "Python"
WORD, WHOLE_TEXT = "sebagai kata", "sebagai seluruh teks"


def of_scope(rows: list[Retired], *scopes: str) -> list[Retired]:
    return [row for row in rows if row.scope in scopes]


def shown(row: Retired) -> str:
    return f"{row.retired} in {row.scope}"


def found(row: Retired, words: tuple[Word, ...]) -> list[str]:
    """Where identifiers match a row; each distinct identifier is compared once, for most stand in many places."""
    matching = {text for text in {word.text for word in words} if is_identifier_like(text, row.retired)}
    return [f"{word.text} ({word.where})" for word in words if word.text in matching]


@cache
def python_words() -> tuple[Word, ...]:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(word for path in files for word in python_identifiers(path, str(path.relative_to(ROOT))))


@cache
def api_words() -> tuple[Word, ...]:
    stored = json.loads((ROOT / "console/openapi.json").read_text(encoding="utf-8"))
    return tuple(word for document in (stored, openapi_document()) for word in openapi_names(document))


@cache
def console_sources() -> dict[str, str]:
    files = [path for path in sorted(CONSOLE.rglob("*")) if path.suffix in (".ts", ".svelte")]
    kept = [path for path in files if ".test." not in path.name and path.name != "schema.d.ts"]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in kept}


@cache
def console_identifiers() -> tuple[Word, ...]:
    return tuple(word for name, source in console_sources().items() for word in script_identifiers(source, name))


@cache
def console_texts(language: Language) -> tuple[Word, ...]:
    """What the console shows in a language: its own sentences, its markup, and the reasons that come with alerts."""
    sources = console_sources()
    translated = f"console/src/i18n/{language}.ts"
    markup = [word for name in sources if name.endswith(".svelte") for word in markup_strings(sources[name], name)]
    reasons = [Word(words[language], f"reason {code}") for code, words in REASON_WORDS.items()]
    return (*script_strings(sources[translated], translated), *markup, *reasons)


@cache
def document_texts() -> tuple[Word, ...]:
    """The paragraphs of all documents but the glossary, without code."""
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    kept = [page for page in pages if not page.name.startswith("glossary")]
    return tuple(word for page in kept for word in markdown_paragraphs(page, str(page.relative_to(ROOT))))


def spoken(row: Retired, texts: tuple[Word, ...]) -> list[str]:
    if row.scope == WHOLE_TEXT:
        expression = re.compile(rf"\s*{re.escape(row.retired)}\s*", re.IGNORECASE)
        return [f"{text.text!r} ({text.where})" for text in texts if expression.fullmatch(text.text)]
    expression = re.compile(rf"(?<!\w){re.escape(row.retired)}(?!\w)", re.IGNORECASE)
    return [f"{text.text!r} ({text.where})" for text in texts if expression.search(text.text)]


@pytest.mark.parametrize(
    "row", [row for row in ENGLISH if row.scope.endswith("/") or row.scope == EVERY_PACKAGE], ids=shown
)
def test_no_identifier_of_python_is_a_retired_word(row: Retired) -> None:
    words = python_words()
    if row.scope != EVERY_PACKAGE:
        assert (ROOT / row.scope).is_dir(), f"the glossary names a folder that does not exist: {row.scope}"
        words = tuple(word for word in words if word.where.startswith(row.scope))
    assert found(row, words) == [], f"use {row.instead}"


@pytest.mark.parametrize("row", of_scope(ENGLISH, API), ids=shown)
def test_no_name_of_the_api_is_a_retired_word(row: Retired) -> None:
    assert found(row, api_words()) == [], f"use {row.instead}"


@pytest.mark.parametrize("row", of_scope(ENGLISH, CONSOLE_CODE), ids=shown)
def test_no_identifier_of_the_console_is_a_retired_word(row: Retired) -> None:
    assert found(row, console_identifiers()) == [], f"use {row.instead}"


@pytest.mark.parametrize("row", of_scope(ENGLISH, CONSOLE_TEXT), ids=shown)
def test_no_english_text_of_the_console_has_a_retired_word(row: Retired) -> None:
    assert spoken(row, console_texts("en")) == [], f"use {row.instead}"


@pytest.mark.parametrize("row", of_scope(ENGLISH, DOCUMENTS), ids=shown)
def test_no_document_has_a_retired_word(row: Retired) -> None:
    assert spoken(row, document_texts()) == [], f"use {row.instead}"


@pytest.mark.parametrize("row", INDONESIAN, ids=shown)
def test_no_indonesian_text_of_the_console_has_a_retired_word(row: Retired) -> None:
    assert spoken(row, console_texts("id")) == [], f"pakai {row.instead}"


def test_every_row_of_the_tables_applies_somewhere() -> None:
    folders = {row.scope for row in ENGLISH if row.scope.endswith("/")}
    assert {row.scope for row in ENGLISH} - folders <= {API, CONSOLE_CODE, CONSOLE_TEXT, DOCUMENTS, EVERY_PACKAGE}
    assert {row.scope for row in INDONESIAN} <= {WORD, WHOLE_TEXT}


def test_a_retired_word_is_found_wherever_it_is_used(tmp_path: Path) -> None:
    python = tmp_path / "sample.py"
    python.write_text(
        "class FarSight:\n    def look(self, far_sight: int) -> None:\n        self._far_sight = far_sight\n"
    )
    words = list(python_identifiers(python, "edge/farsight/sample.py"))
    component = "<script>const soon = 'Umpan';</script><p title=\"Umpan\">Umpan {soon}</p><style>.soon {}</style>"
    document = {
        "paths": {"/far": {"get": {"parameters": [{"name": "far_sight", "schema": {"enum": ["far"]}}]}}},
        "components": {"schemas": {"Far": {"properties": {"far_sight": {"anyOf": [{"const": "far"}]}}}}},
    }

    assert {word.text for word in words if is_identifier_like(word.text, "*far*sight*")} == {
        "farsight",
        "far_sight",
        "_far_sight",
    }
    assert [word.text for word in words if is_identifier_like(word.text, "FarSight")] == ["FarSight"]
    assert {word.text for word in openapi_names(document)} == {"far", "far_sight", "Far"}
    assert [word.text for word in markup_strings(component, "x.svelte")] == ["Umpan", "Umpan"]
    assert "soon" in {word.text for word in script_identifiers(component, "x.svelte")}
    assert [word.text for word in script_strings("a: 'x', // 'no'\nb: (n) => `${n} y`,", "x.ts")] == ["x", "  y"]
