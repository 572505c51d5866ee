"""Frames share the decoder's planes and become small images with the right colours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from contract.clock import Instant
from edge.decode.frame import ColourMatrix, Frame
from tests.support.media import Film, Image, make_video

NOW = Instant(5.0, datetime(2026, 11, 24, tzinfo=UTC))


def colour_bars(width: int = 322, height: int = 182) -> Image:
    """Eight vertical bars of plain colour, RGB."""
    colours = [
        (255, 255, 255),
        (235, 220, 20),
        (20, 220, 235),
        (20, 180, 20),
        (200, 20, 200),
        (220, 20, 20),
        (20, 20, 220),
    ]
    colours.append((0, 0, 0))
    image = np.zeros((height, width, 3), dtype=np.uint8)
    for index, colour in enumerate(colours):
        image[:, index * width // 8 : (index + 1) * width // 8] = colour
    return image


def as_av(image: Image, pixel_format: str, *, matrix: str = "ITU601") -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(image, format="rgb24")
    full = pixel_format.startswith("yuvj")
    made = made.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range="JPEG" if full else "MPEG")
    made.colorspace = 1 if matrix == "ITU709" else 5
    return made


def bar_colours(bgr: Image) -> Image:
    """Return the colour in the middle of every bar, (8, 3) RGB."""
    height, width, _ = bgr.shape
    columns = [(2 * index + 1) * width // 16 for index in range(8)]
    return bgr[height // 2, columns, ::-1]


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> av.VideoFrame:
    path = make_video(tmp_path_factory.mktemp("frame") / "odd.mp4", Film(width=330, height=186, seconds=0.3))
    with av.open(str(path)) as container:
        return next(iter(container.decode(video=0)))


def test_planes_of_a_decoded_frame_are_shared_and_cut_at_the_width(decoded: av.VideoFrame) -> None:
    frame = Frame.from_av(decoded, NOW)
    assert decoded.planes[0].line_size > decoded.width, "the decoder pads its lines, else this tests nothing"
    assert (frame.width, frame.height) == (330, 186)
    assert frame.captured is NOW
    assert frame.aspect == pytest.approx(330 / 186)
    whole = decoded.to_ndarray()
    assert np.array_equal(frame.y, whole[:186])
    assert np.array_equal(frame.u, whole[186:].reshape(-1)[: 165 * 93].reshape(93, 165))
    assert np.shares_memory(frame.y, np.frombuffer(memoryview(decoded.planes[0]), dtype=np.uint8))


def test_planes_cannot_be_written_to_because_the_decoder_predicts_from_them(decoded: av.VideoFrame) -> None:
    frame = Frame.from_av(decoded, NOW)
    for plane in (frame.y, frame.u, frame.v):
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 1


def test_planes_outlive_the_decoder(tmp_path: Path) -> None:
    path = make_video(tmp_path / "short.mp4", Film(seconds=0.5))

    def frames() -> Iterator[Frame]:
        with av.open(str(path)) as container:
            for video_frame in container.decode(video=0):
                yield Frame.from_av(video_frame, NOW)

    kept = list(frames())
    assert [int(frame.y.astype(np.uint32).sum()) for frame in kept] == [
        int(frame.y.astype(np.uint32).sum()) for frame in frames()
    ]


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "nv12", "yuv420p10le", "rgb24"]
)
def test_colours_are_right_in_every_pixel_format(pixel_format: str) -> None:
    bars = colour_bars()
    frame = Frame.from_av(as_av(bars, pixel_format), NOW)
    expected = bars[0, [(2 * index + 1) * 322 // 16 for index in range(8)]]
    assert np.abs(bar_colours(frame.bgr(322, 182)).astype(int) - expected).max() <= 4


def test_full_range_and_limited_range_give_the_same_grey() -> None:
    for level in (0, 60, 128, 200, 255):
        grey = np.full((64, 64, 3), level, dtype=np.uint8)
        limited = Frame.from_av(as_av(grey, "yuv420p"), NOW)
        full = Frame.from_av(as_av(grey, "yuvj420p"), NOW)
        assert (limited.full_range, full.full_range) == (False, True)
        assert np.abs(limited.bgr(64, 64).astype(int) - level).max() <= 2
        assert np.abs(full.bgr(64, 64).astype(int) - level).max() <= 2


def test_bt709_frames_are_converted_with_their_own_matrix() -> None:
    bars = colour_bars()
    frame = Frame.from_av(as_av(bars, "yuv420p", matrix="ITU709"), NOW)
    assert frame.matrix is ColourMatrix.BT709
    expected = bars[0, [(2 * index + 1) * 322 // 16 for index in range(8)]]
    assert np.abs(bar_colours(frame.bgr(322, 182)).astype(int) - expected).max() <= 4


def test_shrunk_planes_give_the_same_image_as_the_shrunk_frame(decoded: av.VideoFrame) -> None:
    frame = Frame.from_av(decoded, NOW)
    whole = decoded.to_ndarray(format="bgr24")
    expected = cv2.resize(whole, (110, 62), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(frame.bgr(110, 62).astype(int) - expected).mean() < 4.0


def test_shrinking_averages_small_bright_spots_and_does_not_skip_them() -> None:
    plane = np.full((960, 1280), 40, dtype=np.uint8)
    plane[::8] = 240
    chroma = np.full((480, 640), 128, dtype=np.uint8)
    luma = Frame(plane, chroma, chroma, NOW).luma(160, 120)
    assert luma.shape == (120, 160)
    assert np.abs(luma.astype(int) - 65).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (330, 186), (326, 182)])
def test_a_halved_frame_has_a_quarter_of_the_bytes_and_shrinks_to_the_same(width: int, height: int) -> None:
    rng = np.random.default_rng(3)
    chroma = ((height + 1) // 2, (width + 1) // 2)
    y = rng.integers(16, 236, (height, width), dtype=np.uint8)
    u, v = (rng.integers(60, 190, chroma, dtype=np.uint8) for _ in range(2))
    whole = Frame(y, u, v, NOW, matrix=ColourMatrix.BT709)

    half = whole.halved()

    assert (half.width, half.height) == (width // 2, height // 2)
    assert (half.captured, half.matrix) == (NOW, ColourMatrix.BT709)
    assert np.array_equal(half.luma(80, 45), whole.luma(80, 45))
    if width % 8 == 0 and height % 8 == 0:
        assert np.array_equal(half.bgr(160, 90), whole.bgr(160, 90))
    assert not np.shares_memory(half.y, whole.y)


def test_a_jpeg_has_the_given_width_and_is_never_enlarged() -> None:
    frame = Frame.from_av(as_av(colour_bars(640, 360), "yuv420p"), NOW)
    small = cv2.imdecode(np.frombuffer(frame.jpeg(320, 85), dtype=np.uint8), cv2.IMREAD_COLOR)
    same = cv2.imdecode(np.frombuffer(frame.jpeg(1920, 85), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert same is not None
    assert small.shape == (180, 320, 3)
    assert same.shape == (360, 640, 3)
    assert (
        np.abs(bar_colours(np.asarray(small, dtype=np.uint8)).astype(int) - bar_colours(frame.bgr(320, 180))).mean() < 6
    )


@pytest.mark.parametrize(("max_width", "quality"), [(8, 80), (320, 0), (320, 101)])
def test_jpeg_sizes_and_qualities_out_of_range_are_refused(max_width: int, quality: int) -> None:
    frame = Frame.from_av(as_av(colour_bars(), "yuv420p"), NOW)
    with pytest.raises(ValueError, match="JPEG"):
        frame.jpeg(max_width, quality)


def test_planes_that_do_not_fit_together_are_refused() -> None:
    luma = np.zeros((10, 11), dtype=np.uint8)
    chroma = np.zeros((5, 6), dtype=np.uint8)
    Frame(luma, chroma, chroma, NOW)
    with pytest.raises(ValueError, match=r"v of a frame of \(10, 11\) must have \(5, 6\), got \(5, 5\)"):
        Frame(luma, chroma, chroma[:, :5], NOW)
    with pytest.raises(ValueError, match="y must have the shape"):
        Frame(luma[0], chroma, chroma, NOW)
