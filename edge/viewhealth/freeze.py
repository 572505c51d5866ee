"""Whether pictures still come from a sensor: two pictures of a real one are never the same, even through an encoder.

Two kinds of evidence. *Repetition*: the picture is the same to a rounding. *Calm*: it is not, because an encoder goes
on refining what it is fed with or spends a constant bitrate on it, but it changes far less than this camera's pictures
ever did in their quietest moments, for the sensor's noise is gone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from edge.viewhealth.features import CELLS_WH, FloatArray, Luma, changed_cells

SAME_LEVELS = 0.03
"""Mean difference up to which a cell counts as unchanged: rounding, and an encoder that has settled."""
SAME_SHARE = 0.94
"""This share of the cells unchanged makes the same picture: a clock that the recorder draws may run on."""
REMEMBERED = 7
"""Pictures to compare with, 14 s: an encoder fed with one picture repeats itself from one keyframe to the next."""
LONGEST_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True, eq=False)
class NoiseFloor:
    """The least that each cell of one camera's pictures changes while they are live: (9, 16) float32, in levels.

    light: the brightness of the cells, 0..255, at which that was learnt. learnt_s: live seconds that it rests on.
    """

    floor: FloatArray
    light: FloatArray
    learnt_s: float

    def __post_init__(self) -> None:
        for name, cells in (("floor", self.floor), ("light", self.light)):
            if cells.shape != (CELLS_WH[1], CELLS_WH[0]) or not np.all((cells >= 0.0) & (cells < 256.0)):
                raise ValueError(f"NoiseFloor.{name} must be (9, 16) levels of 0..255, got {cells.shape} {cells!r:.80}")
        if not 0.0 <= self.learnt_s < float("inf"):
            raise ValueError(f"NoiseFloor.learnt_s must be finite and >= 0 seconds, got {self.learnt_s}")

    def to_json(self) -> dict[str, Any]:
        """A JSON object of about 2 kB."""
        return {
            "floor": np.round(self.floor, 3).ravel().tolist(),
            "light": np.round(self.light, 1).ravel().tolist(),
            "learnt_s": round(self.learnt_s, 1),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The floor of `to_json`. Raises ValueError for anything else, saying what was wrong."""
        try:
            shape = (CELLS_WH[1], CELLS_WH[0])
            floor, light = (np.asarray(stored[name], np.float32).reshape(shape) for name in ("floor", "light"))
            return cls(floor, light, float(stored["learnt_s"]))
        except (KeyError, TypeError, ValueError) as broken:
            raise ValueError(f"a stored noise floor is not readable: {broken!r}") from broken


class FreezeWatch:
    """Says since when one camera's picture stands still.

    Encoders skip what does not change, so that a quiet, noiseless scene repeats itself too, at the most until the next
    keyframe. The limit therefore grows with the longest repetition that this camera has come out of by itself.
    """

    def __init__(self, limit_s: float, noise: NoiseFloor | None = None) -> None:
        """`noise`: the camera's floor as it was stored; without one it is learnt from the first live pictures."""
        self._limit_s = limit_s
        self._recent: deque[Luma] = deque(maxlen=REMEMBERED)
        self._calm = _CalmWatch(limit_s, noise)
        self._same_since_mono_s: float | None = None
        self._last_mono_s = 0.0
        self._longest_s = 0.0
        self._seen_changing = False

    @property
    def limit_s(self) -> float:
        """How long a picture must repeat itself to count as frozen."""
        if not self._seen_changing:
            return LONGEST_LIMIT_S
        return min(LONGEST_LIMIT_S, max(self._limit_s, 3.0 * self._longest_s))

    @property
    def noise(self) -> NoiseFloor | None:
        """What is known of the camera's noise, to be stored; None before the first."""
        return self._calm.noise

    def forget_noise(self) -> None:
        """Learn the floor anew: the camera looks elsewhere, or its pictures are made in another way."""
        self._calm = _CalmWatch(self._limit_s, None)

    def observe(self, picture: Luma, brightness: FloatArray, at_mono_s: float) -> bool:
        """Whether the picture has been frozen for longer than the limit.

        `brightness`: the mean of each cell, (9, 16) float32, as in `ViewFeatures.layout`.
        """
        changes = [changed_cells(picture, one) for one in self._recent]
        same = any(np.mean(one <= SAME_LEVELS) >= SAME_SHARE for one in changes)
        self._recent.append(picture)
        calm = bool(changes) and self._calm.observe(np.min(changes, axis=0), brightness, at_mono_s)
        if not same:
            if self._same_since_mono_s is not None and not calm:
                lasted_s = self._last_mono_s - self._same_since_mono_s
                if lasted_s < self.limit_s:
                    self._longest_s = max(self._longest_s, lasted_s)
            self._seen_changing = self._seen_changing or len(self._recent) > 1
            self._same_since_mono_s = None
        elif self._same_since_mono_s is None:
            self._same_since_mono_s = self._last_mono_s
        self._last_mono_s = at_mono_s
        repeats = self._same_since_mono_s is not None and at_mono_s - self._same_since_mono_s >= self.limit_s
        return repeats or calm


