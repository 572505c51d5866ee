"""A reserve of disk, so that people can work when devices have filled it.

Files that are written out in advance hold room that nobody else can take. Their size is given back step by step when
the disk is nearly full: enough for log-ins, verdicts and audit entries while pictures, and then events, are refused.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "reserve"
STEPS = 4


class DiskReserve:
    """The reserve under `data_dir`. Every method blocks: call it off the event loop."""

    def __init__(self, data_dir: Path, size_bytes: int) -> None:
        """`size_bytes`: of the whole reserve, >= `STEPS`; 0 keeps none."""
        self._folder = data_dir / FOLDER
        self._step_bytes = size_bytes // STEPS

    @property
    def steps_held(self) -> int:
        """How many of the `STEPS` parts are held now."""
        return sum(1 for part in self._parts() if part.exists())

    def fill(self) -> bool:
        """Take one more part, if one is missing. Raises OSError when the disk has no room for it."""
        missing = next((part for part in self._parts() if not part.exists()), None)
        if missing is None or self._step_bytes == 0:
            return False
        self._folder.mkdir(mode=0o700, exist_ok=True)
        unfinished = missing.with_suffix(".unfinished")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._step_bytes)
            os.fsync(descriptor)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        unfinished.rename(missing)
        return True

    def release_step(self) -> bool:
        """Give one part back to the disk; False when none is left."""
        held = next((part for part in self._parts() if part.exists()), None)
        if held is None:
            return False
        held.unlink()
        return True

    def _parts(self) -> list[Path]:
        return [self._folder / f"part-{number}" for number in range(STEPS)]
