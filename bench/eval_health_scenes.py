"""Footage of hours, made from real clips, and the faults and changes of light that a camera may show
(`bench.eval_health`).

Images are planar 4:2:0 as an encoder takes them: (HEIGHT * 3 / 2, WIDTH) uint8, luma first. Changes affect luma only,
because camera health reads nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Change = Callable[[FloatArray, float], FloatArray]
"""Maps luma (HEIGHT, WIDTH) in levels, and the seconds since the change began, to the luma that the sensor sees."""

WIDTH, HEIGHT = 640, 360
FPS = 10
LONGEST_S = 60.0
"""This much of a clip is held in memory (0.35 MB for each image) and played forwards and backwards."""
WANDERS_S = 15.0

CLIPS = (
    "mot/PETS09-S2L1-vtest.mp4", "video/avenue-17.mp4", "video/avenue-normal-12.mp4", "video/intel_one_by_one.mp4",
    "video/mvondracek__s3_f_side_single.mp4", "video/office_lobby_fisheye.mp4", "video/shop_counter_cctv.mp4",
    "video/intel_car_noperson.mp4", "video/bgs_highway_noperson.avi",
)  # fmt: skip
_ROWS, _COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of a camera's life of `seconds`.

    name: its name in reports. fault: what camera health should report; None for nothing.
    noise_levels: standard deviation of the sensor's noise at mid-grey. quieter: encoder options instead of the usual
        ones.
    empty: show the temporal median of the footage, without people. still: repeat the image before.
    wanders: the footage turns round at random, not only at its ends, so that it never repeats itself as a whole.
    silent: send nothing. clock_offset_s: how far the clock of the camera's sender reports is ahead.
    """

    name: str
    seconds: float
    fault: str | None = None
    change: Change | None = None
    noise_levels: float = 0.0
    quieter: dict[str, str] | None = None
    empty: bool = False
    still: bool = False
    wanders: bool = False
    silent: bool = False
    clock_offset_s: float = 0.0


class Footage:
    """One clip as images at `FPS`, forwards and backwards, so that it never jumps."""

    def __init__(self, video: Path) -> None:
        self.name = video.stem
        self._images = list(_read(video))
        sample = self._images[:: max(1, len(self._images) // 40)]
        self._empty: Image = np.median(sample, axis=0).astype(np.uint8)
        self._grains = _grains(np.random.default_rng(20261124))

    def images(self, spells: list[Spell]) -> Iterator[tuple[Spell, float, Image]]:
        """Each image with its spell and the seconds since the spell began."""
        count = len(self._images)
        index, step = 0, 1
        rng, turns = np.random.default_rng(7), np.random.default_rng(8)
        shown = self._images[0]
        for spell in spells:
            for number in range(round(spell.seconds * FPS)):
                at_s = number / FPS
                seen = self._images[index]
                if spell.wanders and turns.random() < 1.0 / (WANDERS_S * FPS):
                    step = -step
                if not 0 <= index + step < count:
                    step = -step
                index += step
                if not spell.still:
                    shown = self._sensed(self._empty if spell.empty else seen, spell, at_s, rng)
                yield spell, at_s, shown

    def _sensed(self, image: Image, spell: Spell, at_s: float, rng: np.random.Generator) -> Image:
        if spell.change is None and not spell.noise_levels:
            return image
        luma = image[:HEIGHT].astype(np.float32)
        if spell.change is not None:
            luma = spell.change(luma, at_s)
        if spell.noise_levels:
            # Half of the variance is read-out noise, half grows with the light, as with a sensor of fixed gain.
            grain = self._grains[int(rng.integers(len(self._grains)))]
            top, left = int(rng.integers(HEIGHT)), int(rng.integers(WIDTH))
            strength = spell.noise_levels * cv2.sqrt(0.5 + luma * np.float32(1.0 / 256.0))
            luma = luma + strength * grain[top : top + HEIGHT, left : left + WIDTH]
        whole = image.copy()
        whole[:HEIGHT] = cv2.convertScaleAbs(np.maximum(luma, 0.0))
        return whole


def _read(video: Path) -> Iterator[Image]:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 25)
        due_s = 0.0
        for index, image in enumerate(container.decode(stream)):
            # Footage of 7 frames a second plays slightly faster than it was filmed.
            if index / rate >= due_s - 1e-6 or rate < FPS:
                due_s += 1.0 / FPS
                yield np.asarray(image.to_ndarray(width=WIDTH, height=HEIGHT, format="yuv420p"), dtype=np.uint8)
            if due_s > LONGEST_S:
                return


def _grains(rng: np.random.Generator) -> list[FloatArray]:
    """Noise of standard deviation 1, its grain slightly wider than a pixel, as demosaicing leaves it. The field is
    twice as large as an image, so that each image can use another part of it."""
    found = []
    for _ in range(6):
        grain = cv2.GaussianBlur(rng.normal(0.0, 1.0, (2 * HEIGHT, 2 * WIDTH)).astype(np.float32), (0, 0), 0.7)
        found.append(np.asarray(grain / grain.std(), dtype=np.float32))
    return found


def _blurred(luma: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), dtype=np.float32)


