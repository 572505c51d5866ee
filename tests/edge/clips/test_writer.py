"""Clips hold the camera's own pictures around the trigger, whole, in a file that plays."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from contract.clock import Instant, SystemClock
from contract.event import ClipReference
from contract.ids import UuidV7Factory
from edge.capture.bitstream import Codec, is_slice, split_units
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet, StreamInfo
from edge.capture.session import SourceSettings, open_session
from edge.clips.cutting import ClipFault
from edge.clips.writer import write_clip
from edge.decode.masks import PrivacyMask
from tests.support.cameras import make_films, packets_of, take
from tests.support.media import Film, Image, frame_number, join_videos, make_video
from tests.support.rtsp import RtspCameras

new_id = UuidV7Factory(SystemClock())
STARTS = Instant(1000.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC), 0.5)
FILMS = {
    "h264": Film(fps=25, gop=25, seconds=4.0),
    "h264 with B-frames": Film(fps=25, gop=25, seconds=4.0, b_frames=3),
    "h265": Film(codec="hevc", fps=25, gop=25, seconds=4.0),
    "h265 with B-frames": Film(codec="hevc", fps=25, gop=25, seconds=4.0, b_frames=2),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Packet]]:
    folder = tmp_path_factory.mktemp("films")
    return {name: packets_of(make_video(folder / f"{name}.mp4", film), starts=STARTS) for name, film in FILMS.items()}


def cut(packets: list[Packet], trigger_s: float, folder: Path, mask: PrivacyMask | None = None) -> ClipReference:
    """The clip around `trigger_s` seconds after `STARTS`."""
    trigger = STARTS.shifted(trigger_s)
    return write_clip(packets, clip_id=new_id(), trigger=trigger, destination=folder / "clip.mp4", mask=mask)


def decoded(path: Path) -> list[tuple[float, Image]]:
    """Every picture with its time in seconds, checked: any error of the decoder fails the test."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return [
            (
                float((frame.pts or 0) * (frame.time_base or 0)),
                np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8),
            )
            for frame in container.decode(stream)
        ]


def numbers(path: Path) -> list[int]:
    return [frame_number(luma) for _, luma in decoded(path)]


