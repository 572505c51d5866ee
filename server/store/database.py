"""One writer, many readers, and effects only after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from contract.errors import ErrorKind, KentonganError
from server.store import sqlite
from server.store.scoping import ScopedSession

_log = structlog.get_logger(__name__)


def _always() -> bool:
    return True


class WriteTransaction:
    """A transaction that may write; `after_commit` registers what may happen only once its rows are durable."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.effects: list[Callable[[], None]] = []

    def after_commit(self, effect: Callable[[], None]) -> None:
        self.effects.append(effect)


class Database:
    """The pool of readers and the one writer.

    Within this process the lock orders writers fairly; across processes SQLite's own lock does, and on other databases
    the row locks of `server.store.heads`.
    """

    def __init__(
        self,
        url: str,
        *,
        is_in_place: Callable[[], bool] = _always,
        on_full: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`is_in_place`: whether the database's file is still the one that was opened; asked around every write.
        `on_full`: awaited after a write failed for want of room.
        """
        self.url = url
        self.is_corrupt = False
        self._is_in_place = is_in_place
        self._on_full = on_full
        if sqlite.is_sqlite(url):
            self._writer: AsyncEngine = create_async_engine(url, pool_size=1, max_overflow=0)
            self._readers: AsyncEngine = create_async_engine(url, pool_size=4, max_overflow=0)
            sqlite.prepare(self._writer, writer=True)
            sqlite.prepare(self._readers, writer=False)
        else:
            self._writer = self._readers = create_async_engine(url, pool_size=10)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A consistent view of the database; nothing can be written through it.

        Raises:
            KentonganError: `unavailable` when the database, or a free connection to it, is.
        """
        try:
            async with self._session(self._readers, autoflush=False) as session:
                yield session
        except (OperationalError, NoConnectionError) as error:
            raise KentonganError(ErrorKind.UNAVAILABLE, "the database cannot be read at the moment") from error
        except DatabaseError as error:
            raise self._unless_corrupt(error) from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteTransaction]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises:
            KentonganError: `storage-full` when the disk is full, `unavailable` when the database is.
        """
        async with self._lock:
            self._require_file("was not started")
            try:
                async with self._session(self._writer) as session, session.begin():
                    transaction = WriteTransaction(session)
                    yield transaction
            except OperationalError as error:
                if not sqlite.is_full(error):
                    raise KentonganError(
                        ErrorKind.UNAVAILABLE, "the database cannot be written at the moment"
                    ) from error
                if self._on_full is not None:
                    await self._on_full()
                raise KentonganError(ErrorKind.STORAGE_FULL, "the server's disk is full; nothing was stored") from error
            except DatabaseError as error:
                raise self._unless_corrupt(error) from error
            self._require_file("was not stored")
        for effect in transaction.effects:
            effect()

    def _require_file(self, outcome: str) -> None:
        """Refuse to call anything stored in a file that has lost its name: it is gone with this process."""
        if not self._is_in_place():
            _log.error("database_file_gone")
            raise KentonganError(ErrorKind.UNAVAILABLE, f"the database's file is gone or replaced; the write {outcome}")

    def _unless_corrupt(self, error: DatabaseError) -> Exception:
        """The error itself, or for a malformed file that the database cannot be used, which readiness then says too."""
        if not sqlite.is_corrupt(error):
            return error
        if not self.is_corrupt:
            _log.error("database_corrupt", error=type(error.orig).__name__)
        self.is_corrupt = True
        return KentonganError(ErrorKind.UNAVAILABLE, "the database is damaged; it has to be restored")

    def _session(self, engine: AsyncEngine, *, autoflush: bool = True) -> AsyncSession:
        return AsyncSession(engine, sync_session_class=ScopedSession, expire_on_commit=False, autoflush=autoflush)

    async def close(self) -> None:
        await self._writer.dispose()
        if self._readers is not self._writer:
            await self._readers.dispose()
