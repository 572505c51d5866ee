"""Files and folders of segments in place of cameras."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from contract.clock import Instant, ManualClock, SystemClock
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from edge.decode.decoder import AnalysisDecoder
from tests.support.cameras import packets_of
from tests.support.media import Film, frame_number, make_video

STARTS = Instant(500.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC), 2.0)


def open_fault(url: str | Path) -> SourceFault:
    with pytest.raises(SourceFault) as raised:
        open_session(SourceSettings(str(url), speed=None), SystemClock(), threading.Event())
    return raised.value


def test_a_file_without_a_speed_replays_at_once_with_times_from_its_start(tmp_path: Path) -> None:
    path = make_video(tmp_path / "street.mp4", Film(seconds=30.0, width=96, height=64))
    began_mono_s = time.monotonic()
    packets = packets_of(path, ManualClock(STARTS.utc), starts=STARTS)
    assert time.monotonic() - began_mono_s < 5.0
    assert [packet.captured for packet in packets[::100]] == [STARTS.shifted(10.0 * index) for index in range(3)]
    assert packets[0].duration_s == pytest.approx(0.1)


def test_a_file_can_be_played_at_its_own_speed(tmp_path: Path) -> None:
    path = make_video(tmp_path / "street.mp4", Film(fps=20, seconds=0.6))
    came_mono_s: list[float] = []

    def play() -> None:
        with open_session(SourceSettings(str(path)), SystemClock(), threading.Event()) as session:
            for packet in session.packets():
                came_mono_s.append(time.monotonic())
                assert abs(packet.captured.mono_s - came_mono_s[-1]) < 0.2

    with pytest.raises(SourceFault) as raised:
        play()
    assert raised.value.kind is FaultKind.ENDED
    assert 0.5 < came_mono_s[-1] - came_mono_s[0] < 0.9


@pytest.mark.parametrize(("speed", "least_s", "most_s"), [(4.0, 0.5, 0.8), (0.5, 1.6, 2.3)])
def test_a_file_plays_at_the_given_speed_and_keeps_its_own_times(
    tmp_path: Path, speed: float, least_s: float, most_s: float
) -> None:
    seconds = 2.4 if speed > 1.0 else 1.0
    path = make_video(tmp_path / "street.mp4", Film(seconds=seconds, width=64, height=48))
    began_mono_s = time.monotonic()
    packets = packets_of(path, speed=speed, starts=STARTS)
    assert least_s < time.monotonic() - began_mono_s < most_s
    assert packets[-1].captured.mono_s - STARTS.mono_s == pytest.approx(seconds - 0.1)


@pytest.mark.parametrize("speed", [0.0, -1.0, 101.0, float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match=r"speed is 0\.1 to 100 times a file's own, got"):
        SourceSettings("/x.mp4", speed=speed)


def test_playing_a_file_stops_at_once(tmp_path: Path) -> None:
    path = make_video(tmp_path / "slow.mp4", Film(fps=1, seconds=4.0, width=64, height=48))
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    began_mono_s = time.monotonic()
    with open_session(SourceSettings(str(path)), SystemClock(), stop) as session:
        timer.start()
        assert len(list(session.packets())) == 1
    assert time.monotonic() - began_mono_s < 0.7
    timer.join()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
def test_every_container_gives_the_same_frames_at_the_same_times(tmp_path: Path, suffix: str) -> None:
    packets = packets_of(make_video(tmp_path / f"street{suffix}", Film(b_frames=2)), starts=STARTS)
    assert all(packet.data.startswith(b"\x00\x00\x00\x01") for packet in packets), "whatever the container's framing"
    shown = sorted(packet.captured.mono_s for packet in packets)
    assert [round(mono_s - shown[0], 2) for mono_s in shown] == [round(index * 0.1, 2) for index in range(30)]
    decoder = AnalysisDecoder(60.0)
    numbers = [frame_number(frame.y) for packet in packets for frame in decoder.feed(packet)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 27, "the last ones wait in the decoder for more"


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".h264"), ("hevc", ".h265")])
def test_an_elementary_stream_without_timestamps_gets_regular_ones(tmp_path: Path, codec: str, suffix: str) -> None:
    packets = packets_of(make_video(tmp_path / f"bare{suffix}", Film(codec=codec, fps=25, seconds=1.0)), starts=STARTS)
    assert len(packets) == 25
    monos = [packet.captured.mono_s for packet in packets]
    assert all(after - before == pytest.approx(0.04) for before, after in pairwise(monos))


def test_a_folder_of_segments_plays_as_one_stream(tmp_path: Path) -> None:
    for index in range(3):
        size = {"width": 640, "height": 384} if index == 2 else {}
        make_video(tmp_path / f"part-{index}.mp4", Film(seconds=1.0, **size), first=index * 10)  # type: ignore[arg-type] # widths and heights
    (tmp_path / "notes.txt").write_text("not a segment")
    packets = packets_of(tmp_path, starts=STARTS)
    monos = [packet.captured.mono_s for packet in packets]
    assert monos == pytest.approx([500.0 + index * 0.1 for index in range(30)], abs=1e-4)
    decoder = AnalysisDecoder(60.0)
    frames = [frame for packet in packets for frame in decoder.feed(packet)]
    assert [frame_number(frame.y) for frame in frames] == list(range(30))
    assert [frame.width for frame in frames[::10]] == [320, 320, 640]


def test_a_segment_in_another_codec_ends_the_replay(tmp_path: Path) -> None:
    make_video(tmp_path / "1.mp4", Film(seconds=0.5))
    make_video(tmp_path / "2.mp4", Film(seconds=0.5, codec="hevc"))
    with open_session(SourceSettings(str(tmp_path), speed=None), SystemClock(), threading.Event()) as session:
        packets = session.packets()
        assert len([next(packets) for _ in range(5)]) == 5
        with pytest.raises(SourceFault, match=r"2\.mp4 is hevc after h264"):
            next(packets)


def test_a_segment_that_cannot_be_read_loses_only_its_own_frames(tmp_path: Path) -> None:
    for index in range(3):
        make_video(tmp_path / f"part-{index}.mp4", Film(seconds=1.0), first=index * 10)
    (tmp_path / "part-1.mp4").write_bytes((tmp_path / "part-1.mp4").read_bytes()[:2000])  # its index was at its end
    packets = packets_of(tmp_path, starts=STARTS)
    decoder = AnalysisDecoder(60.0)
    frames = [frame for packet in packets for frame in decoder.feed(packet)]
    assert [frame_number(frame.y) for frame in frames] == [*range(10), *range(20, 30)]
    assert packets[-1].captured.mono_s == pytest.approx(501.9, abs=1e-4)
    (tmp_path / "part-0.mp4").write_bytes(b"nothing")
    assert "part-0.mp4" in open_fault(tmp_path).detail


def test_a_text_file_is_not_video(tmp_path: Path) -> None:
    for name in ("notes.txt", "notes.mp4"):
        path = tmp_path / name
        path.write_text("Catatan ronda malam.\n" * 200)
        fault = open_fault(path)
        assert fault.kind is FaultKind.NOT_VIDEO
        assert str(path) in fault.detail


def test_a_file_without_a_frame_is_not_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16000)
        sound.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    assert open_fault(path).kind is FaultKind.NOT_VIDEO


def test_a_file_truncated_before_its_first_frame_is_not_video(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    with (
        av.open(str(make_video(tmp_path / "whole.mp4"))) as whole,
        av.open(str(path), "w", options={"movflags": "faststart"}) as container,
    ):
        copied = container.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(whole.streams.video[0]):
            if packet.size:
                packet.stream = copied
                container.mux(packet)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 8])
    with (
        open_session(SourceSettings(str(path)), SystemClock(), threading.Event()) as session,
        pytest.raises(SourceFault) as raised,
    ):
        list(session.packets())
    assert raised.value.kind is FaultKind.NOT_VIDEO


def test_a_missing_file_an_empty_folder_and_an_empty_file_give_different_faults(tmp_path: Path) -> None:
    assert open_fault(tmp_path / "missing.mp4").kind is FaultKind.NOT_FOUND
    folder = tmp_path / "empty"
    folder.mkdir()
    assert open_fault(folder).kind is FaultKind.NOT_VIDEO
    nothing = tmp_path / "nothing.mp4"
    nothing.touch()
    assert open_fault(nothing).kind is FaultKind.NOT_VIDEO


def test_an_unsupported_codec_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        picture = av.VideoFrame(64, 48, "yuv420p")
        picture.pts = 0
        container.mux(video.encode(picture))
        container.mux(video.encode(None))
    fault = open_fault(path)
    assert fault.kind is FaultKind.UNSUPPORTED_CODEC
    assert fault.detail.endswith("sends mpeg4; only H.264 and H.265 can be read")


def test_a_truncated_file_gives_its_complete_frames(tmp_path: Path) -> None:
    path = make_video(tmp_path / "street.ts", Film())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    packets = packets_of(path)
    assert 5 < len(packets) < 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": ""}, "empty"),
        ({"url": "http://admin:geheim@host/x"}, r"rtsp://, rtsps:// or a path, got http://\*\*\*@host/x"),
        ({"url": "rtsp://host/x", "transport": "sctp"}, "transport is tcp or udp"),
        ({"url": "rtsp://host/x", "open_timeout_s": 0.0}, "open_timeout_s must be above 0"),
        ({"url": "rtsp://host/x", "silence_timeout_s": float("nan")}, "silence_timeout_s must be above 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SourceSettings(**settings)  # type: ignore[arg-type] # deliberately wrong
