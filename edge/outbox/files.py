"""Flushing files to the disk before a row refers to them, and a lock that gives each data folder one worker."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from contract.errors import ErrorKind
from edge.outbox.records import OutboxError


def sync_file(path: Path) -> None:
    """Flush the file's content and its directory entry. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the folder's directory entries. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ProcessLock:
    """An exclusive lock on a file, held until `release` or the end of the process: two workers never share an outbox.

    Raises OutboxError (CONFLICT) when another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise OutboxError(
                ErrorKind.CONFLICT, f"another worker has the outbox open: {path} is locked; one worker per data folder"
            ) from None

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
