"""Real people cut out of PETS2009's sparse footage, to be placed where the people of its crowds walked.

The video of the crowds is not at hand, only their annotation; the sparse sequence shows the same square through the
same camera. A composed crowd thus has real bodies, places, sizes, paths and background; only the match of bodies to
places is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench.data_folder import data_folder
from bench.motdata import FloatArray, Truth, read_mot

Image = npt.NDArray[np.uint8]
Alpha = npt.NDArray[np.float32]

VIDEO = data_folder() / "mot"
SPARSE = "PETS09-S2L1-vtest"
DIFFERENT = 28
"""Levels of any colour channel by which a body differs from the empty square."""
LEAST_HEIGHT_PX = 50
LEAST_FRAMES = 8
LEAST_SHARE, MOST_SHARE = 0.22, 0.75
"""Share of the box that a body covers: with less the body is lost, with more it is a shadow or two bodies."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One person in one image. alpha: (h, w) 0..1. foot_px: the middle of the box's lower edge, within the cut-out."""

    pixels: Image
    alpha: Alpha
    foot_px: tuple[float, float]
    height_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """The empty square, and each person's walk as consecutive bodies."""

    empty: Image
    walks: tuple[tuple[Body, ...], ...]


def cast() -> Cast:
    """Cut out every person who stands clear of all others."""
    labelled = read_mot(VIDEO / SPARSE)
    with av.open(labelled.source) as container:
        images = [np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8) for frame in container.decode(video=0)]
    empty = np.median(np.stack(images[::13]), axis=0).astype(np.uint8)
    walks: dict[int, list[tuple[int, Body]]] = {}
    for number, image in enumerate(images[: len(labelled.truths)]):
        for person, body in _bodies(image, empty, labelled.truths[number]):
            walks.setdefault(person, []).append((number, body))
    return Cast(empty, tuple(run for walk in walks.values() for run in _runs(walk)))


def _bodies(image: Image, empty: Image, truth: Truth) -> list[tuple[int, Body]]:
    height, width = image.shape[:2]
    boxes = truth.boxes_xyxyn * np.tile([width, height], 2)
    found = []
    for index, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        pad = 0.12 * (y2 - y1)
        left, top, right, bottom = round(x1 - pad), round(y1 - 0.5 * pad), round(x2 + pad), round(y2 + 0.5 * pad)
        if y2 - y1 < LEAST_HEIGHT_PX or left < 0 or top < 0 or right > width or bottom > height:
            continue
        others = np.delete(boxes, index, axis=0)
        if ((others[:, 0] < right) & (others[:, 2] > left) & (others[:, 1] < bottom) & (others[:, 3] > top)).any():
            continue
        cut = image[top:bottom, left:right]
        alpha = _body_of(cut, empty[top:bottom, left:right])
        if LEAST_SHARE <= float(alpha.sum()) / ((x2 - x1) * (y2 - y1)) <= MOST_SHARE:
            body = Body(cut.copy(), alpha, ((x1 + x2) / 2 - left, y2 - top), y2 - y1)
            found.append((int(truth.ids[index]), body))
    return found


def _body_of(cut: Image, empty: Image) -> Alpha:
    """The largest connected region that differs from the empty square, its edge softened by a pixel."""
    differs = (np.abs(cut.astype(np.int16) - empty).max(axis=2) > DIFFERENT).astype(np.uint8)
    closed = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if len(stats) < 2:
        return np.zeros(cut.shape[:2], np.float32)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(cv2.GaussianBlur((labels == largest).astype(np.float32), (3, 3), 0.6), dtype=np.float32)


def _runs(walk: Sequence[tuple[int, Body]]) -> list[tuple[Body, ...]]:
    runs: list[list[Body]] = []
    last = -9
    for number, body in walk:
        if number != last + 1:
            runs.append([])
        runs[-1].append(body)
        last = number
    return [tuple(run) for run in runs if len(run) >= LEAST_FRAMES]


def composed(people: FloatArray, bodies: Sequence[Body], empty: Image) -> Image:
    """An image of `bodies` at `people`, (N, 3) foot x, foot y, height in pixels; nearer ones cover farther ones."""
    image = empty.copy()
    for index in np.argsort(people[:, 1], kind="stable").tolist():
        _lay(image, bodies[index], *people[index].tolist())
    return image


def _lay(image: Image, body: Body, foot_x: float, foot_y: float, height_px: float) -> None:
    scale = height_px / body.height_px
    lines, columns = body.alpha.shape
    size = max(1, round(columns * scale)), max(1, round(lines * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels, alpha = cv2.resize(body.pixels, size, interpolation=how), cv2.resize(body.alpha, size, interpolation=how)
    left, top = round(foot_x - body.foot_px[0] * scale), round(foot_y - body.foot_px[1] * scale)
    height, width = image.shape[:2]
    x1, y1, x2, y2 = max(0, left), max(0, top), min(width, left + size[0]), min(height, top + size[1])
    if x1 >= x2 or y1 >= y2:
        return
    part = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
    weight = alpha[part][:, :, None]
    under = image[y1:y2, x1:x2]
    under[:] = np.round(weight * pixels[part] + (1.0 - weight) * under).astype(np.uint8)
