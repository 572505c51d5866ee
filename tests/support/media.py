"""Real H.264 and H.265 for tests, encoded by PyAV; every frame carries its own number.

`make_video` writes a file, `join_videos` makes one file whose resolution or codec settings change in the middle,
`people_images` gives real people from the test data instead of synthetic images, and `frame_number` reads the number
back from a decoded frame.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.stream import VideoStream

from tests.support.data import DataFile

Image = npt.NDArray[np.uint8]

NUMBER_BITS = 12


@dataclass(frozen=True, slots=True)
class Film:
    """The film to make. `gop`: frames from one keyframe to the next. `b_frames`: B-frames between other frames."""

    codec: str = "h264"
    width: int = 320
    height: int = 192
    fps: int = 10
    seconds: float = 3.0
    gop: int = 10
    b_frames: int = 0
    kbps: int = 400
    pixel_format: str = "yuv420p"

    @property
    def count(self) -> int:
        """Number of frames."""
        return round(self.seconds * self.fps)


def moving_images(film: Film, first: int = 0) -> Iterator[Image]:
    """Images (height, width, 3) uint8 RGB: a bright block moves over a textured ground.

    `NUMBER_BITS` black or white cells along the top encode the image's number, from `first` on.
    """
    rows, columns = np.mgrid[0 : film.height, 0 : film.width]
    texture = (96 + 40 * np.sin(columns / 9.0) + 40 * np.cos(rows / 7.0)).astype(np.uint8)
    ground = np.stack([texture, np.roll(texture, 5, axis=0), np.roll(texture, 9, axis=1)], axis=2)
    for number in range(first, first + film.count):
        image = ground.copy()
        left = (number * 3) % (film.width - film.width // 8)
        image[film.height // 2 : film.height * 7 // 8, left : left + film.width // 10] = (230, 200, 60)
        for bit in range(NUMBER_BITS):
            cell = slice(bit * film.width // NUMBER_BITS, (bit + 1) * film.width // NUMBER_BITS)
            image[: film.height // 8, cell] = 235 if number >> bit & 1 else 16
        yield image


def frame_number(luma: Image) -> int:
    """The number of the image of `moving_images`, read from luma (height, width) of any size."""
    height, width = luma.shape
    cell = width / NUMBER_BITS
    row = luma[height // 16]
    return sum(int(row[int((bit + 0.5) * cell)] > 125) << bit for bit in range(NUMBER_BITS))


def people_images(data_file: DataFile, film: Film) -> Iterator[Image]:
    """Images of people walking past a fixed camera (PETS2009, as OpenCV's vtest.avi), scaled to the film."""
    with av.open(str(data_file("mot/PETS09-S2L1-vtest.mp4"))) as container:
        for number, image in enumerate(container.decode(container.streams.video[0])):
            if number == film.count:
                return
            yield np.asarray(image.to_ndarray(width=film.width, height=film.height, format="rgb24"), dtype=np.uint8)


def make_video(path: Path, film: Film | None = None, images: Iterable[Image] | None = None, first: int = 0) -> Path:
    """Encode a film to `path`; its suffix decides the container (.mp4, .mkv, .ts, .h264, .h265). Returns the path."""
    film = film or Film()
    with av.open(str(path), "w") as container:
        stream = _encoder(container, film)
        for number, image in enumerate(moving_images(film, first) if images is None else images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=film.pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, film.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def join_videos(path: Path, parts: list[Path], fps: int) -> Path:
    """One .mp4 of several films in a row, parameter sets in band, as from a camera reconfigured in mid-stream.

    All parts need the same codec and `fps`, and no B-frames.
    """
    units: list[tuple[bytes, bool]] = []
    for part in parts:
        with av.open(str(part)) as container:
            stream = container.streams.video[0]
            name = stream.codec_context.name
            to_annexb = av.BitStreamFilterContext(f"{name}_mp4toannexb", stream)
            for packet in container.demux(stream):
                if packet.size:
                    is_keyframe = packet.is_keyframe
                    units += [(bytes(made), is_keyframe) for made in to_annexb.filter(packet)]
    # The muxer turns Annex B into length-prefixed units only if its stream was described in Annex B too.
    with av.open(io.BytesIO(units[0][0]), format=name) as template, av.open(str(path), "w") as joined:
        out = joined.add_stream_from_template(template.streams.video[0], opaque=True)
        for number, (data, is_keyframe) in enumerate(units):
            made = av.Packet(data)
            made.stream, made.time_base = out, Fraction(1, fps)
            made.pts = made.dts = number
            made.duration, made.is_keyframe = 1, is_keyframe
            joined.mux(made)
    return path


def _encoder(container: OutputContainer, film: Film) -> VideoStream:
    encoder = {"h264": "libx264", "hevc": "libx265"}[film.codec]
    settings = f"keyint={film.gop}:min-keyint={film.gop}:scenecut=0:bframes={film.b_frames}:b-adapt=0"
    if film.codec == "hevc":
        options = {
            "preset": "ultrafast",
            "x265-params": f"{settings}:open-gop=0:log-level=none:pools=1:frame-threads=1",
        }
    else:
        options = {"preset": "veryfast", "x264-params": f"{settings}:threads=1"}
    stream = container.add_stream(encoder, rate=film.fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = film.width, film.height, film.pixel_format
    stream.bit_rate = film.kbps * 1000
    return stream
