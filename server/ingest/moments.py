"""Which times a device may state."""

from __future__ import annotations

from datetime import UTC, datetime

from contract.errors import ErrorKind, KentonganError

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""A clock that is this wrong says nothing, and arithmetic near the ends of the calendar overflows."""


def check_moments(*moments: datetime | None) -> None:
    """Raises:
    KentonganError: `bad-input` when one of `moments` lies outside EARLIEST and LATEST.
    """
    if not all(moment is None or EARLIEST <= moment < LATEST for moment in moments):
        raise KentonganError(ErrorKind.BAD_INPUT, f"times lie between {EARLIEST:%Y} and {LATEST:%Y}")
