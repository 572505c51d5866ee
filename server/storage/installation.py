"""One server on one data folder, and a database that is never silently replaced by an empty one."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from server.store import sqlite
from server.store.database import Database

MARKER = "installation.json"
LOCK = "server.lock"


class InstallationError(Exception):
    """The data folder is in use, or something that was in it is gone. The message is a sentence for people."""


class InstanceLock:
    """Held by the one server that serves a data folder, until it closes it or dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, data_dir: Path) -> Self:
        """Raises InstallationError when another process has it, OSError when the folder refuses."""
        descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise
            raise InstallationError(
                f"another server (process {holder or 'unknown'}) serves {data_dir}; stop it first"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let the next server have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def require_database(data_dir: Path, database: Path) -> None:
    """Refuse to start without the database that this folder once had.

    Raises InstallationError: an empty database in its place would look like an installation that lost everything, and
    devices would delete what they believe to be stored.
    """
    marker = data_dir / MARKER
    if not marker.exists() or database.exists():
        return
    raise InstallationError(
        f"the database {database} is gone, but {marker} says that there was one. Restore it from a backup, or from a "
        f"copy named {database.name}.before-... beside it; to begin anew on purpose, remove {marker}"
    )


def remember_database(data_dir: Path, database: Path) -> None:
    """Note durably that this folder has a database. Raises OSError."""
    marker = data_dir / MARKER
    if marker.exists():
        return
    part = marker.with_name(f"{MARKER}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump({"database": database.name}, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(marker)


class DatabaseFile:
    """Notices at once when the database's file was deleted or replaced under a running server.

    SQLite keeps writing to a file that has lost its name: every event would be answered as stored and be gone with the
    process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def is_in_place(self) -> bool:
        """Whether the name still leads to the file that was there at the first call. One system call."""
        with suppress(OSError):
            found = self._path.stat()
            identity = found.st_dev, found.st_ino
            if self._identity is None:
                self._identity = identity
            return identity == self._identity
        return False


def open_database(url: str, on_full: Callable[[], Awaitable[None]] | None = None) -> Database:
    """The database at `url`. A database in a file refuses to write once another file has taken its name."""
    file = sqlite.file_of(url)
    if file is None:
        return Database(url, on_full=on_full)
    opened = DatabaseFile(file)
    opened.is_in_place()  # notes which file it is
    return Database(url, is_in_place=opened.is_in_place, on_full=on_full)