CALM_RATIO = (0.5, 0.7)
"""A cell is calm when it changes less than this share of its floor: (begins, ends). Live pictures stay above 0.8."""
CALM_SHARE = 0.6
"""This share of the cells that can be judged must be calm."""
LEAST_FLOOR = 0.15
"""Levels: cells whose floor is lower tell nothing: they are masked, overexposed or cleaned by the camera's denoiser."""
LEAST_JUDGED = 0.25
"""Share of the cells that must be fit to be judged."""
SAME_LIGHT = 0.2
"""A cell whose brightness differs by more than this share from that at which its floor was learnt is not judged."""
TAKEN_LATER_S = 40.0
"""What is seen counts towards the floor so much later, so that a picture that freezes does not lower it first."""
LEARNT_S = 120.0
"""Live time from which the floor is believed."""
FORGET_S = 1800.0
"""Time constant with which the floor rises again, and its brightness follows."""
LEAST_CHANGES = 3


class _CalmWatch:
    """Compares the most that each cell changed in the last `span_s` with the least that this ever was: the floor."""

    def __init__(self, span_s: float, noise: NoiseFloor | None) -> None:
        self._span_s = span_s
        self._changes: deque[tuple[float, FloatArray]] = deque()
        self._waiting: deque[tuple[float, FloatArray, FloatArray]] = deque()
        self.noise = noise
        self._began_mono_s: float | None = None
        self._taken_mono_s: float | None = None
        self.is_calm = False

    def observe(self, change: FloatArray, brightness: FloatArray, at_mono_s: float) -> bool:
        """Whether the picture is calm; `change`: of each cell to the most similar of the pictures before."""
        if self._began_mono_s is None:
            self._began_mono_s = at_mono_s
        self._changes.append((at_mono_s, change))
        while self._changes[0][0] <= at_mono_s - self._span_s:
            self._changes.popleft()
        # With a floor from an earlier run it could be judged at once, but the floor is of whole spans.
        if len(self._changes) < LEAST_CHANGES or at_mono_s - self._began_mono_s < self._span_s:
            return self.is_calm
        most = np.max([one for _, one in self._changes], axis=0)
        self.is_calm = self._judge(most, brightness)
        if self.is_calm:
            self._waiting.clear()
            return True
        self._waiting.append((at_mono_s, most, brightness))
        while self._waiting[0][0] <= at_mono_s - TAKEN_LATER_S:
            self._take(*self._waiting.popleft())
        return False

    def _judge(self, most: FloatArray, brightness: FloatArray) -> bool:
        noise = self.noise
        if noise is None or noise.learnt_s < LEARNT_S:
            return False
        judged = (noise.floor >= LEAST_FLOOR) & (np.abs(brightness - noise.light) <= SAME_LIGHT * noise.light)
        if np.mean(judged) < LEAST_JUDGED:
            return False
        ratio = (most / np.maximum(noise.floor, LEAST_FLOOR))[judged]
        return bool(np.mean(ratio <= CALM_RATIO[1 if self.is_calm else 0]) >= CALM_SHARE)

    def _take(self, at_mono_s: float, most: FloatArray, brightness: FloatArray) -> None:
        noise = self.noise
        if noise is None:
            self.noise = NoiseFloor(most, brightness, 0.0)
        else:
            elapsed_s = 0.0 if self._taken_mono_s is None else min(at_mono_s - self._taken_mono_s, 5.0)
            weight = elapsed_s / FORGET_S
            risen = noise.floor + weight * np.maximum(most - noise.floor, 0.0)
            light = noise.light + weight * (brightness - noise.light)
            self.noise = NoiseFloor(np.minimum(risen, most), light, noise.learnt_s + elapsed_s)
        self._taken_mono_s = at_mono_s
