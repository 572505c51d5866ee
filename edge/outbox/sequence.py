"""The sidecar file that keeps the device's sequence number for a database that is lost."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LINE = re.compile(rb"(\d{20})\n")


class SequenceFile:
    """The highest sequence number handed to a commit, in a file of one fixed-width line.

    It is written and flushed before the database commits, so that it is never behind the database; after a crash it may
    be one ahead, which is why a sound database takes precedence. The line is overwritten in place: its 21 bytes lie in
    one sector, and a full disk needs to allocate no block.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """The stored number; None when the file is missing or malformed."""
        try:
            match = _LINE.fullmatch(self._path.read_bytes())
        except OSError:
            return None
        return int(match[1]) if match else None

    def write(self, sequence: int) -> None:
        """Store `sequence` and flush it to the disk. Raises OSError."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, b"%020d\n" % sequence, 0)
            os.ftruncate(descriptor, 21)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
