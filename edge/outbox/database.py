"""The outbox's database: one connection, its transactions, and SQLite's errors mapped to `OutboxError`."""

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

    ledger: the SQL statements. quota: the order in which rows are deleted when the outbox is over its quota.
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
        """Checkpoint the write-ahead log into the database file and close the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in one transaction. Raises OutboxError when the disk or the database fails."""
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
        """Run the block's queries, mapping SQLite's errors to OutboxError."""
        try:
            yield
        except sqlite3.Error as error:
            raise as_outbox_error(error) from error

    def compact(self) -> None:
        """Return free pages and the write-ahead log's space to the disk. A failure, as on a full disk, is logged."""
        try:
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            _log.warning("outbox_compaction_failed", error=str(error))


def as_outbox_error(error: sqlite3.Error | OSError) -> OutboxError:
    """Map an error of SQLite or the file system: OutboxFullError without disk space, else OutboxError (UNAVAILABLE)."""
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            return OutboxFullError(f"the disk has no room for the outbox: {error.strerror}")
        return OutboxError(ErrorKind.UNAVAILABLE, f"the outbox's folder refuses: {error}")
    # SQLite reports a file size limit (EFBIG) as IOERR_WRITE, and a full disk or database as FULL.
    if error.sqlite_errorcode in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}:
        return OutboxFullError(f"the disk has no room for the outbox: {error}")
    return OutboxError(ErrorKind.UNAVAILABLE, f"the outbox's database refuses: {error}")
