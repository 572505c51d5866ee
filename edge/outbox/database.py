"""The outbox's database: one connection, its transactions, and its errors in the outbox's words."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import structlog

from contract.clock import Clock
from contract.errors import ErrorKind
from edge.outbox.ledger import Ledger
from edge.outbox.quota import QuotaOrder
from edge.outbox.records import OutboxError, OutboxFullError
from edge.outbox.recovery import Recovery, open_database
from edge.outbox.sequence import SequenceFile

_log = structlog.get_logger(__name__)


class OutboxDatabase:
    """Owns the connection. Not thread-safe: the outbox's lock serialises every use.

    ledger: the statements. quota: what to delete first.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.ledger = Ledger(connection)
        self.quota = QuotaOrder(connection)

    @classmethod
    def open(cls, path: Path, sidecar: SequenceFile, clock: Clock) -> tuple[Self, Recovery | None]:
        """Open, migrate or rebuild the database at the absolute `path`. Raises OutboxError and OSError."""
        try:
            connection, recovery = open_database(path, sidecar, clock)
        except sqlite3.Error as error:
            raise as_outbox_error(error) from error
        return cls(connection), recovery

    def close(self) -> None:
        """Flush everything into the database file and let it go."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside, or none of it. Raises OutboxError when disk or database refuse."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise as_outbox_error(error) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise OutboxError when the database refuses a read."""
        try:
            yield
        except sqlite3.Error as error:
            raise as_outbox_error(error) from error

    def compact(self) -> None:
        """Give the disk back what the database and its log no longer need, as far as a full disk lets that happen."""
        try:
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            _log.warning("outbox_compaction_failed", error=str(error))


def as_outbox_error(error: sqlite3.Error | OSError) -> OutboxError:
    """The error in the outbox's words: full, or refused."""
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            return OutboxFullError(f"the disk has no room for the outbox: {error.strerror}")
        return OutboxError(ErrorKind.UNAVAILABLE, f"the outbox's folder refuses: {error}")
    # IOERR_WRITE is what SQLite makes of a file size limit (EFBIG), FULL of a full disk or database.
    if error.sqlite_errorcode in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}:
        return OutboxFullError(f"the disk has no room for the outbox: {error}")
    return OutboxError(ErrorKind.UNAVAILABLE, f"the outbox's database refuses: {error}")
