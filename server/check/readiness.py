"""Whether requests can be served: what they need is tried, not asked."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from contract.errors import KentonganError
from server.clips.files import MediaFiles
from server.storage.disk_watch import DiskState
from server.store import checks, heads, migrate
from server.store.database import Database

Outcome = tuple[bool, str]

FRESH_FOR_S = 1.0
"""An answer is given again for so long: a flood of questions costs no more than one a second."""
PROBE = "readiness"
"""The row that is written and read back."""


class Readiness:
    """Tries what a request would need, at most once in `FRESH_FOR_S`."""

    def __init__(
        self,
        database: Database,
        files: MediaFiles,
        disk_state: Callable[[], DiskState],
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._files = files
        self._disk_state = disk_state
        self._mono_s = mono_s
        self._lock = asyncio.Lock()
        self._known: dict[str, Outcome] = {}
        self._known_mono_s = float("-inf")

    async def __call__(self) -> dict[str, Outcome]:
        """Name to (good, why)."""
        async with self._lock:
            if self._mono_s() - self._known_mono_s >= FRESH_FOR_S:
                self._known = {
                    "database": await _tried(self._database_keeps),
                    "clips": await _tried(self._clips_writable),
                    "migrations": await _tried(self._migrations_current),
                    "disk": self._disk_has_room(),
                }
                self._known_mono_s = self._mono_s()
            return self._known

    async def _database_keeps(self) -> Outcome:
        """Write a row, commit, and read it back through another connection."""
        if self._database.is_corrupt:
            return False, "damaged: restore it"
        async with self._database.write() as writing:
            head = await heads.lock_head(writing.session, PROBE)
            head.sequence += 1
            written = head.sequence
        async with self._database.read() as reading:
            found = await checks.head(reading, PROBE)
        kept = found is not None and found.sequence >= written
        return kept, "keeps what is written" if kept else "lost what was written"

    async def _clips_writable(self) -> Outcome:
        def write() -> None:
            with tempfile.TemporaryFile(dir=self._files.root) as file:
                file.write(b"ready")
                file.flush()

        await asyncio.to_thread(write)
        return True, "writable"

    async def _migrations_current(self) -> Outcome:
        async with self._database.read() as reading:
            current = await migrate.current_version(reading)
        wanted = migrate.newest_version()
        return current == wanted, "current" if current == wanted else f"at {current}, this version needs {wanted}"

    def _disk_has_room(self) -> Outcome:
        state = self._disk_state()
        return state is not DiskState.NO_EVENTS, state.value


async def _tried(attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    try:
        return await attempt()
    except (KentonganError, SQLAlchemyError, OSError) as error:
        # The class is enough for a reader outside: paths and addresses stay in the log.
        return False, f"failed: {type(error).__name__}"
