"""Reads YAML with the line of every value.

The reader deviates from YAML 1.1 deliberately: `no`, `on` and 22:30 remain text, 010 is not 8, dates are not objects,
and a duplicate key in a mapping is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from edge.config.faults import ConfigFault, Location

_TAG = "tag:yaml.org,2002:"


class _Reader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema, decimal numbers only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own type


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Reader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"^(?:{_pattern})$"), [*_first.replace("\0", ""), ""])


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as JSON-like values, the 1-based line of every key and item, and the faults found so far."""

    data: object
    lines: dict[Location, int]
    faults: tuple[ConfigFault, ...]

    def line_of(self, location: Location) -> int | None:
        """Return the line of the innermost part of `location` that exists in the file; None if none does."""
        for length in range(len(location), -1, -1):
            line = self.lines.get(location[:length])
            if line is not None:
                return line
        return None


def read_document(text: str) -> Document:
    """Read the single YAML document in `text`. Raises yaml.MarkedYAMLError or ReaderError for invalid YAML."""
    reader = _Reader(text)
    try:
        root = reader.get_single_node()
        builder = _Builder(reader)
        data = None if root is None else builder.build(root, ())
    finally:
        reader.dispose()
    return Document(data, builder.lines, tuple(builder.faults))


class _Builder:
    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._open: list[yaml.Node] = []
        self.lines: dict[Location, int] = {}
        self.faults: list[ConfigFault] = []

    def build(self, node: yaml.Node, at: Location) -> object:
        self.lines.setdefault(at, node.start_mark.line + 1)
        if node in self._open:
            self._fault(at, node, "this part contains itself through an alias")
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self._entries(node, at))
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*at, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, at)
        finally:
            self._open.pop()

    def _entries(self, node: yaml.MappingNode, at: Location) -> Iterator[tuple[str, object]]:
        self._find_duplicates(node, at)
        self._reader.flatten_mapping(node)  # puts keys from `<<` before the mapping's own, which override them
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                self._fault(at, key, "a key must be a plain name, not a list or a mapping")
                continue
            self.lines[(*at, name)] = key.start_mark.line + 1
            yield name, self.build(value, (*at, name))

    def _find_duplicates(self, node: yaml.MappingNode, at: Location) -> None:
        first_lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_TAG}merge":
                continue
            line = key.start_mark.line + 1
            if key.value in first_lines:
                detail = f"the key {key.value!r} is a duplicate of line {first_lines[key.value]}"
                self._fault((*at, key.value), key, detail)
            first_lines.setdefault(key.value, line)

    def _scalar(self, node: yaml.Node, at: Location) -> object:
        if node.tag not in {f"{_TAG}{kind}" for kind in ("str", "null", "bool", "int", "float")}:
            self._fault(at, node, f"the tag {node.tag!r} is not supported; write plain text or a number")
            return None
        if node.tag == f"{_TAG}int":
            return int(node.value)
        try:
            return self._reader.construct_object(node)
        except (ValueError, KeyError):
            self._fault(at, node, f"{node.tag.removeprefix(_TAG)} expected after the tag")
            return None

    def _fault(self, at: Location, node: yaml.Node, detail: str) -> None:
        self.faults.append(ConfigFault(at, node.start_mark.line + 1, detail))
