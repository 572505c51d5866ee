"""Fixtures for every test."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from tests.support.data import DataFile, report
from tests.support.data import data_file as find_data_file

# A loaded machine is no fault of the code: no test is timed, these included.
hypothesis.settings.register_profile("kentongan", deadline=None)
hypothesis.settings.load_profile("kentongan")


@pytest.fixture(scope="session")
def data_file() -> DataFile:
    """Third-party footage, tracks and weights by their path in `tests/data.toml`."""
    return find_data_file


def pytest_report_header() -> str:
    return report()


@pytest.fixture(autouse=True)
def untouched_logs() -> Iterator[None]:
    """How a test sets logging up concerns no other test."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
