"""Parsed parameter sets agree with FFmpeg."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.bitstream import (
    BitstreamError,
    Codec,
    annexb_of,
    extradata_units,
    is_slice,
    join_units,
    leading_parameter_sets,
    parameter_set_key,
    sequence_info,
    split_units,
    unit_type,
)
from edge.capture.packets import ParameterSets
from tests.support.media import Film, make_video


def extradata_of(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata or b""


SIZES = [(320, 192), (1920, 1080), (322, 182), (704, 576)]
PIXEL_FORMATS = ["yuvj420p", "yuv422p", "yuv444p"]


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize(
    ("size", "pixel_format"), [*((size, "yuv420p") for size in SIZES), *(((322, 182), name) for name in PIXEL_FORMATS)]
)
def test_the_frame_size_is_the_encoded_one(
    tmp_path: Path, codec: Codec, size: tuple[int, int], pixel_format: str
) -> None:
    film = Film(codec=codec.value, width=size[0], height=size[1], fps=1, seconds=1.0, pixel_format=pixel_format)
    path = make_video(tmp_path / "one.mp4", film)
    units, length_size = extradata_units(codec, extradata_of(path))
    assert length_size == 4
    info = sequence_info(codec, units)
    assert (info.width, info.height) == size


def test_an_interlaced_h264_stream_has_its_full_height(tmp_path: Path) -> None:
    path = tmp_path / "interlaced.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "interlaced=1"})
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        picture = av.VideoFrame(720, 576, "yuv420p")
        picture.pts = 0
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    units, _ = extradata_units(Codec.H264, extradata_of(path))
    info = sequence_info(Codec.H264, units)
    assert (info.width, info.height) == (720, 576)


def test_codec_strings_name_profile_and_level() -> None:
    # Baseline 3.0 and Main 4.0 in RFC 6381's own examples; the H.265 one is FFmpeg's for a Main stream, level 3.1.
    sps = bytes.fromhex("6742c01ed900a0079b011000003e90000ea600f162e480")
    assert sequence_info(Codec.H264, [sps]).codec_string == "avc1.42c01e"


def test_hevc_codec_strings_are_those_that_browsers_expect(tmp_path: Path) -> None:
    path = make_video(tmp_path / "hevc.mp4", Film(codec="hevc", width=1280, height=720, fps=25, seconds=0.2))
    units, _ = extradata_units(Codec.HEVC, extradata_of(path))
    assert sequence_info(Codec.HEVC, units).codec_string == "hvc1.1.6.L93.90"


@pytest.mark.parametrize("codec", list(Codec))
def test_a_configuration_record_and_a_byte_stream_hold_the_same_sets(tmp_path: Path, codec: Codec) -> None:
    in_mp4, _ = extradata_units(codec, extradata_of(make_video(tmp_path / "a.mp4", Film(codec=codec.value))))
    in_ts, length_size = extradata_units(codec, extradata_of(make_video(tmp_path / "a.ts", Film(codec=codec.value))))
    assert length_size == 0
    assert in_mp4 == in_ts
    expected = [7, 8] if codec is Codec.H264 else [32, 33, 34]
    assert [unit_type(codec, unit) for unit in in_mp4] == expected
    assert [parameter_set_key(codec, unit) for unit in in_mp4] == [(kind, 0) for kind in expected]


@given(
    st.lists(st.binary(min_size=1, max_size=40).map(lambda body: b"\x65" + body.replace(b"\x00", b"\x01")), max_size=6)
)
def test_units_survive_joining_and_both_framings(units: list[bytes]) -> None:
    assert list(split_units(join_units(units))) == units
    prefixed = b"".join(len(unit).to_bytes(4) + unit for unit in units)
    assert annexb_of(prefixed, 4) == join_units(units)


def test_a_length_that_points_outside_the_packet_is_refused() -> None:
    for data in (b"\x00\x00\x00\x09\x65\x01", b"\x00\x00"):
        with pytest.raises(BitstreamError, match="outside the packet"):
            annexb_of(data, 4)


def test_only_parameter_sets_before_the_first_slice_count() -> None:
    sps, pps, idr, late = b"\x67\x42\x01", b"\x68\x02", b"\x65\x88\x84", b"\x67\x77\x77"
    data = join_units([b"\x09\xf0", sps, pps, idr, late])
    assert leading_parameter_sets(Codec.H264, data) == [sps, pps]
    assert is_slice(Codec.H264, idr)
    assert not is_slice(Codec.H264, sps)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_bitstream_error(data: bytes) -> None:
    for codec in Codec:
        with suppress(BitstreamError):
            extradata_units(codec, b"\x01" + data)
        with suppress(BitstreamError):
            sequence_info(codec, [b"\x67" + data, b"\x42\x01" + data])
        with suppress(BitstreamError):
            parameter_set_key(codec, data)
        leading_parameter_sets(codec, data)


def test_damaged_parameter_sets_do_not_replace_good_ones(tmp_path: Path) -> None:
    units, _ = extradata_units(Codec.H264, extradata_of(make_video(tmp_path / "a.mp4")))
    sets = ParameterSets(Codec.H264, units, session=1)
    stream = sets.stream
    assert not sets.update(units), "the same again is no change"
    assert not sets.update([units[0][:5]])
    assert not sets.update([b"\x68"])
    assert sets.stream is stream
    other, _ = extradata_units(Codec.H264, extradata_of(make_video(tmp_path / "b.mp4", Film(width=640, height=384))))
    assert sets.update(other)
    assert (sets.stream.width, sets.stream.epoch > stream.epoch, sets.stream.session) == (640, True, 1)
