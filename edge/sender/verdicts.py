"""How the server's verdicts come back to the device, so that what people confirmed is not learned as usual.

The sender's thread asks, the inference thread takes and applies, and only what was applied and saved moves the stored
place: after a crash the same verdicts come again, which does no harm.
"""

from __future__ import annotations

import json
import queue
from pathlib import Path

import structlog

from contract.clock import Clock
from contract.verdict import AlertVerdict
from edge.sender.client import IngestClient, Reply, Verdict
from edge.sender.verdict_page import ReadPage
from edge.system.atomic_file import replace_file

ASK_EVERY_S = 300.0
"""What is seen waits a day before it is learned, so that minutes are soon enough on any link."""

_log = structlog.get_logger(__name__)


class VerdictInbox:
    """Verdicts on their way from the server to the cameras. `ask` belongs to the sender's thread, all else to another.

    `path`: where the place in the server's list is kept. One that cannot be read begins anew, from the first verdict.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._asked = self._taken = self._kept = _stored(path)
        self._due_mono_s = clock.mono_s()
        self._pages: queue.SimpleQueue[ReadPage] = queue.SimpleQueue()
        self._told_skipped: set[str] = set()

    def is_due(self, now_mono_s: float) -> bool:
        """Whether it is time to ask."""
        return now_mono_s >= self._due_mono_s

    def ask(self, client: IngestClient) -> Reply:
        """Ask for the next page. Raises LinkError without a complete reply; a server without verdicts is left alone."""
        self._due_mono_s = self._clock.mono_s() + ASK_EVERY_S
        reply, page = client.get_verdicts(self._asked)
        if page is not None:
            self._pages.put(page)
            self._tell_skipped(page)
            if page.more and page.cursor > self._asked:
                self._due_mono_s = self._clock.mono_s()
            self._asked = page.cursor
        elif reply.verdict in (Verdict.REFUSED, Verdict.RETRY):
            _log.info("no verdicts", reason=reply.reason)
        return reply

    def _tell_skipped(self, page: ReadPage) -> None:
        """Log what this software is too old to read, each sort once: a server is newer for months."""
        for fields in page.skipped:
            if fields not in self._told_skipped:
                self._told_skipped.add(fields)
                _log.warning("verdicts skipped that this software cannot read", fields=fields, place=page.cursor)

    def take(self) -> list[AlertVerdict]:
        """What has come since the last call, oldest first."""
        found: list[AlertVerdict] = []
        while True:
            try:
                page = self._pages.get_nowait()
            except queue.Empty:
                return found
            found += page.verdicts
            self._taken = page.cursor

    def keep(self) -> None:
        """Remember how far verdicts were taken: call it when what they changed has been saved. Raises OSError."""
        if self._taken != self._kept:
            replace_file(self._path, json.dumps({"cursor": self._taken}).encode())
            self._kept = self._taken


def _stored(path: Path) -> int:
    try:
        cursor = json.loads(path.read_bytes())["cursor"]
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("place in the verdicts lost: they are asked for from the first", error=type(error).__name__)
        return 0
    return cursor if isinstance(cursor, int) and cursor >= 0 else 0
