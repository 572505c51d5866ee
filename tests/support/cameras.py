"""Films and packets that many tests use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from contract.clock import Clock, SystemClock
from edge.capture.packets import Packet
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from tests.support.media import Film, join_videos, make_video

STREET = Film(fps=25, gop=12, seconds=2.0)
STREET_HEVC = Film(codec="hevc", fps=25, gop=12, seconds=2.0)
WIDE = Film(width=640, height=384, fps=25, gop=12, seconds=1.0)


def make_films(folder: Path) -> Path:
    """Make street.mp4 (H.264), alley.mp4 (H.265) and changing.mp4 (its resolution changes after one second) in
    `folder`."""
    make_video(folder / "street.mp4", STREET)
    make_video(folder / "alley.mp4", STREET_HEVC)
    parts = folder / "parts"
    parts.mkdir()
    narrow = make_video(parts / "narrow.mp4", Film(fps=25, gop=12, seconds=1.0))
    wide = make_video(parts / "wide.mp4", WIDE, first=25)
    join_videos(folder / "changing.mp4", [narrow, wide], fps=25)
    return folder


def packets_of(
    path: Path, clock: Clock | None = None, *, speed: float | None = None, **settings: object
) -> list[Packet]:
    """All packets of a file, read at full speed unless `speed` is given; `settings` are those of SourceSettings.

    Raises SourceFault for anything but the end of the file.
    """
    found: list[Packet] = []
    stop = threading.Event()
    with open_session(SourceSettings(str(path), speed=speed, **settings), clock or SystemClock(), stop) as session:  # type: ignore[arg-type] # keywords of SourceSettings
        try:
            found.extend(session.packets())
        except SourceFault as fault:
            if fault.kind is not FaultKind.ENDED:
                raise
    return found


def take(packets: Iterator[Packet], count: int) -> list[Packet]:
    """The next `count` packets."""
    return list(islice(packets, count))
