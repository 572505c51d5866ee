"""Real footage for tests: single frames as the decoder gives them, and labelled sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av

from bench.motdata import LabelledSet, read_mot
from contract.clock import Instant
from edge.decode.frame import Frame
from tests.support.data import DataFile


def footage_frames(video: Path, indices: range, fps: float = 10.0) -> Iterator[Frame]:
    """The frames with these indices, from 0, each captured `1 / fps` seconds after the one before it."""
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= indices.stop:
                return
            if number in indices:
                yield Frame.from_av(frame, Instant(number / fps, datetime(2026, 11, 24, tzinfo=UTC)))


def mot_set(data_file: DataFile, name: str) -> LabelledSet:
    """A set of the folder `mot`, its video and its truth."""
    video = data_file(f"mot/{name}.mp4")
    for part in ("gt.txt", "seqinfo.ini"):
        data_file(f"mot/{name}/{part}")
    return read_mot(video.with_suffix(""))
