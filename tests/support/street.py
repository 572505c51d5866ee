"""A busy street as an RTSP camera, made once for each test process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data import DataFile
from tests.support.media import Film, make_video, people_images
from tests.support.rtsp import RtspCameras

MAIN = Film(width=640, height=480, fps=10, seconds=30.0, gop=20, kbps=800)
SUB = Film(width=320, height=240, fps=10, seconds=30.0, gop=20, kbps=250)


@pytest.fixture(scope="session")
def street(data_file: DataFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of people crossing a square, and `small.mp4` beside it, the same as a substream."""
    folder = tmp_path_factory.mktemp("street")
    make_video(folder / "small.mp4", SUB, people_images(data_file, SUB))
    return make_video(folder / "street.mp4", MAIN, people_images(data_file, MAIN))


@pytest.fixture
def cameras(street: Path) -> Iterator[RtspCameras]:
    """The street's cameras, running."""
    with RtspCameras(street.parent) as running:
        yield running
