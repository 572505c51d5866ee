"""Whether requests can be served."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from contract.errors import KentonganError
from server.clips.files import MediaFiles
from server.store import heads, migrate
from server.store.database import Database

Outcome = tuple[bool, str]


class Readiness:
    """Tries what a request would need."""

    def __init__(self, database: Database, files: MediaFiles) -> None:
        self._database = database
        self._files = files

    async def __call__(self) -> dict[str, Outcome]:
        """Name to (good, why)."""
        return {
            "database": await _tried(self._database_writable),
            "clips": await _tried(self._clips_writable),
            "migrations": await _tried(self._migrations_current),
        }

    async def _database_writable(self) -> Outcome:
        async with self._database.write() as writing:
            await heads.lock_head(writing.session, heads.FEED)
        return True, "writable"

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


async def _tried(attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    try:
        return await attempt()
    except (KentonganError, SQLAlchemyError, OSError) as error:
        # The class is enough for whoever looks from outside: paths and addresses stay in the log.
        return False, f"failed: {type(error).__name__}"
