"""What SQLite needs and no other database does. Nothing outside this module knows which database is underneath."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for another process (the command line beside the server) to finish its transaction."""

MIGRATION_BUSY_TIMEOUT_MS = 120_000
"""How long an upgrade waits for the one that another process is applying."""

READ_ONLY = "kentongan_read_only"
"""The execution option of a connection that only reads: it takes no write lock."""

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def prepare(engine: AsyncEngine, *, writer: bool) -> None:
    """Make every connection of `engine` durable and strict, and begin transactions where SQLite should.

    A writer takes the write lock at BEGIN: a transaction that reads first and writes later could otherwise fail in its
    middle because somebody else wrote meanwhile. `synchronous=FULL` makes a commit survive a power cut (in WAL mode
    NORMAL does not).
    """

    @event.listens_for(engine.sync_engine, "connect")
    def _pragmas(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        # The driver must not begin transactions by itself; the listener below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        if writer:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
        else:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def file_of(url: str) -> Path | None:
    """The database's file; None for another engine and for a database in memory."""
    parsed = make_url(url)
    named = is_sqlite(url) and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if named else None


def prepare_migrations(engine: Engine) -> None:
    """Put every statement of a migration into one transaction, DDL too.

    The driver by itself begins no transaction before DDL: a process killed in the middle of an upgrade left a database
    that was half of one version and half of the next, which no later start could mend.
    """

    @event.listens_for(engine, "connect")
    def _manual(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {MIGRATION_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def is_full(error: OperationalError) -> bool:
    """Whether the database could not be written because the disk (or a quota) is full."""
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is None and original is not None:
        code = getattr(original.__cause__, "sqlite_errorcode", None)
    return code in _FULL or (isinstance(code, int) and code & 0xFF == sqlite3.SQLITE_FULL)


def is_corrupt(error: DatabaseError) -> bool:
    """Whether the file is damaged, or no database at all."""
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is None and original is not None:
        code = getattr(original.__cause__, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
