"""A copy of an SQLite database, whole or not there at all, kept before its schema changes."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

KEPT_COPIES = 2
"""The newest copies stay; older ones make room."""
ROOM_FACTOR = 2.0
"""The copy takes the database's size once, the rewritten tables and their log at most as much again."""
SPARE_BYTES = 32 << 20
PAGES_PER_STEP = 4096


@contextmanager
def sole_upgrade(database: Path) -> Iterator[None]:
    """Wait until no other process on this machine copies or upgrades this database, and keep the others waiting."""
    descriptor = os.open(
        database.with_name(f"{database.name}.upgrade-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def copy_database(database: Path, *, version: str) -> Path:
    """Copy the database to `<name>.before-<version>` beside it and return that path.

    The copy is made under another name, checked, flushed and then renamed: a copy that is there is whole. One of this
    version that is there already, from an upgrade that was interrupted, is kept as it is.

    Raises:
        OSError: ENOSPC with a sentence when the disk has no room for copy and upgrade; another when it refuses.
    """
    target = database.with_name(f"{database.name}.before-{version}")
    if target.exists():
        return target
    _require_room(database)
    unfinished = database.with_name(f"{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        _copy(database, unfinished)
    except sqlite3.Error as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(errno.EIO, f"the database cannot be copied before the upgrade: {error}") from error
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.rename(target)
    _flush_folder(target.parent)
    _forget_old(database)
    return target


def _require_room(database: Path) -> None:
    parts = (database, database.with_name(f"{database.name}-wal"))
    size_bytes = sum(part.stat().st_size for part in parts if part.exists())
    needed_bytes = int(ROOM_FACTOR * size_bytes) + SPARE_BYTES
    free_bytes = shutil.disk_usage(database.parent).free
    if free_bytes < needed_bytes:
        raise OSError(
            errno.ENOSPC,
            f"the upgrade needs {needed_bytes / 1e6:.0f} MB in {database.parent}, where {free_bytes / 1e6:.0f} MB are "
            "free; nothing was changed",
        )


def _copy(database: Path, destination: Path) -> None:
    os.close(os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(destination)) as copy:
        source.backup(copy, pages=PAGES_PER_STEP)
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is not sound: {found}")
    descriptor = os.open(destination, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget_old(database: Path) -> None:
    copies = [path for path in database.parent.glob(f"{database.name}.before-*") if path.suffix != ".unfinished"]
    for old in sorted(copies, key=lambda path: path.stat().st_mtime)[:-KEPT_COPIES]:
        old.unlink(missing_ok=True)
