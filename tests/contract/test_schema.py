from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract import schema
from contract.event import Event
from contract.schema import SCHEMAS, main, schema_path, schema_text


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_equals_the_code(name: str) -> None:
    published = schema_path(name).read_text(encoding="utf-8")
    assert published == schema_text(name), "run python -m contract.schema"


def test_nothing_else_is_published() -> None:
    assert {path.name for path in schema.SCHEMA_FOLDER.iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}


def test_writing_makes_the_files_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SCHEMA_FOLDER", tmp_path / "schemas")
    main()
    assert (tmp_path / "schemas" / "event.schema.json").read_text(encoding="utf-8") == schema_text("event")


def test_the_event_schema_is_named_as_events_name_it() -> None:
    document = json.loads(schema_text("event"))
    assert document["$id"] == Event.model_fields["dataschema"].default
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_no_schema_lets_unknown_fields_pass() -> None:
    for name in SCHEMAS:
        document = json.loads(schema_text(name))
        objects = [document, *document.get("$defs", {}).values()]
        open_ones = [
            item["title"]
            for item in objects
            if item.get("type") == "object" and item.get("additionalProperties") is not False
        ]
        assert open_ones == []