def slices_of(path: Path) -> list[bytes]:
    """The coded slices in the file, in order: what a re-encoding could not keep."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = Codec(stream.codec_context.name)
        to_annexb = av.BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
        return [
            unit
            for packet in container.demux(stream)
            if packet.size
            for made in to_annexb.filter(packet)
            for unit in split_units(bytes(made))
            if is_slice(codec, unit)
        ]


def slices_in(packets: list[Packet]) -> list[bytes]:
    return [unit for one in packets for unit in split_units(one.data) if is_slice(one.stream.codec, unit)]


@pytest.mark.parametrize("film", list(FILMS))
def test_a_clip_holds_the_cameras_own_slices_and_every_picture_of_them(
    films: dict[str, list[Packet]], film: str, tmp_path: Path
) -> None:
    ring = PacketRing()
    for packet in films[film]:
        ring.append(packet)
    packets = ring.between(1000.0 + 1.3, 1000.0 + 3.0)
    clip = cut(packets, 2.1, tmp_path)
    path = tmp_path / "clip.mp4"
    assert slices_of(path) == slices_in(packets)
    shown = decoded(path)
    assert [frame_number(luma) for _, luma in shown][:50] == list(range(25, 75)), "from the keyframe before on"
    assert [second for second, _ in shown] == pytest.approx([index * 0.04 for index in range(len(shown))], abs=1e-4)
    assert clip.frame_count == len(shown) == len(packets)
    assert clip.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert clip.size_bytes == path.stat().st_size
    assert clip.duration_s == pytest.approx(len(packets) * 0.04, abs=0.09)
    assert clip.starts_at == STARTS.utc + timedelta(seconds=1.0)
    assert clip.trigger_offset_s == pytest.approx(1.1)
    assert clip.covers_trigger
    assert (clip.gaps, clip.redacted) == ((), False)
    assert [one.name for one in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize(("film", "tag"), [("h264", "avc1"), ("h265", "hvc1")])
def test_the_file_is_marked_as_browsers_want_it_and_its_head_comes_first(
    films: dict[str, list[Packet]], film: str, tag: str, tmp_path: Path
) -> None:
    clip = cut(films[film], 2.0, tmp_path)
    assert clip.codec.startswith(f"{tag}.")
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "a browser can start before it has all of it"
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec_tag == tag
        assert stream.start_time == 0
        assert container.duration == pytest.approx(clip.duration_s * 1e6, rel=0.001)


def test_a_clip_out_of_a_real_camera_is_cut_without_re_encoding(tmp_path: Path) -> None:
    films = make_films(tmp_path)
    out = tmp_path / "clips"
    out.mkdir()
    for name in ("street", "alley"):
        with RtspCameras(films) as cameras:
            settings = SourceSettings(cameras.url(f"{name}.mp4"))
            with open_session(settings, SystemClock(), threading.Event()) as session:
                packets = take(session.packets(), 45)
        trigger = packets[20].captured
        clip = write_clip(packets, clip_id=new_id(), trigger=trigger, destination=out / f"{name}.mp4")
        assert clip.frame_count == 45
        assert clip.trigger_offset_s == pytest.approx(0.8, abs=0.05)
        source = slices_of(films / f"{name}.mp4")
        assert slices_of(out / f"{name}.mp4") == source[:45]
        assert numbers(out / f"{name}.mp4") == list(range(45))


def test_a_pause_in_the_stream_is_listed_and_keeps_its_length(films: dict[str, list[Packet]], tmp_path: Path) -> None:
    packets = [packet for index, packet in enumerate(films["h264"]) if not 30 <= index < 75]
    clip = cut(packets, 0.5, tmp_path)
    assert len(clip.gaps) == 1
    assert clip.gaps[0].starts_s == pytest.approx(30 * 0.04)
    assert clip.gaps[0].ends_s == pytest.approx(75 * 0.04)
    times = [second for second, _ in decoded(tmp_path / "clip.mp4")]
    assert times[30] - times[29] == pytest.approx(46 * 0.04)
    assert clip.duration_s == pytest.approx(4.0)


def test_a_trigger_inside_a_pause_makes_no_clip(films: dict[str, list[Packet]], tmp_path: Path) -> None:
    packets = [packet for index, packet in enumerate(films["h264"]) if not 30 <= index < 75]
    with pytest.raises(ClipFault, match=r"no frame at the trigger, 2\.0 s into a clip of 4\.0 s"):
        cut(packets, 2.0, tmp_path)
    assert list(tmp_path.iterdir()) == []


def moved(packets: list[Packet], by_s: float, session: int) -> list[Packet]:
    """The packets as another session of the same camera, `by_s` later, its ticks unrelated."""
    stream = StreamInfo.of(packets[0].stream.codec, packets[0].stream.parameter_sets, session)
    return [
        replace(packet, stream=stream, captured=packet.captured.shifted(by_s), pts_90k=packet.pts_90k + 123_456_789)
        for packet in packets
    ]


@pytest.mark.parametrize("film", list(FILMS))
def test_a_clip_goes_on_over_a_reconnect_with_the_lost_time_as_its_gap(
    films: dict[str, list[Packet]], film: str, tmp_path: Path
) -> None:
    lost = films[film][:50]
    again = moved(films[film][:50], 5.0, session=999)
    for trigger_s in (1.0, 6.0):
        clip = cut(lost + again, trigger_s, tmp_path)
        assert clip.frame_count == 100
        assert clip.trigger_offset_s == pytest.approx(trigger_s)
        assert len(clip.gaps) == 1
        assert clip.gaps[0].starts_s == pytest.approx(2.0, abs=0.1)
        assert clip.gaps[0].ends_s == pytest.approx(5.0, abs=0.01)
        shown = decoded(tmp_path / "clip.mp4")
        assert len(shown) == 100
        assert [frame_number(luma) for _, luma in shown][-20:-10] == list(range(30, 40))
        assert shown[51][0] == pytest.approx(5.04, abs=0.09)


def test_a_resolution_that_changes_leaves_the_part_with_the_trigger(tmp_path: Path) -> None:
    parts = [
        make_video(tmp_path / "1.mp4", Film(seconds=2.0)),
        make_video(tmp_path / "2.mp4", Film(seconds=2.0, width=640, height=384), first=20),
    ]
    packets = packets_of(join_videos(tmp_path / "joined.mp4", parts, fps=10), starts=STARTS)
    for trigger_s, width, first in ((1.0, 320, 0), (3.0, 640, 20)):
        clip = cut(packets, trigger_s, tmp_path)
        assert numbers(tmp_path / "clip.mp4") == list(range(first, first + 20))
        assert decoded(tmp_path / "clip.mp4")[0][1].shape[1] == width
        assert clip.starts_at == STARTS.utc + timedelta(seconds=first / 10)
        assert clip.covers_trigger


@pytest.mark.parametrize(("codec", "kept"), [("h264", 40), ("hevc", 20)])
def test_new_parameter_sets_at_the_same_size_stay_in_band_where_the_codec_allows_it(
    tmp_path: Path, codec: str, kept: int
) -> None:
    parts = [
        make_video(tmp_path / "1.mp4", Film(codec=codec, seconds=2.0)),
        make_video(tmp_path / "2.mp4", Film(codec=codec, seconds=2.0, b_frames=0, pixel_format="yuvj420p"), first=20),
    ]
    packets = packets_of(join_videos(tmp_path / "joined.mp4", parts, fps=10), starts=STARTS)
    assert len({packet.stream.epoch for packet in packets}) == 2
    clip = cut(packets, 1.0, tmp_path)
    assert clip.frame_count == kept
    assert numbers(tmp_path / "clip.mp4") == list(range(kept))


def test_pictures_that_lean_on_what_was_before_the_keyframe_are_left_out(
    films: dict[str, list[Packet]], tmp_path: Path
) -> None:
    packets = films["h264"]
    keyframe = packets[25]
    leading = [
        replace(packets[24], pts_90k=keyframe.pts_90k - 7200),
        replace(packets[23], pts_90k=keyframe.pts_90k - 3600),
    ]
    cut([keyframe, *leading, *packets[26:60]], 1.5, tmp_path)
    assert numbers(tmp_path / "clip.mp4") == list(range(25, 60))


@pytest.mark.parametrize(
    ("first", "last", "trigger_s", "message"),
    [
        (25, 50, 0.5, "no frame from before its trigger"),
        (0, 25, 3.0, "no frame at the trigger"),
        (26, 49, 1.5, "none of the 23 packets around the trigger is a keyframe"),
        (0, 0, 1.0, "no frame from before its trigger"),
    ],
)
def test_packets_that_do_not_show_the_trigger_make_no_clip(
    films: dict[str, list[Packet]], first: int, last: int, trigger_s: float, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ClipFault, match=message):
        cut(films["h264"][first:last], trigger_s, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_the_wall_clock_inside_a_clip_moves_its_start_with_its_trigger(
    films: dict[str, list[Packet]], tmp_path: Path
) -> None:
    packets = [
        packet
        if index < 50
        else replace(packet, captured=replace(packet.captured, utc=packet.captured.utc - timedelta(hours=1)))
        for index, packet in enumerate(films["h264"])
    ]
    trigger = packets[60].captured
    clip = write_clip(packets, clip_id=new_id(), trigger=trigger, destination=tmp_path / "clip.mp4")
    assert clip.duration_s == pytest.approx(4.0)
    assert clip.trigger_offset_s == pytest.approx(2.4)
    assert clip.starts_at == STARTS.utc - timedelta(hours=1)


WRITE_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from tests.edge.clips.test_writer import FILMS, ClipFault, cut
from tests.support.cameras import packets_of
from tests.support.media import make_video
from tests.edge.clips.test_writer import STARTS
disk, film = Path(sys.argv[1]), Path(sys.argv[2])
try:
    cut(packets_of(film, starts=STARTS), 2.0, disk)
except ClipFault as fault:
    print(fault, [one.name for one in disk.iterdir()])
"""


