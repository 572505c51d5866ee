"""Input for the clip recorder and the signal recorder: a filled ring, signals and frames."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from contract.clock import Instant
from contract.event import Phase, Rule, Severity
from contract.reasons import Reason
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.decode.frame import Frame
from edge.signals import Signal
from tests.support.cameras import packets_of
from tests.support.events import NOON
from tests.support.media import Film, make_video

FILM = Film(width=160, height=96, fps=10, seconds=60.0, gop=10, kbps=60)
START = Instant(1000.0, NOON)
"""Capture time of the film's first frame."""


def at(second: float) -> Instant:
    """A moment of the film."""
    return START.shifted(second)


def filmed(folder: Path) -> list[Packet]:
    """A minute of packets, ten a second, with a keyframe each second."""
    return packets_of(make_video(folder / "minute.mp4", FILM), starts=START)


def fill(ring: PacketRing, packets: Iterable[Packet], until_s: float) -> None:
    """Append the packets captured until that second of the film, unless the ring has them already."""
    newest_mono_s = ring.newest_mono_s
    for packet in packets:
        mono_s = packet.captured.mono_s
        if mono_s <= START.mono_s + until_s and (newest_mono_s is None or mono_s > newest_mono_s):
            ring.append(packet)


def signal(
    key: str, phase: Phase, second: float, *, severity: Severity = Severity.WARNING, track_ids: tuple[int, ...] = (1,)
) -> Signal:
    """A signal of the zone `ronda` at a second of the film."""
    return Signal(
        key=key,
        rule=Rule.OCCUPANCY,
        zone_id="ronda",
        phase=phase,
        severity=severity,
        score=0.5,
        reasons=(Reason(code="people_over_capacity", params={"count": 3, "capacity": 2}),),
        began=at(second - 1.0),
        captured=at(second),
        people_count=3,
        track_ids=track_ids,
    )


def frame(second: float) -> Frame:
    """A grey frame."""
    chroma = np.full((48, 80), 128, np.uint8)
    return Frame(np.full((96, 160), 90, np.uint8), chroma, chroma, at(second))
