"""Single pictures of real footage, as the decoder gives them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av

from contract.clock import Instant
from edge.decode.frame import Frame


def footage_frames(video: Path, indices: range, fps: float = 10.0) -> Iterator[Frame]:
    """The pictures with these numbers, from 0, each captured `1 / fps` seconds after the one before it."""
    with av.open(str(video)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if number >= indices.stop:
                return
            if number in indices:
                yield Frame.from_av(picture, Instant(number / fps, datetime(2026, 11, 24, tzinfo=UTC)))
