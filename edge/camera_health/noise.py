"""How much a camera's pictures change at the least while they are live, and whether they now change less than that."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.camera_health.features import CELLS_WH, FloatArray

CALM_MEAN = (0.6, 0.75)
"""A cell is calm when it changes on the average by less than this share of its floor, (begins, ends),"""
CALM_MOST = (0.9, 1.0)
"""and at no time by more than this share of its floor. One alone is not enough: the mean falls when pictures between
keyframes are looked at as well, and the maximum falls late."""
CALM_SHARE = 0.5
"""This share of the cells that can be judged must be calm."""
LEAST_FLOOR = (0.05, 0.15)
"""Levels of (mean, most): cells whose floor is lower tell nothing: they are masked, overexposed or cleaned by the
camera's denoiser."""
LEAST_JUDGED = 0.35
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


@dataclass(frozen=True, slots=True, eq=False)
class NoiseFloor:
    """The least that each cell of one camera's pictures changes while they are live: (9, 16) float32, in levels.

    mean, most: the least that the average, and the maximum, of the changes in a span ever was. light: the brightness of
    the cells, 0..255, at which that was learnt. learnt_s: live seconds that it rests on.
    """

    mean: FloatArray
    most: FloatArray
    light: FloatArray
    learnt_s: float

    def __post_init__(self) -> None:
        for name, cells in (("mean", self.mean), ("most", self.most), ("light", self.light)):
            if cells.shape != (CELLS_WH[1], CELLS_WH[0]) or not np.all((cells >= 0.0) & (cells < 256.0)):
                raise ValueError(f"NoiseFloor.{name} must be (9, 16) levels of 0..255, got {cells.shape} {cells!r:.80}")
        if not 0.0 <= self.learnt_s < float("inf"):
            raise ValueError(f"NoiseFloor.learnt_s must be finite and >= 0 seconds, got {self.learnt_s}")

    def to_json(self) -> dict[str, Any]:
        """A JSON object of about 3 kB."""
        return {
            "mean": np.round(self.mean, 3).ravel().tolist(),
            "most": np.round(self.most, 3).ravel().tolist(),
            "light": np.round(self.light, 1).ravel().tolist(),
            "learnt_s": round(self.learnt_s, 1),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The floor of `to_json`. Raises ValueError for anything else, saying what was wrong."""
        try:
            shape = (CELLS_WH[1], CELLS_WH[0])
            cells = [np.asarray(stored[name], np.float32).reshape(shape) for name in ("mean", "most", "light")]
            mean, most, light = cells
            return cls(mean, most, light, float(stored["learnt_s"]))
        except (KeyError, TypeError, ValueError) as broken:
            raise ValueError(f"a stored noise floor is not readable: {broken!r}") from broken

    def lowered(self, seen: Span) -> NoiseFloor:
        """This floor where live pictures have been seen to change no more than in `seen`."""
        return replace(self, mean=np.minimum(self.mean, seen.mean), most=np.minimum(self.most, seen.most))

    def followed(self, seen: Span, elapsed_s: float) -> NoiseFloor:
        """This floor after so many more live seconds: no higher than what was seen, else rising towards it slowly."""
        weight = elapsed_s / FORGET_S
        risen = replace(
            self,
            mean=self.mean + weight * np.maximum(seen.mean - self.mean, 0.0),
            most=self.most + weight * np.maximum(seen.most - self.most, 0.0),
            light=self.light + weight * (seen.light - self.light),
            learnt_s=self.learnt_s + elapsed_s,
        )
        return risen.lowered(seen)

    def judges(self, light: FloatArray) -> npt.NDArray[np.bool_]:
        """Which cells have noise enough to be missed, and the light in which that was learnt."""
        noisy = (self.mean >= LEAST_FLOOR[0]) & (self.most >= LEAST_FLOOR[1])
        return np.asarray(noisy & (np.abs(light - self.light) <= SAME_LIGHT * self.light), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """How much each cell changed in the pictures of some seconds, on the average and at the most, and its light."""

    at_mono_s: float
    mean: FloatArray
    most: FloatArray
    light: FloatArray


class CalmWatch:
    """Compares how much each cell changed in the last `span_s` with the least that this ever was: the floor."""

    def __init__(self, span_s: float, noise: NoiseFloor | None) -> None:
        self._span_s = span_s
        self._changes: deque[tuple[float, FloatArray]] = deque()
        self._waiting: deque[Span] = deque()
        self.noise = noise
        self._began_mono_s: float | None = None
        self._taken_mono_s: float | None = None
        self.is_calm = False

    @property
    def has_noise(self) -> bool:
        """Whether pictures change in most places while they are live, as far as is known: not before some spans."""
        seen = [span.most for span in self._waiting]
        if self.noise is not None:
            seen.append(self.noise.most)
        elif len(seen) < _FEWEST_SPANS:
            return False
        return bool(np.mean(np.min(seen, axis=0) >= LEAST_FLOOR[1]) >= LEAST_JUDGED)

    def distrust(self) -> None:
        """What was seen lately was not live, or not the view: nothing of it counts towards the floor."""
        self._waiting.clear()

    def restart(self, at_mono_s: float) -> None:
        """Pictures are live again: begin a new span, for the old ones have pictures in them that were not."""
        self._waiting.clear()
        self._changes.clear()
        self._began_mono_s = at_mono_s
        self.is_calm = False

    def observe(
        self, change: FloatArray, brightness: FloatArray, at_mono_s: float, *, lives: bool, is_noise: bool = False
    ) -> bool:
        """Whether the picture is calm; `change`: of each cell to the most similar of the pictures before.

        `lives`: something else shows that the newest picture, and so all before it, is live. Then the floor comes down
        at once to what is seen: the camera's denoiser or encoder may just have been set to something quieter.
        `is_noise`: what is seen is a sensor's noise. It counts like all else, later, for it may be that of a cover.
        """
        if self._began_mono_s is None:
            self._began_mono_s = at_mono_s
        self._changes.append((at_mono_s, change))
        # Where keyframes alone are looked at, and those are far apart, a span is as long as the fewest of them.
        while len(self._changes) > LEAST_CHANGES and self._changes[0][0] <= at_mono_s - self._span_s:
            self._changes.popleft()
        # With a floor from an earlier run it could be judged at once, but the floor is of whole spans.
        if len(self._changes) < LEAST_CHANGES or at_mono_s - self._began_mono_s < self._span_s:
            return self.is_calm
        changes = [one for _, one in self._changes]
        span = Span(at_mono_s, np.mean(changes, axis=0), np.max(changes, axis=0), brightness)
        if lives and self.noise is not None:
            self.noise = self.noise.lowered(span)
        self.is_calm = not (lives or is_noise) and self._judge(span)
        if self.is_calm:
            self._waiting.clear()
            return True
        self._waiting.append(span)
        while self._waiting[0].at_mono_s <= at_mono_s - TAKEN_LATER_S:
            self._take(self._waiting.popleft())
        return False

    def _judge(self, span: Span) -> bool:
        noise = self.noise
        if noise is None or noise.learnt_s < LEARNT_S:
            return False
        judged = noise.judges(span.light)
        if np.mean(judged) < LEAST_JUDGED:
            return False
        still = 1 if self.is_calm else 0
        calm = (span.mean <= CALM_MEAN[still] * noise.mean) & (span.most <= CALM_MOST[still] * noise.most)
        return bool(np.mean(calm[judged]) >= CALM_SHARE)

    def _take(self, span: Span) -> None:
        if self.noise is None:
            self.noise = NoiseFloor(span.mean, span.most, span.light, 0.0)
        else:
            before_mono_s = span.at_mono_s if self._taken_mono_s is None else self._taken_mono_s
            self.noise = self.noise.followed(span, min(span.at_mono_s - before_mono_s, _LONGEST_STEP_S))
        self._taken_mono_s = span.at_mono_s


_LONGEST_STEP_S = 5.0
_FEWEST_SPANS = 5
