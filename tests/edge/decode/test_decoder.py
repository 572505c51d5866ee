"""The decoder returns masked frames at the analysis rate, whatever happens to the packets."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from contract.clock import Instant, SystemClock
from edge.capture.packets import Packet
from edge.capture.session import SourceSettings, open_session
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from tests.support.cameras import packets_of
from tests.support.media import Film, frame_number, join_videos, make_video

START = Instant(0.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> list[Packet]:
    """Twelve seconds at 25 frames per second, with a keyframe every second."""
    path = make_video(tmp_path_factory.mktemp("film") / "street.mp4", Film(fps=25, gop=25, seconds=12.0))
    return packets_of(path)


def decode(decoder: AnalysisDecoder, packets: list[Packet]) -> list[Frame]:
    return [frame for packet in packets for frame in decoder.feed(packet)]


def numbers(frames: list[Frame]) -> list[int]:
    return [frame_number(frame.y) for frame in frames]


@pytest.mark.parametrize(("fps", "analysis_fps"), [(25, 5.0), (12, 5.0), (10, 5.0), (15, 4.0), (30, 7.0), (7, 5.0)])
def test_the_mean_rate_is_the_analysis_rate_and_frames_are_spread_evenly(
    tmp_path: Path, fps: int, analysis_fps: float
) -> None:
    packets = packets_of(make_video(tmp_path / "a.mp4", Film(fps=fps, seconds=8.0, width=64, height=48)))
    frames = decode(AnalysisDecoder(analysis_fps), packets)
    expected = 8.0 * analysis_fps
    assert expected - 1 <= len(frames) <= expected + 1
    spaces_s = [after.captured.mono_s - before.captured.mono_s for before, after in pairwise(frames)]
    assert max(spaces_s) <= 1 / analysis_fps + 1 / fps + 1e-6
    assert min(spaces_s) >= 1 / analysis_fps - 1 / fps - 1e-6


def test_a_camera_slower_than_the_analysis_rate_loses_no_frame(tmp_path: Path) -> None:
    packets = packets_of(make_video(tmp_path / "slow.mp4", Film(fps=3, seconds=4.0, gop=3)))
    assert numbers(decode(AnalysisDecoder(5.0), packets)) == list(range(12))


def test_every_frame_has_the_capture_time_of_its_own_packet(street: list[Packet]) -> None:
    frames = decode(AnalysisDecoder(5.0), street)
    assert len(frames) == 60
    for frame in frames:
        assert frame.captured is street[frame_number(frame.y)].captured


def test_frames_out_of_order_keep_their_capture_times(tmp_path: Path) -> None:
    packets = packets_of(make_video(tmp_path / "b.mp4", Film(fps=25, seconds=3.0, b_frames=3)))
    by_number = sorted(packets, key=lambda packet: packet.pts_90k)
    frames = decode(AnalysisDecoder(25.0), packets)
    assert len(frames) > 60
    for frame in frames:
        assert frame.captured is by_number[frame_number(frame.y)].captured


def test_the_loop_filter_is_skipped_only_in_frames_without_dependents(tmp_path: Path) -> None:
    path = make_video(tmp_path / "b.mp4", Film(fps=25, gop=25, seconds=3.0, b_frames=2, kbps=60))
    frames = {frame_number(frame.y): frame.y for frame in decode(AnalysisDecoder(60.0), packets_of(path))}
    changed = {True: 0, False: 0}
    with av.open(str(path)) as container:
        for number, video_frame in enumerate(container.decode(video=0)):
            if number in frames:
                is_b = video_frame.pict_type == PictureType.B
                changed[is_b] += not np.array_equal(frames[number], Frame.from_av(video_frame, START).y)
    assert changed[False] == 0, "what is missing would add up until the next keyframe"
    assert changed[True] > 10


def test_every_frame_is_masked(street: list[Packet]) -> None:
    mask = PrivacyMask([[(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]])
    frames = decode(AnalysisDecoder(5.0, mask), street)
    assert len(frames) == 60
    assert all(bool((frame.y[frame.height // 2 :] == 16).all()) for frame in frames)
    plain = decode(AnalysisDecoder(5.0), street)
    assert any(bool((frame.y[frame.height // 2 :] != 16).any()) for frame in plain)


def test_masking_does_not_disturb_later_frames(street: list[Packet]) -> None:
    """A mask burnt into the decoder's own memory would spread, because the decoder predicts from it."""
    mask = PrivacyMask([[(0.3, 0.5), (0.6, 0.5), (0.6, 0.9), (0.3, 0.9)]])
    masked = decode(AnalysisDecoder(25.0, mask), street[:25])
    plain = decode(AnalysisDecoder(25.0), street[:25])
    outside = ~mask.covers(320, 192)
    assert len(masked) == 25
    for one, other in zip(masked, plain, strict=True):
        assert np.array_equal(one.y[outside], other.y[outside])