def test_a_full_disk_is_said_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    film = make_video(tmp_path / "film.mp4", Film(fps=25, gop=25, seconds=4.0, kbps=2000))
    assert film.stat().st_size > 100_000, "it would not fit"
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare to make a small disk")
    mount = f"mount -t tmpfs -o size=64k none {disk} && exec {sys.executable} -c '{WRITE_ON_A_FULL_DISK}' {disk} {film}"
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run(["unshare", "-Urm", "sh", "-c", mount], capture_output=True, text=True, cwd=root, check=False)
    if "unshare" in ran.stderr or "mount" in ran.stderr:
        pytest.skip(f"may not make a small disk here: {ran.stderr.strip()}")
    assert ran.stdout.strip() == "the disk is full: clip.mp4 could not be written []", ran.stderr


def test_a_folder_that_does_not_exist_is_said(films: dict[str, list[Packet]], tmp_path: Path) -> None:
    with pytest.raises(ClipFault, match=r"clip\.mp4 could not be written: No such file"):
        cut(films["h264"], 2.0, tmp_path / "missing")


def test_the_remains_of_a_crash_are_written_over(films: dict[str, list[Packet]], tmp_path: Path) -> None:
    (tmp_path / ".clip.mp4.partial").write_bytes(b"half a clip" * 1000)
    clip = cut(films["h264"], 2.0, tmp_path)
    assert clip.frame_count == 100
    assert [one.name for one in tmp_path.iterdir()] == ["clip.mp4"]


