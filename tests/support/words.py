"""The words of a source tree: identifiers of Python, names of the API, strings of the console, text of documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

_SHOWN_ATTRIBUTES = ("aria-label", "title", "placeholder", "alt")
_STRING = re.compile(
    r"""//[^\n]*|/\*.*?\*/|'(?P<single>(?:\\.|[^'\\\n])*)'|"(?P<double>(?:\\.|[^"\\\n])*)"|`(?P<back>(?:\\.|[^`\\])*)`""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or one string of the console, and where it stands (path:line)."""

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Retired:
    """One row of a table of retired words.

    retired: a pattern for identifiers (`*` stands for anything), or the words of a string.
    instead: what is written now; shown in the failure.
    scope: where the row applies, as written in the table.
    """

    retired: str
    instead: str
    scope: str


def retired_words(page: Path, heading: str) -> list[Retired]:
    """The rows of the table under `heading` (without its #) in a Markdown page.

    Raises ValueError when there is no such table: a table that vanished would retire nothing.
    """
    text = page.read_text(encoding="utf-8")
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", section[1], re.MULTILINE) if section else []
    if len(rows) < 2:
        raise ValueError(f"{page.name} has no table of three columns under {heading!r}")
    return [
        Retired(one.strip().strip("`"), instead.strip(), scope.strip())
        for retired, instead, scope in rows[1:]  # after the head
        for one in retired.split(", ")
    ]


def is_identifier_like(identifier: str, pattern: str) -> bool:
    """Whether an identifier matches a pattern of the table; leading underscores of the identifier do not count."""
    return fnmatchcase(identifier, pattern) or fnmatchcase(identifier.lstrip("_"), pattern)


def python_identifiers(path: Path, shown: str) -> Iterator[Word]:
    """Every identifier that a Python file defines or uses, and the parts of its path from the root, `shown`."""
    for part in Path(shown).with_suffix("").parts:
        yield Word(part, shown)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield Word(name, f"{shown}:{node.lineno}")
            case ast.arg(arg=name) | ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
                yield Word(name.rpartition(".")[2], f"{shown}:{node.lineno}")
            case ast.keyword(arg=str(name)):
                yield Word(name, f"{shown}:{node.value.lineno}")


def openapi_names(document: dict[str, Any]) -> Iterator[Word]:
    """Schemas, their properties and enumerated values, parameters, and the parts of paths."""
    for path, operations in document["paths"].items():
        for part in re.findall(r"[\w-]+", path):
            yield Word(part, f"path {path}")
        for verb, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                yield Word(parameter["name"], f"parameter of {verb.upper()} {path}")
                yield from _schema_names(parameter["schema"], f"{parameter['name']} of {verb.upper()} {path}")
    for name, schema in document["components"]["schemas"].items():
        yield Word(name, "schemas")
        yield from _schema_names(schema, name)


def _schema_names(schema: object, owner: str) -> Iterator[Word]:
    if isinstance(schema, list):
        for part in schema:
            yield from _schema_names(part, owner)
    elif isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield Word(name, owner)
            yield from _schema_names(inner, f"{owner}.{name}")
        values = [*schema.get("enum", ()), schema.get("const")]
        yield from (Word(value, owner) for value in values if isinstance(value, str))
        for key in ("anyOf", "oneOf", "allOf", "items", "prefixItems", "additionalProperties"):
            yield from _schema_names(schema.get(key), owner)


def script_strings(source: str, shown: str) -> Iterator[Word]:
    """The string literals of TypeScript without its comments; the values inside a template are left out."""
    for found in _STRING.finditer(source):
        text = found["single"] or found["double"] or re.sub(r"\$\{[^}]*\}", " ", found["back"] or "")
        if text.strip():
            yield Word(text.replace("\\'", "'"), f"{shown}:{source.count(chr(10), 0, found.start()) + 1}")


def script_identifiers(source: str, shown: str) -> Iterator[Word]:
    """The identifiers of TypeScript or Svelte, without comments and strings, and the file's own name."""
    yield Word(Path(shown).name.split(".")[0], shown)
    bare = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    bare = re.sub(r"<style.*?</style>", "", bare, flags=re.DOTALL)
    bare = _STRING.sub(" ", bare)
    for name in sorted(set(re.findall(r"[A-Za-z_$][\w$]*", bare))):
        yield Word(name, shown)


def markup_strings(source: str, shown: str) -> Iterator[Word]:
    """The text of a Svelte component that stands in its markup, and its attributes that are read out or shown."""
    markup = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", "", source, flags=re.DOTALL)
    for name in _SHOWN_ATTRIBUTES:
        yield from (Word(text, shown) for text in re.findall(rf'\b{name}="([^"{{]+)"', markup))
    without_values = re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}", " ", markup)
    for text in re.sub(r"<[^<>]*>", "\n", without_values).splitlines():
        if text.strip():
            yield Word(text.strip(), shown)


def markdown_paragraphs(page: Path, shown: str) -> Iterator[Word]:
    """The paragraphs of a Markdown page, each on one line, without code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for paragraph in re.split(r"\n\s*\n", re.sub(r"`[^`]*`", " ", text)):
        yield Word(" ".join(paragraph.split()), shown)
