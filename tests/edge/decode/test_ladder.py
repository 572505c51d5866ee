"""The decode ladder on real footage: what it leaves undecoded, and that it misses nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from contract.clock import Instant, ManualClock
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from edge.decode.attention import Attention, AttentionSettings
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.decode.ladder import GATE_WH, DecodeLadder
from edge.decode.masks import PrivacyMask
from edge.detector import Detector
from models.manifest import load_manifest
from tests.support.data import DataFile
from tests.support.media import Film, make_video

STARTS = Instant(0.0, datetime(2026, 11, 24, tzinfo=UTC))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(load_manifest().get())


def packets_of(video: Path, seconds: float) -> Iterator[Packet]:
    settings = SourceSettings(url=str(video), speed=None, starts=STARTS)
    with open_session(settings, ManualClock(STARTS.utc), threading.Event()) as session:
        try:
            for packet in session.packets():
                if packet.captured.mono_s > seconds:
                    return
                yield packet
        except SourceFault as fault:
            if fault.kind is not FaultKind.ENDED:
                raise


@dataclass
class Run:
    """Return the strong boxes of each returned frame by its time, and the attention after each packet."""

    boxes: dict[float, int] = field(default_factory=dict)
    attention: list[tuple[float, Attention]] = field(default_factory=list)


def climb(ladder: DecodeLadder, ring: PacketRing, packets: Iterator[Packet], detector: Detector) -> Run:
    run = Run()
    for packet in packets:
        ring.append(packet)
        for frame in ladder.feed(packet):
            found = detector.detect(frame)
            strong = found.boxes_xyxyn[found.scores >= 0.5]
            ladder.people_seen(len(strong), strong)
            run.boxes[frame.captured.mono_s] = len(strong)
        run.attention.append((packet.captured.mono_s, ladder.attention))
    return run


def test_people_passing_one_by_one_lose_no_box_and_the_pauses_are_not_decoded(
    data_file: DataFile, detector: Detector
) -> None:
    video = data_file("video/intel_one_by_one.mp4")
    everything = AnalysisDecoder()
    all_boxes = {
        frame.captured.mono_s: int((detector.detect(frame).scores >= 0.5).sum())
        for packet in packets_of(video, 40.0)
        for frame in everything.feed(packet)
    }
    ring = PacketRing(60.0)
    ladder = DecodeLadder(ring)
    run = climb(ladder, ring, packets_of(video, 40.0), detector)
    kept = sum(count for at_s, count in all_boxes.items() if at_s in run.boxes)
    assert sum(all_boxes.values()) > 100
    assert kept >= 0.99 * sum(all_boxes.values())
    assert list(run.boxes) == sorted(run.boxes)
    assert ladder.counters.wakes >= 1
    assert ladder.decoder.counters.skipped >= 20
    assert ladder.counters.handed_on < len(all_boxes)


def test_motion_that_began_between_two_keyframes_is_decoded_back(data_file: DataFile, detector: Detector) -> None:
    ring = PacketRing(60.0)
    ladder = DecodeLadder(ring)
    run = climb(ladder, ring, packets_of(data_file("video/intel_one_by_one.mp4"), 20.0), detector)
    quiet_s = [at_s for at_s, attention in run.attention if attention is Attention.QUIET]
    woken_s = next(at_s for at_s, attention in run.attention if at_s > quiet_s[0] and attention is Attention.ACTIVE)
    # Frames between the waking keyframe and the one before it were returned.
    assert [at_s for at_s in run.boxes if woken_s - 1.0 < at_s < woken_s - 0.05]


def test_frames_decoded_back_are_halved(tmp_path: Path) -> None:
    film = Film(width=1280, height=720, fps=10, gop=20, kbps=2000)
    video = make_video(tmp_path / "still.mp4", film, images=_one_comes_in_after(51, 80))
    ring = PacketRing(60.0)
    ladder = DecodeLadder(ring)
    bursts = []
    for packet in packets_of(video, 60.0):
        ring.append(packet)
        frames = ladder.feed(packet)
        if len(frames) > 1:
            bursts.append([(round(frame.captured.mono_s, 1), frame.width) for frame in frames])
    (burst,) = bursts
    assert burst[-1] == (6.0, 1280)
    assert {width for at_s, width in burst[:-1]} == {640}
    assert {5.2, 5.4, 5.6, 5.8} <= {at_s for at_s, _ in burst}


def test_an_overdue_keyframe_starts_full_decoding(tmp_path: Path) -> None:
    film = Film(width=1280, height=720, fps=10, gop=300, kbps=2000)
    video = make_video(tmp_path / "smart.mp4", film, images=_one_comes_in_after(51, 100))
    ring = PacketRing(60.0)
    ladder = DecodeLadder(ring)
    handed_on: list[tuple[float, float]] = []
    quiet_s, waiting = [], []
    for packet in packets_of(video, 60.0):
        ring.append(packet)
        waiting.append(packet)
        if not ladder.is_wanted(packet):
            continue  # the decode pool feeds it with the next wanted one
        now_s = packet.captured.mono_s
        frames = [frame for one in waiting for frame in ladder.feed(one)]
        handed_on += [(now_s, round(frame.captured.mono_s, 1)) for frame in frames]
        waiting.clear()
        if ladder.attention is Attention.QUIET:
            quiet_s.append(now_s)
    late_s = AttentionSettings().quiet_every_s + 0.2
    assert quiet_s, "it was quiet before anybody came"
    assert max(quiet_s) <= late_s
    seen_s = [at_s for now_s, at_s in handed_on if now_s <= late_s]
    assert {5.2, 5.4, 5.6, 5.8, 6.0} <= set(seen_s), "although the next keyframe would come after 30 s"
    assert seen_s == sorted(seen_s)
    assert ladder.counters.wakes == 1


def _one_comes_in_after(number: int, count: int) -> Iterator[npt.NDArray[np.uint8]]:
    still = np.random.default_rng(5).integers(60, 200, (45, 80, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    for index in range(count):
        image = still.copy()
        if index > number:
            left = 20 * (index - number)
            image[200:500, left : left + 120] = 255
        yield image


def test_motion_under_a_mask_does_not_wake_the_ladder(data_file: DataFile, detector: Detector) -> None:
    whole = PrivacyMask([[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]])
    ring = PacketRing(60.0)
    ladder = DecodeLadder(ring, mask=whole)
    run = climb(ladder, ring, packets_of(data_file("video/intel_one_by_one.mp4"), 20.0), detector)
    assert ladder.attention is Attention.QUIET
    assert ladder.counters.wakes == 0
    assert sum(run.boxes.values()) == 0


def test_camera_health_gets_each_gated_frame_once_in_order_and_small(data_file: DataFile, detector: Detector) -> None:
    shown: list[tuple[float, tuple[int, ...]]] = []

    def on_frame(small: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], frame: Frame) -> None:
        shown.append((frame.captured.mono_s, small.shape))

    ring = PacketRing(60.0)
    watched: Callable[..., object] = on_frame
    ladder = DecodeLadder(ring, on_frame=watched)
    climb(ladder, ring, packets_of(data_file("video/intel_one_by_one.mp4"), 10.0), detector)
    assert [at_s for at_s, _ in shown] == sorted({at_s for at_s, _ in shown})
    assert {shape for _, shape in shown} == {(GATE_WH[1], GATE_WH[0])}


def test_the_gate_is_skipped_shortly_after_motion(data_file: DataFile, detector: Detector) -> None:
    asked: list[float] = []
    ring = PacketRing(60.0)
    ladder = DecodeLadder(ring, on_frame=lambda _, frame: asked.append(frame.captured.mono_s))
    run = climb(ladder, ring, packets_of(data_file("video/intel_one_by_one.mp4"), 30.0), detector)
    moving = [at_s for at_s, attention in run.attention if attention is Attention.ACTIVE]
    assert np.median(np.diff([at_s for at_s in asked if at_s in moving])) == pytest.approx(0.4, abs=0.1)
    assert min(np.diff(sorted(run.boxes))) == pytest.approx(0.2, abs=0.1), "detection still runs on every frame"
