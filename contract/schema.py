"""The contract as JSON Schema, for readers of events in other programming languages.

`python -m contract.schema` writes `contract/schemas/*.schema.json`; a test keeps them equal to the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel

from contract.errors import Problem
from contract.event import EVENT_SCHEMA, Event
from contract.heartbeat import Heartbeat
from contract.verdict import VerdictPage

SCHEMA_FOLDER = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMAS: Mapping[str, tuple[str, type[BaseModel]]] = MappingProxyType(
    {
        "event": (EVENT_SCHEMA, Event),
        "heartbeat": ("urn:kentongan:schema:heartbeat:1", Heartbeat),
        "problem": ("urn:kentongan:schema:problem:1", Problem),
        "verdicts": ("urn:kentongan:schema:verdicts:1", VerdictPage),
    }
)
"""Maps a file name without its extension to the schema's `$id` and its model."""


def schema_text(name: str) -> str:
    """Return the file content of a schema of SCHEMAS. It describes input, so fields with defaults are optional."""
    identifier, model = SCHEMAS[name]
    schema = {"$schema": DIALECT, "$id": identifier} | model.model_json_schema(mode="validation")
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def schema_path(name: str) -> Path:
    """Return the path of the schema `name`."""
    return SCHEMA_FOLDER / f"{name}.schema.json"


def main() -> None:
    """Write every schema."""
    SCHEMA_FOLDER.mkdir(exist_ok=True)
    for name in SCHEMAS:
        schema_path(name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
