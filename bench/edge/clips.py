"""Camera streams for the benchmarks, made from the demo footage: `mixed` is mostly empty, `busy` always has people.

The empty scene is the temporal median of the footage. A median has no noise, but every camera has: sensor noise is
added to every frame. It is Gaussian, as strong as in the footage but at least 2 levels, fresh in each frame, its grain
slightly wider than a pixel, as a camera's noise reduction leaves it. The footage was filmed at 7 frames a second; at 25
and 10 a second each image is repeated with fresh noise.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from demo.footage import VTEST_SHA256, cache_folder, ensure_vtest

Image = npt.NDArray[np.uint8]

FILMED_FPS = 7
CROP_XYWH = (0, 72, 768, 432)
"""The 16:9 part of the 4:3 footage: the road and the lawn, without the sky."""
EMPTY_S, PEOPLE_S, LENGTH_S = 19.3, 20.0, 60.0
"""`mixed`: empty, people, empty. The people do not appear on a keyframe, which would be the easy case."""
GRAIN_PX = 0.7
LEAST_NOISE_LEVELS = 2.0
"""The footage was compressed before, which removed most of its noise; by day, cameras show at least 2 levels."""
_SEED = 20261124


@dataclass(frozen=True, slots=True)
class StreamShape:
    """A camera stream: size, rate and mean bitrate; keyframes every two seconds, no B-frames, CABAC."""

    name: str
    width: int
    height: int
    fps: int
    kbps: int


MAIN = StreamShape("1080p25", 1920, 1080, 25, 4000)
SUB = StreamShape("360p10", 640, 360, 10, 512)
SCENES = ("mixed", "busy")


def ensure_clips(folder: Path | None = None) -> dict[tuple[str, str], Path]:
    """The clips by (scene, stream name); makes missing ones, which takes two minutes once.

    Raises demo's MissingPrerequisiteError if the footage is unavailable.
    """
    where = (folder or cache_folder()) / "bench"
    where.mkdir(parents=True, exist_ok=True)
    wanted = {
        (scene, shape.name): (scene, shape, where / _file_name(scene, shape))
        for scene in SCENES
        for shape in (MAIN, SUB)
    }
    if any(not path.is_file() for _, _, path in wanted.values()):
        footage = _Footage.read(ensure_vtest(folder or cache_folder()))
        for scene, shape, path in wanted.values():
            if not path.is_file():
                _encode(scene, shape, footage, path)
    return {key: path for key, (_, _, path) in wanted.items()}


def has_people(scene: str, at_s: float) -> bool:
    """Whether the scene shows people at that time."""
    return scene == "busy" or EMPTY_S <= at_s < EMPTY_S + PEOPLE_S


@dataclass(frozen=True, slots=True, eq=False)
class _Footage:
    """The cropped frames (432, 768, 3) uint8 BGR, their temporal median, and their noise in levels."""

    images: list[Image]
    empty: Image
    noise_levels: float

    @classmethod
    def read(cls, video: Path) -> _Footage:
        x, y, width, height = CROP_XYWH
        images: list[Image] = []
        with av.open(str(video)) as container:
            for frame in container.decode(video=0):
                whole = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
                images.append(whole[y : y + height, x : x + width].copy())
                if len(images) > LENGTH_S * FILMED_FPS:
                    break
        empty = np.median(np.stack(images[::6]), axis=0).astype(np.uint8)
        return cls(images, empty, _noise_levels(images))

    def at(self, scene: str, at_s: float) -> tuple[int, Image]:
        """The frame at that time with its number; -1 is the empty scene."""
        if not has_people(scene, at_s):
            return -1, self.empty
        since_s = at_s if scene == "busy" else at_s - EMPTY_S
        number = min(int(since_s * FILMED_FPS), len(self.images) - 1)
        return number, self.images[number]


def _noise_levels(images: list[Image]) -> float:
    """The standard deviation of the noise, from the median difference of consecutive frames, which excludes motion.

    1.4826 turns a median absolute deviation of Gaussian noise into a standard deviation; a difference contains the
    noise of two frames.
    """
    pairs = [(images[i], images[i + 1]) for i in range(0, len(images) - 1, 20)]
    middle = [float(np.median(cv2.absdiff(a, b)[..., 1].astype(np.float32)[::2, ::2])) for a, b in pairs]
    return max(LEAST_NOISE_LEVELS, 1.4826 * float(np.mean(middle)) / float(np.sqrt(2.0)))


def _images(scene: str, shape: StreamShape, footage: _Footage) -> Iterator[Image]:
    rng = np.random.default_rng(_SEED)
    margin = 64
    grain = rng.normal(0.0, 1.0, (shape.height + margin, shape.width + margin)).astype(np.float32)
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), GRAIN_PX), dtype=np.float32)
    noise = np.clip(np.round(grain / grain.std() * footage.noise_levels), -127, 127).astype(np.int16)
    shown, enlarged = -2, np.empty(0, np.int16)
    for index in range(round(LENGTH_S * shape.fps)):
        number, image = footage.at(scene, index / shape.fps)
        if number != shown:
            size = (shape.width, shape.height)
            how = cv2.INTER_CUBIC if shape.width > image.shape[1] else cv2.INTER_AREA
            shown, enlarged = number, np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.int16)
        top, left = (int(one) for one in rng.integers(0, margin, 2))
        fresh = noise[top : top + shape.height, left : left + shape.width, None]
        yield np.clip(enlarged + fresh, 0, 255).astype(np.uint8)


def _encode(scene: str, shape: StreamShape, footage: _Footage, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        unfinished = Path(scratch) / target.name
        with av.open(str(unfinished), "w") as out:
            stream = out.add_stream("libx264", rate=shape.fps, options=_options(shape))
            stream.width, stream.height = shape.width, shape.height
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = 2 * shape.fps
            stream.codec_context.max_b_frames = 0
            for number, image in enumerate(_images(scene, shape, footage)):
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts = number
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        unfinished.replace(target)


def _options(shape: StreamShape) -> dict[str, str]:
    return {
        "preset": "veryfast",
        "b": f"{shape.kbps}k",
        "maxrate": f"{shape.kbps * 3 // 2}k",
        "bufsize": f"{shape.kbps * 2}k",
        "sc_threshold": "0",
    }


def _file_name(scene: str, shape: StreamShape) -> str:
    made_of = (
        scene,
        astuple(shape),
        VTEST_SHA256,
        CROP_XYWH,
        EMPTY_S,
        PEOPLE_S,
        LENGTH_S,
        GRAIN_PX,
        LEAST_NOISE_LEVELS,
        _SEED,
        _options(shape),
    )
    return f"{scene}-{shape.name}-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:8]}.mp4"