def test_a_new_resolution_is_decoded_from_its_first_frame(tmp_path: Path) -> None:
    parts = [
        make_video(tmp_path / "1.mp4", Film(seconds=1.0)),
        make_video(tmp_path / "2.mp4", Film(seconds=1.0, width=640, height=384), first=10),
    ]
    decoder = AnalysisDecoder(60.0)
    frames = decode(decoder, packets_of(join_videos(tmp_path / "joined.mp4", parts, fps=10)))
    assert [frame.width for frame in frames] == [320] * 10 + [640] * 10
    assert numbers(frames) == list(range(20))
    assert decoder.counters.errors == 0


def test_damaged_packets_are_counted_and_overcome_at_the_next_keyframe(street: list[Packet]) -> None:
    random = np.random.default_rng(4)
    damaged = list(street[:75])
    for index in range(5, 20):
        noise = random.integers(0, 256, damaged[index].size_bytes, dtype=np.uint8).tobytes()
        damaged[index] = replace(damaged[index], data=noise)
    damaged[30] = replace(damaged[30], data=b"")
    decoder = AnalysisDecoder(60.0)
    frames = decode(decoder, damaged)
    assert decoder.counters.errors >= 15
    assert numbers(frames)[-25:] == list(range(50, 75))


def test_a_stream_that_starts_within_a_group_waits_for_a_keyframe(street: list[Packet]) -> None:
    decoder = AnalysisDecoder(60.0)
    assert numbers(decode(decoder, street[7:40])) == list(range(25, 40))
    assert decoder.counters.skipped == 18
    assert decoder.counters.errors == 0


def test_a_quiet_camera_decodes_its_keyframes_only(street: list[Packet]) -> None:
    decoder = AnalysisDecoder(5.0)
    decoder.set_quiet(True)
    frames = decode(decoder, street[:100])
    assert numbers(frames) == [0, 25, 50, 75], "each as soon as it came"
    assert (decoder.counters.decoded, decoder.counters.skipped) == (4, 96)
    assert decoder.is_quiet


def test_while_quiet_a_keyframe_is_returned_with_its_own_packet(street: list[Packet]) -> None:
    decoder = AnalysisDecoder(5.0)
    decoder.set_quiet(True)
    assert numbers(decoder.feed(street[0])) == [0]
    assert decoder.feed(street[1]) == []
    assert numbers(decode(decoder, street[2:26])) == [25]


@pytest.mark.parametrize("asleep_until", [26, 40, 49])
def test_waking_decodes_the_group_of_pictures_back_without_a_gap(street: list[Packet], asleep_until: int) -> None:
    decoder = AnalysisDecoder(5.0)
    decoder.set_quiet(True)
    quiet = decode(decoder, street[:asleep_until])
    woken = decoder.wake(street[25:asleep_until])
    assert not decoder.is_quiet
    after = decode(decoder, street[asleep_until:100])
    seen = numbers(quiet + woken + after)
    assert seen == [0, *range(25, 100, 5)], (
        "the keyframe is not given out twice, and the analysis rate holds from it on"
    )
    assert decoder.counters.errors == 0


def test_waking_without_a_ring_continues_at_the_next_keyframe(street: list[Packet]) -> None:
    decoder = AnalysisDecoder(5.0)
    decoder.set_quiet(True)
    decode(decoder, street[:30])
    decoder.set_quiet(False)
    assert numbers(decode(decoder, street[30:60])) == [50, 55]


def test_a_frame_delayed_by_b_frames_is_not_lost_when_the_camera_turns_quiet(tmp_path: Path) -> None:
    packets = packets_of(make_video(tmp_path / "b.mp4", Film(fps=25, gop=25, seconds=3.0, b_frames=2)))
    decoder = AnalysisDecoder(25.0)
    awake = decode(decoder, packets[:20])
    decoder.set_quiet(True)
    asleep = decode(decoder, packets[20:])
    assert numbers(awake + asleep)[-2:] == [25, 50]


