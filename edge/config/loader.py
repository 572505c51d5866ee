"""Loads the device's configuration and reports all its faults at once."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contract.ids import SLUG_PATTERN
from edge.config.camera import DUPLICATE_ID
from edge.config.credentials import Surroundings
from edge.config.device import DeviceConfig
from edge.config.document import Document, read_document
from edge.config.faults import ConfigError, ConfigFault, Location
from edge.system.redact import redact_text

MAX_FILE_BYTES = 4 << 20
SHOWN_CHARS = 60

SECRET_KEYS = frozenset({"url", "url_env", "substream_url", "substream_url_env", "token_file", "token_env"})
"""Keys whose values are never shown, nor anything below them: people write passwords where names belong."""


def load_device_config(path: Path, environ: Mapping[str, str] | None = None) -> DeviceConfig:
    """Load the YAML file at `path`. Variables come from `environ`, by default the environment of the process.

    Raises ConfigError, which lists every fault with its line, its path in the file, what was expected and what came.
    """
    document = _read(path)
    if not isinstance(document.data, dict):
        raise ConfigError(path, [ConfigFault((), None, f"expected a mapping of keys, got {_shown(document.data)}")])
    surroundings = Surroundings(path.absolute().parent, os.environ if environ is None else environ)
    config, errors = _validated(document, surroundings)
    faults = [*document.faults, *_duplicate_ids(document)]
    faults += [_fault_of(error, document) for error in errors if not _is_echo(error)]
    if faults or config is None:
        raise ConfigError(path, faults)
    return config


def _read(path: Path) -> Document:
    fault: ConfigFault
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigError(path, [ConfigFault((), None, f"larger than {MAX_FILE_BYTES} bytes: no configuration")])
        return read_document(content.decode("utf-8-sig"))
    except OSError as error:
        fault = ConfigFault((), None, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        fault = ConfigFault((), None, f"not UTF-8 text at byte {error.start}")
    except yaml.MarkedYAMLError as error:
        fault = _syntax_fault(error)
    except yaml.reader.ReaderError as error:
        fault = ConfigFault((), None, f"the character at position {error.position} is not allowed in YAML")
    raise ConfigError(path, [fault])


def _syntax_fault(error: yaml.MarkedYAMLError) -> ConfigFault:
    # The mark's snippet is left out, because it shows whole lines, which may contain passwords.
    mark = error.problem_mark or error.context_mark
    column = "" if mark is None else f"column {mark.column + 1}: "
    context = f" ({error.context})" if error.context else ""
    return ConfigFault((), None if mark is None else mark.line + 1, f"{column}not valid YAML: {error.problem}{context}")


def _validated(document: Document, surroundings: Surroundings) -> tuple[DeviceConfig | None, list[ErrorDetails]]:
    try:
        # In JSON mode, strict validation does what a YAML author expects: "5" is not a number, but a list is a tuple.
        return DeviceConfig.model_validate_json(json.dumps(document.data), strict=True, context=surroundings), []
    except ValidationError as error:
        # Returned and not chained, because pydantic's message quotes the input with its passwords.
        return None, error.errors(include_url=False)


def _duplicate_ids(document: Document) -> Iterator[ConfigFault]:
    """Yield duplicate ids. They are found before validation, so that they are listed with all other faults."""
    cameras = _items(document.data, "cameras")
    yield from _repeated(document, "camera", ("cameras",), cameras)
    for index, camera in enumerate(cameras):
        yield from _repeated(document, "zone", ("cameras", index, "zones"), _items(camera, "zones"))


def _items(data: object, key: str) -> list[object]:
    items = data.get(key) if isinstance(data, dict) else None
    return items if isinstance(items, list) else []


def _repeated(document: Document, what: str, at: Location, items: list[object]) -> Iterator[ConfigFault]:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            location = (*at, index, "id")
            detail = f"the id {name} belongs to {what} {first[name] + 1} of the list already; ids are unique"
            yield ConfigFault(location, document.line_of(location), detail)
        first.setdefault(name, index)


def _is_echo(error: ErrorDetails) -> bool:
    """Return whether an error only repeats others: a duplicate id, or a list that is too short by a faulty item."""
    if error["type"] == "too_short" and isinstance(error["input"], list):
        return len(error["input"]) >= int(error["ctx"]["min_length"])
    return error["type"] == DUPLICATE_ID


def _fault_of(error: ErrorDetails, document: Document) -> ConfigFault:
    location = error["loc"]
    return ConfigFault(location, document.line_of(location), _detail_of(error, location))


def _detail_of(error: ErrorDetails, location: Location) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(location)
    if kind == "missing":
        return "required, but it is missing"
    if kind == "value_error":
        return redact_text(str(context["error"]))
    if kind in {"too_short", "too_long"}:
        limit = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"expected {limit} items, got {context['actual_length']}"
    message = error["msg"].replace("Input should be", "expected", 1)
    if kind == "string_pattern_mismatch" and context["pattern"] == SLUG_PATTERN:
        message = "expected 1 to 64 lower-case letters, digits and inner hyphens"
    if SECRET_KEYS.intersection(location):
        return message
    return f"{message}, got {_shown(error['input'])}"


def _unknown_key(location: Location) -> str:
    known = sorted(_known_keys(location[:-1]))
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"unknown key; {hint}"


def _known_keys(location: Location) -> set[str]:
    model = _model_at(DeviceConfig, location)
    if model is None:
        return set()
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_at(annotation: Any, location: Location) -> type[BaseModel] | None:  # noqa: ANN401 - a type's own form is any
    """Return the model that validates the value at `location` below a field with this annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return annotation
        for name, field in annotation.model_fields.items():
            if location[0] in {name, field.alias}:
                return _model_at(field.annotation, location[1:])
        return None
    is_list = getattr(annotation, "__origin__", None) is tuple
    rest = location[1:] if is_list and location and isinstance(location[0], int) else location
    found = (_model_at(argument, rest) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _shown(value: object) -> str:
    """Return a value as an error may show it: short and without credentials."""
    if isinstance(value, dict):
        return f"a mapping of {len(value)} keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)} items"
    if value is None:
        return "nothing"
    text = redact_text(str(value))
    text = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    return f"the text {text!r}" if isinstance(value, str) else text.lower() if isinstance(value, bool) else text
