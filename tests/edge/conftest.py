"""A device that delivers, and the server that it delivers to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.delivery import Delivery, delivering
from tests.support.ingest import IngestServer, running_ingest


@pytest.fixture
def server() -> Iterator[IngestServer]:
    with running_ingest() as running:
        yield running


@pytest.fixture
def device(tmp_path: Path, server: IngestServer) -> Iterator[Delivery]:
    with delivering(tmp_path, server.url) as delivery:
        yield delivery