def _warped(degrees: float, zoom: float, across: float, down: float) -> Change:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, zoom)
    matrix[0, 2] += across * WIDTH
    matrix[1, 2] += down * HEIGHT

    def warp(luma: FloatArray, _: float) -> FloatArray:
        return np.asarray(cv2.warpAffine(luma, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.float32)

    return warp


def faults(seconds: float, noise_levels: float) -> list[Spell]:
    """Every fault that the images can show, in each of its forms once."""
    ways: list[tuple[str, str, Change | None]] = [
        ("hand", "covered", lambda y, _: _blurred(y, 40.0) * 0.2 + 60.0),
        ("spray", "covered", lambda y, _: _blurred(y, 24.0) * 0.3 + 120.0),
        ("bag over 60 %", "covered", lambda y, _: np.where(_COLUMNS < 0.6 * WIDTH, np.float32(70.0), y)),
        ("blur of 3 px", "defocused", lambda y, _: _blurred(y, 3.0)),
        ("blur of 8 px", "defocused", lambda y, _: _blurred(y, 8.0)),
        ("shifted by 5 %", "moved", _warped(0.0, 1.0, 0.05, 0.0)),
        ("turned by 25 %", "moved", _warped(0.0, 1.0, 0.25, 0.0)),
        ("rolled by 6 degrees", "moved", _warped(6.0, 1.0, 0.0, 0.0)),
        ("lamp out", "dark", lambda y, _: y * 0.08 + 14.7),
    ]
    made = [Spell(name, seconds, fault, change, noise_levels) for name, fault, change in ways]
    return [
        *made,
        Spell("frozen", seconds, "frozen", still=True),
        Spell("sends nothing", seconds, "no_stream", silent=True),
        Spell("clock an hour slow", seconds, "clock_wrong", None, noise_levels, clock_offset_s=-3600.0),
    ]


def day(hour_s: float) -> Change:
    """Daylight that fades to 45 % and returns within `hour_s`, with a cloud about every 40 s."""

    def lit(luma: FloatArray, at_s: float) -> FloatArray:
        sun = 0.725 + 0.275 * np.cos(2.0 * np.pi * at_s / hour_s)
        cloud = 1.0 - 0.12 * max(0.0, np.sin(2.0 * np.pi * at_s / 43.0)) * (np.sin(at_s / 170.0) > 0.0)
        return np.asarray(16.0 + (luma - 16.0) * sun * cloud + 6.0 * (1.0 - sun), dtype=np.float32)

    return lit


def breath(luma: FloatArray, at_s: float) -> FloatArray:
    """Unsteady light: it varies by 1 % with a period of 90 s."""
    return np.asarray(16.0 + (luma - 16.0) * (1.0 + 0.01 * np.sin(2.0 * np.pi * at_s / 97.0)), dtype=np.float32)


def night(luma: FloatArray, _: float) -> FloatArray:
    """A quarter of the light, raised again by gain."""
    return np.asarray(24.0 + (luma - 16.0) * 0.3, dtype=np.float32)


def infrared(luma: FloatArray, _: float) -> FloatArray:
    """Infrared lamps beside the lens: bright in the middle."""
    lamp = 0.3 + 0.6 * np.exp(-(((_COLUMNS - WIDTH / 2) / (0.44 * WIDTH)) ** 2))
    return np.asarray(16.0 + (luma - 16.0) * lamp, dtype=np.float32)


def rain(luma: FloatArray, at_s: float) -> FloatArray:
    """Streaks of rain, and a third of the image moving in the wind."""
    rng = np.random.default_rng(round(at_s * FPS) + 1)
    near = np.exp(-(((_COLUMNS - 160.0) / 80.0) ** 2 + ((_ROWS - 120.0) / 80.0) ** 2))
    push = 6.0 * np.sin(2.0 * np.pi * at_s / 2.3) + 2.0 * np.sin(2.0 * np.pi * at_s / 0.7 + _COLUMNS / 18.0)
    swayed = cv2.remap(luma, (_COLUMNS + push * near).astype(np.float32), _ROWS, cv2.INTER_LINEAR)
    streaks = np.zeros(luma.shape, np.float32)
    for _ in range(60):
        x, y, length = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT)), int(rng.integers(16, 40))
        cv2.line(streaks, (x, y), (x + length // 5, y + length), float(rng.integers(10, 40)), 1)
    return np.asarray(swayed + streaks, dtype=np.float32)


def ordinary(minutes: float) -> dict[str, list[Spell]]:
    """What cameras see without a fault, by name: `minutes` of each scene, then a frame that freezes for 40 s."""
    whole_s, half_s, tenth_s = 60.0 * minutes, 30.0 * minutes, 6.0 * minutes
    nights = (
        ("dusk", day(4.0 * tenth_s), 2.0), ("gain", night, 6.0), ("infrared", infrared, 4.0),
        ("gain again", night, 6.0), ("morning", None, 1.5),
    )  # fmt: skip
    scenes: dict[str, list[Spell]] = {
        "day": [Spell("light", whole_s, change=day(whole_s), noise_levels=1.5)],
        "clean": [Spell("light", whole_s, change=day(whole_s))],
        "night": 2 * [Spell(name, tenth_s, change=change, noise_levels=levels) for name, change, levels in nights],
        "busy, then quiet": [
            Spell("busy", half_s, noise_levels=1.0),
            Spell("empty", half_s, noise_levels=1.0, empty=True),
        ],
        "rain": [Spell("rain", whole_s, change=rain, noise_levels=2.0)],
        "corridor": comes_and_goes(whole_s, noise_levels=0.4, change=breath),
        "denoiser on": [Spell("noisy", half_s, noise_levels=3.0), *comes_and_goes(half_s, noise_levels=0.5)],
        "encoder quieter": [
            Spell("usual", half_s, noise_levels=2.0),
            *comes_and_goes(half_s, noise_levels=2.0, quieter={"crf": "34"}),
        ],
        "noiseless": comes_and_goes(whole_s),
        "hours": hours(whole_s),
    }
    return {name: [*spells, Spell("frozen", 40.0, "frozen", still=True)] for name, spells in scenes.items()}


def hours(whole_s: float) -> list[Spell]:
    """A day and a night within `whole_s`, with people coming and going at random; the scene is empty for more than
    three quarters of the time."""
    rng = np.random.default_rng(24)
    made: list[Spell] = []
    at_s = 0.0
    while at_s < whole_s:
        part = at_s / whole_s
        name, change, noise_levels = next(one[1:] for one in _DAY_AND_NIGHT if part < one[0])
        drawn_s = float(rng.uniform(*((10.0, 60.0) if len(made) % 2 else (30.0, 240.0))))
        seconds = min(drawn_s, whole_s - at_s)
        spell = Spell(
            f"{name}, {'people' if len(made) % 2 else 'empty'}", seconds, None, change(at_s, whole_s), noise_levels,
            empty=len(made) % 2 == 0, wanders=True,
        )  # fmt: skip
        made.append(spell)
        at_s += seconds
    return made


def _sunlit(starts_s: float, whole_s: float) -> Change:
    """Sunlight from one morning to the next, halved at its lowest, with clouds during the day."""

    def lit(luma: FloatArray, at_s: float) -> FloatArray:
        now_s = starts_s + at_s
        sun = 0.3 + 0.7 * max(0.0, np.sin(np.pi * (now_s / whole_s / 0.6 + 0.15) / 1.3))
        cloud = 1.0 - 0.12 * max(0.0, np.sin(2.0 * np.pi * now_s / 83.0)) * (np.sin(now_s / 370.0) > 0.0)
        return np.asarray(16.0 + (luma - 16.0) * sun * cloud + 6.0 * (1.0 - sun), dtype=np.float32)

    return lit


def _headlights(starts_s: float, _: float) -> Change:
    """Night with gain; a car's headlights pass for four seconds in every fifty."""

    def lit(luma: FloatArray, at_s: float) -> FloatArray:
        dim, since_s = night(luma, at_s), (starts_s + at_s) % 50.0
        if since_s >= 4.0:
            return dim
        cone = np.exp(-(((_COLUMNS - WIDTH * since_s / 4.0) / 90.0) ** 2) - ((_ROWS - 240.0) / 80.0) ** 2)
        return np.asarray(dim + 90.0 * cone, dtype=np.float32)

    return lit


_DAY_AND_NIGHT: tuple[tuple[float, str, Callable[[float, float], Change], float], ...] = (
    (0.50, "day", _sunlit, 1.0), (0.60, "dusk", _sunlit, 2.5), (0.75, "gain", _headlights, 5.0),
    (1.00, "infrared", lambda _start_s, _whole_s: infrared, 3.0),
)  # fmt: skip
"""For each phase: its end as a share of the whole, its name, its light and its noise."""


def comes_and_goes(
    seconds: float, *, noise_levels: float = 0.0, change: Change | None = None, quieter: dict[str, str] | None = None
) -> list[Spell]:
    """Spells of 100 s without and 20 s with people, alternating for `seconds`."""
    empty = Spell("empty", 100.0, None, change, noise_levels, quieter, empty=True)
    people = Spell("people", 20.0, None, change, noise_levels, quieter)
    return [empty, people] * max(1, round(seconds / 120.0))
