"""Fetching operators' verdicts from the server, so that confirmed events are kept out of what a camera learns as usual.

The sender's thread fetches pages; the inference thread takes and applies their verdicts. The stored cursor moves only
after what was applied has been saved: after a crash the same verdicts are fetched and applied again, which is harmless.
"""

from __future__ import annotations

import json
import queue
from pathlib import Path

import structlog

from contract.clock import Clock
from contract.verdict import AlertVerdict
from edge.sender.client import DeliveryOutcome, IngestClient, Reply
from edge.sender.verdict_page import ParsedPage
from edge.system.atomic_file import replace_file

FETCH_EVERY_S = 300.0
"""A camera learns an observation after a day, so that a delay of minutes does not matter."""

_log = structlog.get_logger(__name__)


class VerdictInbox:
    """Verdicts on their way from the server to the cameras.

    `fetch` and `is_due` belong to the sender's thread, `take` and `save_cursor` to the inference thread.

    `path`: the file with the cursor in the server's list. When it is missing or cannot be read, fetching starts at the
    first verdict.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._fetched = self._taken = self._saved = _load_cursor(path)
        self._due_mono_s = clock.mono_s()
        self._pages: queue.SimpleQueue[ParsedPage] = queue.SimpleQueue()
        self._logged_skips: set[str] = set()

    def is_due(self, now_mono_s: float) -> bool:
        """Whether the next page should be fetched now."""
        return now_mono_s >= self._due_mono_s

    def fetch(self, client: IngestClient) -> Reply:
        """Fetch the next page. Raises LinkError without a complete reply; other failures wait for the next interval."""
        self._due_mono_s = self._clock.mono_s() + FETCH_EVERY_S
        reply, page = client.get_verdicts(self._fetched)
        if page is not None:
            self._pages.put(page)
            self._log_skipped(page)
            if page.more and page.cursor > self._fetched:
                self._due_mono_s = self._clock.mono_s()
            self._fetched = page.cursor
        elif reply.outcome in (DeliveryOutcome.REFUSED, DeliveryOutcome.RETRY):
            _log.info("verdicts_not_fetched", reason=reply.reason)
        return reply

    def _log_skipped(self, page: ParsedPage) -> None:
        """Log verdicts that this software cannot parse, once per set of fields: a server may stay newer for months."""
        for fields in page.skipped:
            if fields not in self._logged_skips:
                self._logged_skips.add(fields)
                _log.warning("verdicts_skipped", reason="newer than this software", fields=fields, cursor=page.cursor)

    def take(self) -> list[AlertVerdict]:
        """The verdicts fetched since the last call, oldest first."""
        found: list[AlertVerdict] = []
        while True:
            try:
                page = self._pages.get_nowait()
            except queue.Empty:
                return found
            found += page.verdicts
            self._taken = page.cursor

    def save_cursor(self) -> None:
        """Store how far verdicts were taken; call it after saving what they changed. Raises OSError."""
        if self._taken != self._saved:
            replace_file(self._path, json.dumps({"cursor": self._taken}).encode())
            self._saved = self._taken


def _load_cursor(path: Path) -> int:
    try:
        cursor = json.loads(path.read_bytes())["cursor"]
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("verdict_cursor_lost", error=type(error).__name__)
        return 0
    return cursor if isinstance(cursor, int) and cursor >= 0 else 0
