"""The simulated cameras, read as an edge worker reads them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from demo import processes
from demo.cameras import camera_url
from tests.support.media import Film, make_video

FILM = Film(seconds=1.0, fps=20, gop=10)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "pos-ronda.mp4"
    make_video(path, FILM)
    return path


@pytest.fixture(scope="module")
def port(film: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "demo.cameras", str(film.parent)]
    child = processes.start("cameras", command, film.parent / "log", os.environ, stdout=subprocess.PIPE)
    assert child.process.stdout is not None
    with child.process.stdout as said:
        yield json.loads(said.readline())["port"]
        assert processes.stop([child], patience_s=5.0) == []
    assert child.exit_status == 0


def read(url: str, pictures: int) -> list[tuple[float, bytes]]:
    """Times in seconds and bytes of the first packets of the camera at `url`."""
    packets: list[tuple[float, bytes]] = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and packet.time_base is not None:
                packets.append((float(packet.pts * packet.time_base), bytes(packet)))
            if len(packets) == pictures:
                break
    return packets


def test_a_camera_plays_on_after_the_files_end_with_continuous_timestamps(film: Path, port: int) -> None:
    packets = read(camera_url(port, film), FILM.count + 15)
    steps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(packets)]
    assert steps == pytest.approx([1 / FILM.fps] * len(steps), abs=0.002)


def test_the_second_round_brings_the_same_pictures(film: Path, port: int) -> None:
    packets = read(camera_url(port, film), FILM.count + 5)
    assert packets[0][1] == packets[FILM.count][1]


def test_two_clients_read_the_same_camera_at_once(film: Path, port: int) -> None:
    url = camera_url(port, film)
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as first:
        packets = first.demux(video=0)
        assert next(packets).size
        assert len(read(url, 5)) == 5
        assert next(packets).size


def test_a_camera_that_does_not_exist_is_not_found(film: Path, port: int) -> None:
    with pytest.raises(av.error.HTTPNotFoundError):
        av.open(camera_url(port, film.with_name("lain.mp4")), options={"rtsp_transport": "tcp"}, timeout=10)


def test_a_path_out_of_the_folder_is_not_found(port: int) -> None:
    url = f"rtsp://127.0.0.1:{port}/..%2f..%2fetc/passwd"
    with pytest.raises(av.error.HTTPNotFoundError):
        av.open(url, options={"rtsp_transport": "tcp"}, timeout=10)