DOOR = [(0.2, 0.55), (0.7, 0.5), (0.75, 0.9), (0.25, 0.95)]


@pytest.mark.parametrize("film", list(FILMS))
def test_a_masked_clip_is_black_under_its_masks_in_every_picture_and_says_that_it_was_re_encoded(
    films: dict[str, list[Packet]], film: str, tmp_path: Path
) -> None:
    mask = PrivacyMask([DOOR])
    packets = films[film][:50]
    clip = cut(packets, 1.0, tmp_path, mask)
    assert clip.redacted
    assert clip.codec.startswith("avc1.")
    shown = decoded(tmp_path / "clip.mp4")
    assert [frame_number(luma) for _, luma in shown] == list(range(len(shown)))
    assert clip.frame_count == len(shown) >= 48
    assert [second for second, _ in shown] == pytest.approx([index * 0.04 for index in range(len(shown))], abs=1e-4)
    inside = PrivacyMask([[(0.25, 0.6), (0.65, 0.55), (0.7, 0.85), (0.3, 0.9)]]).covers(320, 192)
    for _, luma in shown:
        assert int(luma[inside].max()) <= 24, "black but for the codec's ringing"
    assert not set(slices_of(tmp_path / "clip.mp4")) & set(slices_in(packets))


def test_a_masked_clip_leaves_out_what_it_cannot_decode(films: dict[str, list[Packet]], tmp_path: Path) -> None:
    packets = [replace(packet, data=packet.data[:5] + bytes(40)) for packet in films["h264"][:25]]
    with pytest.raises(ClipFault, match="could be decoded to be masked"):
        cut(packets, 0.5, tmp_path, PrivacyMask([DOOR]))
    assert list(tmp_path.iterdir()) == []
    damaged = [*films["h264"][:25], *packets_like(films["h264"][25:75], packets[0].data), *films["h264"][75:]]
    clip = cut(damaged, 0.5, tmp_path, PrivacyMask([DOOR]))
    assert clip.frame_count == 50
    assert [(round(gap.starts_s, 2), round(gap.ends_s, 2)) for gap in clip.gaps] == [(1.0, 3.0)]
    with pytest.raises(ClipFault, match=r"no frame at the trigger, 2\.0 s"):
        cut(damaged, 2.0, tmp_path, PrivacyMask([DOOR]))


def packets_like(packets: list[Packet], data: bytes) -> list[Packet]:
    return [replace(packet, data=data) for packet in packets]


def test_an_odd_picture_size_can_be_masked(tmp_path: Path) -> None:
    packets = packets_of(make_video(tmp_path / "odd.mp4", Film(width=322, height=182, seconds=1.0)), starts=STARTS)
    assert cut(packets, 0.5, tmp_path, PrivacyMask([DOOR])).frame_count == 10
