"""The sidecar that remembers the device's sequence number when the database cannot."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LINE = re.compile(rb"(\d{20})\n")


class SequenceFile:
    """The highest sequence number that was ever about to be used, in a file of one fixed-width line.

    It is written and flushed before the database commits, so it is never behind the database; it may be one ahead
    after a crash, which is why a healthy database always has the last word. The line is overwritten in place: 21 bytes
    lie in one sector, and in place no block has to be found on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """The remembered number; None without a file or when the file makes no sense."""
        try:
            match = _LINE.fullmatch(self._path.read_bytes())
        except OSError:
            return None
        return int(match[1]) if match else None

    def write(self, sequence: int) -> None:
        """Remember `sequence`, durably. Raises OSError."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, b"%020d\n" % sequence, 0)
            os.ftruncate(descriptor, 21)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
