"""The outbox's tables and their migrations.

`PRAGMA user_version` is the number of migrations applied to a file; `application_id` marks it as an outbox, so that
another program's SQLite file at the configured path is refused instead of being written to.
"""

from __future__ import annotations

import sqlite3

from contract.errors import ErrorKind
from edge.outbox.records import OutboxError

APPLICATION_ID = 0x4B4E544F  # "KNTO"

TABLES = ("meta", "signals", "events", "attachments", "deletions")
"""Every table, each after the tables that it refers to."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO meta VALUES ('deleted_unsent', 0);

    -- One row per signal that has not ended or whose clip is not settled; body is its latest event.
    CREATE TABLE signals (
        signal_id TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL,
        body BLOB NOT NULL,
        ended INTEGER NOT NULL,
        clip_settled INTEGER NOT NULL
    );

    CREATE TABLE events (
        sequence INTEGER PRIMARY KEY,
        event_id TEXT NOT NULL UNIQUE,
        severity INTEGER NOT NULL,
        committed_at REAL NOT NULL,
        body BLOB NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'parked')),
        sent_at REAL,
        reason TEXT
    );
    CREATE INDEX events_by_state ON events (state, sequence);

    CREATE TABLE attachments (
        attachment_id INTEGER PRIMARY KEY AUTOINCREMENT,
        sequence INTEGER NOT NULL REFERENCES events (sequence),
        kind TEXT NOT NULL CHECK (kind IN ('thumbnail', 'clip')),
        clip_id TEXT UNIQUE,
        path TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        severity INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'parked')),
        sent_at REAL,
        reason TEXT
    );
    CREATE INDEX attachments_by_worth ON attachments (state, kind, severity DESC, sequence DESC);
    CREATE INDEX attachments_by_event ON attachments (sequence);

    CREATE TABLE deletions (
        deletion_id INTEGER PRIMARY KEY AUTOINCREMENT,
        deleted_at REAL NOT NULL,
        kind TEXT NOT NULL,
        event_id TEXT NOT NULL,
        clip_id TEXT,
        size_bytes INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        reason TEXT NOT NULL
    );
    """,
)


def version_of(connection: sqlite3.Connection) -> int:
    """The number of migrations applied to the file; 0 for an empty one.

    Raises OutboxError for a file of another program and for one written by a newer version.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application_id != APPLICATION_ID and (tables or version or application_id):
        raise OutboxError(
            ErrorKind.BAD_INPUT,
            f"expected an outbox or no file at all, got another program's SQLite database (application_id "
            f"{application_id:#x}, {tables} tables)",
        )
    if version > len(MIGRATIONS):
        raise OutboxError(
            ErrorKind.BAD_INPUT,
            f"the outbox was written by a newer version (schema {version}); this one knows schema {len(MIGRATIONS)}",
        )
    return version


def migrate(connection: sqlite3.Connection, last_sequence: int) -> None:
    """Apply the missing migrations, one transaction each; an empty file starts with `last_sequence` as the last number.

    Raises as `version_of`.
    """
    version = version_of(connection)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        # One script, so that a crash leaves either the old version or the new one, counter included.
        start = f"INSERT INTO meta VALUES ('last_sequence', {last_sequence:d});" if number == 1 else ""  # noqa: S608
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        connection.executescript(f"BEGIN IMMEDIATE; {script}; {start} {marks} COMMIT;")
