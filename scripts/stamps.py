"""Stamps: what was already set up, and from what, so that a second call has nothing to do."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
STAMPS = ROOT / ".setup"


def digest(files: Iterable[Path], *facts: str) -> str:
    """One digest over names and contents of `files` and over `facts`."""
    total = hashlib.sha256("\0".join(facts).encode())
    for file in sorted(files):
        total.update(f"\0{file.relative_to(ROOT)}\0".encode())
        total.update(file.read_bytes())
    return total.hexdigest()


def is_current(name: str, value: str) -> bool:
    """Whether the step `name` was last finished with this `value`."""
    stamp = STAMPS / name
    return stamp.is_file() and stamp.read_text() == value


def remember(name: str, value: str) -> None:
    """The step `name` is finished with this `value`."""
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / name).write_text(value)


def forget(name: str) -> None:
    """The step `name` is about to run, or its result is gone."""
    (STAMPS / name).unlink(missing_ok=True)
