"""Small luma frames of the test data, and faults and changes of a camera's view made from them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 320, 180


@functools.lru_cache(maxsize=16)
def small_frames(video: Path, rate_hz: float, seconds: float = 1e9) -> tuple[tuple[Luma, ...], float]:
    """Frames of a video at about `rate_hz`, (180, 320) uint8, and the seconds between two of them."""
    found: list[Luma] = []
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 25)
        step = max(1, round(fps / rate_hz))
        for index, frame in enumerate(container.decode(stream)):
            if index / fps > seconds:
                break
            if index % step == 0:
                plane = frame.reformat(width=WIDTH, height=HEIGHT, format="gray", interpolation="AREA").to_ndarray()
                found.append(np.asarray(plane, dtype=np.uint8))
    return tuple(found), step / fps


def to_and_fro(frames: Sequence[Luma]) -> Iterator[Luma]:
    """The frames forwards and backwards for ever, without a jump."""
    return itertools.cycle((*frames, *frames[-2:0:-1]))


def noisy(frame: npt.NDArray[np.generic], levels: float, rng: np.random.Generator, grain: float = 0.0) -> Luma:
    """The frame with Gaussian noise of `levels` standard deviation, its grain `grain` pixels wide."""
    noise = rng.normal(0.0, 1.0, frame.shape).astype(np.float32)
    if grain:
        coarse = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain), dtype=np.float32)
        noise = coarse / coarse.std()
    return np.clip(frame.astype(np.float32) + levels * noise, 0, 255).astype(np.uint8)


def swaying(frame: Luma, at_s: float, centre_xy: tuple[int, int], reach_px: float = 40.0) -> Luma:
    """The frame with a part that moves to and fro like a tree in the wind."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    near = np.exp(-(((columns - centre_xy[0]) / reach_px) ** 2 + ((rows - centre_xy[1]) / reach_px) ** 2))
    push = 4 * np.sin(2 * np.pi * at_s / 2.3) + 1.5 * np.sin(2 * np.pi * at_s / 0.7 + columns / 9)
    moved = cv2.remap(frame, (columns + push * near).astype(np.float32), rows, cv2.INTER_LINEAR)
    return np.asarray(moved, dtype=np.uint8)


def raining(frame: Luma, streaks: int, levels: float, rng: np.random.Generator) -> Luma:
    """The frame with streaks of rain one pixel wide; a pixel is 6 of a 1080p frame."""
    rain = np.zeros(frame.shape, np.uint8)
    for _ in range(streaks):
        x, y, length = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT)), int(rng.integers(8, 20))
        cv2.line(rain, (x, y), (x + length // 5, y + length), int(rng.integers(80, 255)), 1)
    return np.clip(frame + rain.astype(np.float32) / 255.0 * levels, 0, 255).astype(np.uint8)
