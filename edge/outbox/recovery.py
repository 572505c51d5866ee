"""Opening the database, also a corrupt one.

A corrupt file is moved aside, not deleted, and every row that can still be read is copied into a new database. The new
database is complete under another name before the old one is moved, so that after a crash the recovery starts again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from contract.clock import Clock
from contract.event import Event
from edge.outbox.files import sync_folder
from edge.outbox.schema import TABLES, migrate, version_of
from edge.outbox.sequence import SequenceFile

SIDE_SUFFIXES = ("-wal", "-shm", "-journal")
KEPT_QUARANTINES = 2
WAL_LIMIT_BYTES = 4 << 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The recovery of a corrupt database. `quarantined`: the path to which it was moved."""

    quarantined: Path
    salvaged_events: int


def open_database(path: Path, sidecar: SequenceFile, clock: Clock) -> tuple[sqlite3.Connection, Recovery | None]:
    """Open the outbox database at the absolute `path`; create, migrate or recover it as needed.

    Raises OutboxError when the file is a healthy database of another program or of a newer version, and OSError or
    sqlite3.OperationalError when the folder cannot be written.
    """
    rebuilt = path.with_name(f"{path.name}.rebuilt")
    recovery = None
    if path.exists() and not _is_sound(path):
        recovery = _rebuild(path, rebuilt, sidecar, clock)
    elif rebuilt.exists() and not path.exists():
        rebuilt.rename(path)  # a recovery was cut short between its two renames
    connection = connect(path)
    try:
        migrate(connection, sidecar.read() or 0)
    except BaseException:
        connection.close()
        raise
    return connection, recovery


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection with the outbox's durability: WAL, every commit flushed.

    A new file gets mode 0600 whatever the folder's mode is; SQLite gives its side files the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    connection.execute("PRAGMA cache_size = -512")
    return connection


def _is_sound(path: Path) -> bool:
    """Whether the database can be read. Opened read-only, since it may be another program's file."""
    try:
        with closing(_read_only(path)) as connection:
            version_of(connection)
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:
        raise  # locked, no permission, disk full: nothing is wrong with the content
    except sqlite3.DatabaseError:
        return False


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def _rebuild(path: Path, rebuilt: Path, sidecar: SequenceFile, clock: Clock) -> Recovery:
    for leftover in _with_side_files(rebuilt):
        leftover.unlink(missing_ok=True)
    with closing(connect(rebuilt)) as fresh:
        migrate(fresh, 0)
        salvaged = _salvage(path, fresh)
        known = int(fresh.execute("SELECT value FROM meta WHERE name = 'last_sequence'").fetchone()[0])
        newest = int(fresh.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0])
        remembered = sidecar.read()
        if remembered is None and not max(known, newest):
            # The last number that the device used is lost. Seconds since 1970 exceed any number that a device has
            # reached, so that no number is used twice; the server sees the jump as a gap in the sequence.
            remembered = int(clock.utc().timestamp())
        last = max(known, newest, remembered or 0)
        fresh.execute("UPDATE meta SET value = ? WHERE name = 'last_sequence'", (last,))
    stamp = clock.utc().strftime("%Y%m%dT%H%M%S%fZ")
    quarantined = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", *SIDE_SUFFIXES):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(quarantined.with_name(quarantined.name + suffix))
    rebuilt.rename(path)
    sync_folder(path.parent)
    _forget_old_quarantines(path)
    _log.error("outbox_corrupt", quarantined=quarantined.name, salvaged_events=salvaged)
    return Recovery(quarantined, salvaged)


def _salvage(corrupt: Path, fresh: sqlite3.Connection) -> int:
    """Copy every readable row, from both ends of each table up to the damage; returns how many events were copied."""
    try:
        with closing(_read_only(corrupt)) as damaged:
            fresh.execute("BEGIN IMMEDIATE")
            for table in TABLES:
                for row in _readable_rows(damaged, table):
                    _copy_row(fresh, table, row)
            fresh.execute("COMMIT")
    except sqlite3.DatabaseError:
        if fresh.in_transaction:
            fresh.execute("ROLLBACK")
    return int(fresh.execute("SELECT count(*) FROM events").fetchone()[0])


def _readable_rows(damaged: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    key = "name" if table == "meta" else "rowid"
    for direction in ("ASC", "DESC"):
        try:
            yield from damaged.execute(f"SELECT * FROM {table} ORDER BY {key} {direction}")  # noqa: S608 - own names
            return  # the whole table was readable
        except sqlite3.DatabaseError:
            continue


def _copy_row(fresh: sqlite3.Connection, table: str, row: tuple[object, ...]) -> None:
    if table in {"events", "signals"} and not _is_event(next((cell for cell in row if isinstance(cell, bytes)), b"")):
        return
    marks = ", ".join("?" * len(row))
    verb = "REPLACE" if table == "meta" else "INSERT OR IGNORE"
    try:
        fresh.execute(f"{verb} INTO {table} VALUES ({marks})", row)
    except sqlite3.IntegrityError:
        return  # an attachment whose event was lost


def _is_event(body: bytes) -> bool:
    try:
        Event.model_validate_json(body)
    except ValidationError:
        return False
    return True


def _with_side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", *SIDE_SUFFIXES)]


def _forget_old_quarantines(path: Path) -> None:
    """Keep the newest few, so that repeated corruption does not fill the disk with copies."""
    found = sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))
    for old in found[:-KEPT_QUARANTINES]:
        for part in _with_side_files(old):
            part.unlink(missing_ok=True)
