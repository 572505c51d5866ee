"""Labelled frames for the evaluations: MOT sequences as videos, and YOLO folders.

A MOT set NAME in a folder is NAME.mp4 beside NAME/gt.txt and NAME/seqinfo.ini. The first seven columns of gt.txt are
frame (from 1), id, x, y, width, height (pixels) and conf; a person with conf 0 is ignored. The number of columns says
what follows:

- 7: nothing.
- 9, MOT16 and later (Milan et al., arXiv:1603.00831): class and visibility. Class 1 is a person; classes 2, 7, 8 and 12
  are regions to ignore (people on vehicles, static people, distractors, reflections), as the MOTChallenge evaluates.
- 10, MOT15 (Leal-Taixé et al., arXiv:1504.01942): the position x, y, z in metres, or -1. Every box is a person.

A YOLO folder has images/ and labels/ with class, cx, cy, width, height in normalised coordinates; class 0 is a person.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from contract.clock import Instant
from edge.decode.frame import Frame
from edge.detector import ResizableFrame

FloatArray = npt.NDArray[np.float64]
IGNORED_CLASSES = (2, 7, 8, 12)
PERSON_CLASS = 1
MOT_COLUMNS, MOT16_COLUMNS, MOT15_COLUMNS = 7, 9, 10
NO_TIME = Instant(0.0, datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class ArrayFrame:
    """A decoded image, (height, width, 3) uint8 BGR, as the detector takes it."""

    pixels: npt.NDArray[np.uint8]

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def bgr(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        shrinks = width < self.width
        resized = cv2.resize(
            self.pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        return np.asarray(resized, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of one frame: boxes of people (N, 4) as x1 y1 x2 y2 in normalised coordinates, their ids (N,), and the
    regions to ignore (M, 4)."""

    boxes_xyxyn: FloatArray
    ids: npt.NDArray[np.int64]
    ignored_xyxyn: FloatArray


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set of labelled frames. `frame_rate_hz` is 0 for images that are not a sequence."""

    name: str
    source: Path
    truths: tuple[Truth, ...]
    frame_rate_hz: float
    aspect: float
    images: tuple[Path, ...] = ()

    def frames(self, every: int = 1) -> Iterator[tuple[int, ResizableFrame]]:
        """Every `every`-th frame with its index from 0; a video is decoded as the edge decodes it."""
        if self.images:
            for index in range(0, len(self.images), every):
                yield index, _read_image(self.images[index])
            return
        with av.open(self.source) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= len(self.truths):
                    return
                if index % every == 0:
                    yield index, Frame.from_av(frame, NO_TIME)


def find_sets(folder: Path) -> list[LabelledSet]:
    """All sets in `folder` and in its direct subfolders, by name. Raises ValueError if there is none."""
    candidates = (folder, *sorted(path for path in folder.iterdir() if path.is_dir()))
    videos = [path.with_suffix("") for inside in candidates for path in sorted(inside.glob("*.mp4"))]
    found = [read_mot(video) for video in videos if _is_mot(video)]
    found.extend(_read_yolo(path) for path in candidates if (path / "images").is_dir() and (path / "labels").is_dir())
    if not found:
        raise ValueError(
            f"expected NAME.mp4 beside NAME/gt.txt and NAME/seqinfo.ini, or images/ and labels/, in {folder}"
        )
    return found


def _read_image(path: Path) -> ArrayFrame:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} is no image that OpenCV can read")
    return ArrayFrame(np.array(pixels, dtype=np.uint8, copy=None))


def _is_mot(folder: Path) -> bool:
    return (folder / "gt.txt").is_file() and (folder / "seqinfo.ini").is_file()


def read_mot(folder: Path) -> LabelledSet:
    """The MOT set with its truth in `folder` and its video beside it. Raises ValueError for other columns in gt.txt."""
    parser = configparser.ConfigParser()
    parser.read(folder / "seqinfo.ini")
    info = {key: float(parser["Sequence"][key]) for key in ("imWidth", "imHeight", "frameRate", "seqLength")}
    size = np.array([info["imWidth"], info["imHeight"]])
    table = np.loadtxt(folder / "gt.txt", delimiter=",", ndmin=2)
    columns = table.shape[1]
    if columns not in (MOT_COLUMNS, MOT16_COLUMNS, MOT15_COLUMNS):
        raise ValueError(f"expected 7 columns, 9 (MOT16) or 10 (MOT15) in {folder / 'gt.txt'}, got {columns}")
    frame, ids, conf = table[:, 0].astype(int), table[:, 1].astype(np.int64), table[:, 6]
    classes = table[:, 7].astype(int) if columns == MOT16_COLUMNS else np.full(len(table), PERSON_CLASS)
    boxes = np.concatenate((table[:, 2:4], table[:, 2:4] + table[:, 4:6]), axis=1) / np.tile(size, 2)
    is_person = (classes <= 0) | (classes == PERSON_CLASS)
    person = is_person & (conf > 0)
    ignored = (is_person & (conf == 0)) | np.isin(classes, IGNORED_CLASSES)
    truths = []
    for number in range(1, int(info["seqLength"]) + 1):
        here = frame == number
        truths.append(Truth(boxes[here & person], ids[here & person], boxes[here & ignored]))
    return LabelledSet(
        folder.name, folder.with_suffix(".mp4"), tuple(truths), info["frameRate"], float(size[0] / size[1])
    )


def _read_yolo(folder: Path) -> LabelledSet:
    suffixes = {".jpg", ".jpeg", ".png", ".bmp"}
    images = tuple(sorted(path for path in (folder / "images").rglob("*") if path.suffix.lower() in suffixes))
    if not images:
        raise ValueError(f"expected images in {folder / 'images'}, got none")
    truths = []
    for image in images:
        labels = folder / "labels" / image.relative_to(folder / "images").with_suffix(".txt")
        lines = labels.read_text("utf-8").split("\n") if labels.is_file() else []
        rows = [[float(part) for part in line.split()[:5]] for line in lines if line.strip()]
        table = np.array(rows, dtype=np.float64).reshape(-1, 5)
        table = table[table[:, 0] == 0]
        boxes = np.concatenate((table[:, 1:3] - table[:, 3:5] / 2, table[:, 1:3] + table[:, 3:5] / 2), axis=1)
        truths.append(Truth(boxes, np.arange(1, len(boxes) + 1), np.empty((0, 4))))
    return LabelledSet(folder.name, folder, tuple(truths), 0.0, 1.0, images)
