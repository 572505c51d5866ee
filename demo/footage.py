"""The simulated cameras' footage: real people filmed by a fixed camera, cropped into several cameras' streams.

The source is `vtest.avi` (PETS 2009, S2.L1, view 1) from Debian's package opencv-doc. It is downloaded from
the machine's own Debian sources and never stored in this repository. Each `Recipe` makes one H.264 stream of it, as a
camera would: a crop at its own size and speed, a keyframe every two seconds, no B-frames.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from scripts.debian import download_package, extract_one
from scripts.say import MissingPrerequisiteError, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VTEST = "vtest.avi"
VTEST_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
VTEST_INSTALLED = Path("/usr/share/doc/opencv-doc/examples/data") / VTEST
SOURCE_SIZE_WH = (768, 576)
SOURCE_FRAMES = 795
NEEDED_BYTES = 600_000_000
"""The package takes 96 MB and its content 96 MB more, the streams some 20 MB; the rest is for apt's lists."""

ENCODER = {"preset": "veryfast", "crf": "23", "bf": "0", "sc_threshold": "0"}
KEYFRAME_EVERY_S = 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """One simulated camera's stream, made from frame `first` (included) to `last` (excluded) of the source.

    `crop_xywh` is in the source's pixels. A loop appears seamless if nobody is visible at its ends.
    """

    name: str
    crop_xywh: tuple[int, int, int, int]
    size_wh: tuple[int, int]
    fps: int
    first: int
    last: int

    def __post_init__(self) -> None:
        x, y, width, height = self.crop_xywh
        if x < 0 or y < 0 or x + width > SOURCE_SIZE_WH[0] or y + height > SOURCE_SIZE_WH[1]:
            raise ValueError(f"crop {self.crop_xywh} of {self.name} must lie inside {SOURCE_SIZE_WH}")
        if not 0 <= self.first < self.last <= SOURCE_FRAMES:
            raise ValueError(f"frames {self.first}..{self.last} of {self.name} must lie in 0..{SOURCE_FRAMES}")
        if self.size_wh[0] % 2 or self.size_wh[1] % 2:
            raise ValueError(f"size {self.size_wh} of {self.name} must be even, because frames are 4:2:0")

    @property
    def duration_s(self) -> float:
        return (self.last - self.first) / self.fps

    @property
    def file_name(self) -> str:
        """The stream's name in the cache; it changes with the recipe and the encoder settings."""
        parameters = repr((astuple(self), sorted(ENCODER.items()), KEYFRAME_EVERY_S, VTEST_SHA256))
        return f"{self.name}-{hashlib.sha256(parameters.encode()).hexdigest()[:8]}.mp4"


# The scene was filmed at 7 frames a second. Where people stand, in the source's frames: two at the lamp post from 13
# to 155; two at the corner in the north-east from 134 to 290; one on the road in the south-east from 473 to 633.
RECIPES = (
    Recipe("pos-ronda", (0, 0, 768, 576), (768, 576), 7, 0, 795),
    Recipe("balai-warga", (240, 112, 320, 180), (960, 540), 7, 0, 412),
    Recipe("gerbang-utara", (448, 70, 320, 180), (960, 540), 8, 77, 447),
    Recipe("pertigaan", (416, 222, 352, 198), (1056, 594), 10, 410, 795),
)


def cache_folder() -> Path:
    """Where footage is kept between runs: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kentongan"


def ensure_streams(folder: Path) -> dict[str, Path]:
    """The streams of all recipes by name; missing ones are made in `folder`.

    Raises MissingPrerequisiteError if the footage is unavailable.
    """
    streams = {recipe.name: folder / recipe.file_name for recipe in RECIPES}
    missing = [recipe for recipe in RECIPES if not streams[recipe.name].is_file()]
    if missing:
        source = ensure_vtest(folder)
        step(f"making {len(missing)} simulated cameras' streams (once)")
        for recipe in missing:
            make_stream(recipe, source, streams[recipe.name])
    return streams


def ensure_vtest(folder: Path) -> Path:
    """`vtest.avi`, with its digest checked: as installed, from the cache in `folder`, or from a downloaded opencv-doc.

    Raises MissingPrerequisiteError without disk space or network, or if the file is not the expected one.
    """
    cached = folder / VTEST
    for candidate in (cached, VTEST_INSTALLED):
        if candidate.is_file() and _sha256(candidate) == VTEST_SHA256:
            return candidate
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise MissingPrerequisiteError(
            f"The demo footage needs {NEEDED_BYTES // 10**6} MB in {folder}, where {free // 10**6} MB are free."
        )
    step("downloading the Debian package opencv-doc (96 MB, once) for its footage of people")
    with tempfile.TemporaryDirectory(dir=folder, prefix="opencv-doc-") as scratch:
        extract_one(download_package("opencv-doc", Path(scratch)), f"/{VTEST}", cached)
    found = _sha256(cached)
    if found != VTEST_SHA256:
        cached.unlink()
        raise MissingPrerequisiteError(
            f"The {VTEST} of this Debian's opencv-doc is not the one the demo is made for: "
            f"expected SHA-256 {VTEST_SHA256}, got {found}."
        )
    return cached


def make_stream(recipe: Recipe, source: Path, target: Path) -> None:
    """Encode `recipe` from `source` into `target`, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        unfinished = Path(scratch) / target.name
        with av.open(str(unfinished), "w") as out:
            stream = out.add_stream("libx264", rate=recipe.fps, options=ENCODER)
            stream.width, stream.height = recipe.size_wh
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = recipe.fps * KEYFRAME_EVERY_S
            stream.codec_context.max_b_frames = 0
            for number, image_bgr in enumerate(_images_bgr(recipe, source)):
                frame = av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
                frame.pts = number
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        unfinished.replace(target)


def _images_bgr(recipe: Recipe, source: Path) -> Iterator[NDArray[np.uint8]]:
    """The recipe's frames as arrays (height, width, 3), uint8, BGR."""
    x, y, width, height = recipe.crop_xywh
    with av.open(str(source)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= recipe.last:
                return
            if number >= recipe.first:
                crop = frame.to_ndarray(format="bgr24")[y : y + height, x : x + width]
                resized = cv2.resize(crop, recipe.size_wh, interpolation=cv2.INTER_CUBIC)
                yield np.asarray(resized, dtype=np.uint8)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
