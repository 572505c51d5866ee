"""The worker's log: one line per entry, with every text redacted before it is rendered."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from edge.system.redact import redact_text


def configure_logs(*, as_json: bool = False, verbose: bool = False) -> None:
    """Log to standard error, as text or as JSON lines, from level `info` up or, with `verbose`, from `debug` up."""
    renderer: structlog.typing.Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # Code that forgot to redact a URL must not leak a camera's password into the log.
    return {key: _redacted(value) for key, value in entry.items()}


def _redacted(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_redacted(key): _redacted(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(part) for part in value]
    # Errors, paths and other objects: their rendered text may contain a URL, too.
    return redact_text(str(value))