@pytest.mark.parametrize("analysis_fps", [0.0, 61.0, float("nan")])
def test_a_rate_out_of_range_is_refused(analysis_fps: float) -> None:
    with pytest.raises(ValueError, match=r"analysis_fps is 0\.1 to 60"):
        AnalysisDecoder(analysis_fps)


def test_ten_bit_h265_becomes_an_eight_bit_frame(tmp_path: Path) -> None:
    film = Film(codec="hevc", seconds=0.5, pixel_format="yuv420p10le")
    path = make_video(tmp_path / "ten.mp4", film)
    with open_session(SourceSettings(str(path), speed=None), SystemClock(), threading.Event()) as session:
        frames = AnalysisDecoder(60.0).feed(next(session.packets()))
    assert len(frames) <= 1
    assert numbers(decode(AnalysisDecoder(60.0), packets_of(path))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("film", "unfiltered"),
    [
        (Film(fps=25, gop=25, seconds=3.0, width=160, height=720), True),
        (Film(fps=25, gop=25, seconds=3.0, width=160, height=720, b_frames=2), True),
        (Film(fps=25, gop=25, seconds=3.0, width=160, height=720, codec="hevc"), True),
        (Film(fps=25, gop=25, seconds=3.0, width=160, height=704), False),
        (Film(fps=25, gop=110, seconds=9.0, width=160, height=720), False),
    ],
    ids=["large", "B-frames", "H.265", "small", "keyframes far apart"],
)
def test_the_loop_filter_is_skipped_in_large_frames_with_close_keyframes(
    tmp_path: Path, film: Film, *, unfiltered: bool
) -> None:
    packets = packets_of(make_video(tmp_path / "camera.mp4", film))
    decoder = AnalysisDecoder(film.fps)
    frames = decode(decoder, packets)
    assert decoder.is_unfiltered is unfiltered
    seen = numbers(frames)
    assert seen == list(range(len(seen)))
    assert len(seen) >= len(packets) - 4  # those that wait for a later frame are not returned yet


def test_the_loop_filter_returns_when_keyframes_move_apart(tmp_path: Path) -> None:
    packets = packets_of(make_video(tmp_path / "a.mp4", Film(fps=25, gop=25, seconds=3.0, width=160, height=720)))
    decoder = AnalysisDecoder(5.0)
    decode(decoder, packets)
    assert decoder.is_unfiltered
    first, rest = packets[0], [replace(packet, is_keyframe=False) for packet in packets[1:] * 2]
    starts_mono_s = packets[-1].captured.mono_s + 1.0
    far = [
        replace(packet, captured=Instant(starts_mono_s + index * 0.04, START.utc))
        for index, packet in enumerate([first, *rest, first])
    ]
    decode(decoder, far)
    assert not decoder.is_unfiltered


def test_frames_that_are_neither_due_nor_referred_to_are_not_decoded(tmp_path: Path) -> None:
    packets = packets_of(make_video(tmp_path / "b.mp4", Film(fps=25, gop=25, seconds=4.0, b_frames=2)))
    everything = AnalysisDecoder(60.0)
    whole = {frame.captured.mono_s: frame.y for frame in decode(everything, packets)}
    decoder = AnalysisDecoder(5.0)

    frames = decode(decoder, packets)

    assert len(frames) >= 19
    for frame in frames:
        assert np.array_equal(frame.y, whole[frame.captured.mono_s]), "what it is predicted from was decoded"
    assert decoder.counters.decoded < 0.85 * everything.counters.decoded
    assert decoder.counters.errors == 0


def test_a_due_frame_is_returned_with_its_own_packet(street: list[Packet]) -> None:
    decoder = AnalysisDecoder(5.0)
    for index, packet in enumerate(street[:100]):
        assert numbers(decoder.feed(packet)) == ([index] if index % 5 == 0 else [])


def test_the_number_of_waiting_packets_is_bounded(street: list[Packet]) -> None:
    decoder = AnalysisDecoder(0.5)
    waiting = []
    for packet in street[:100]:
        decoder.feed(packet)
        waiting.append(decoder.counters.packets - decoder.counters.decoded)
    assert max(waiting) == 7
