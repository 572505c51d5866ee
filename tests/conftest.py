"""Fixtures for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

# So that an assertion in a helper shows its values, as one in a test does.
pytest.register_assert_rewrite("tests.support")

# A loaded machine is no fault of the code: no test is timed, these included.
hypothesis.settings.register_profile("kentongan", deadline=None)
hypothesis.settings.load_profile("kentongan")

_SHARED = Path(__file__).resolve().parents[1] / "../shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party footage for tests; the test is skipped where it does not exist."""
    folder = (_SHARED / "data").resolve()
    if not folder.is_dir():
        pytest.skip(f"needs the shared footage in {folder}")
    return folder


@pytest.fixture(autouse=True)
def untouched_logs() -> Iterator[None]:
    """How a test sets logging up concerns no other test."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
