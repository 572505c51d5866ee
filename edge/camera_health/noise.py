"""A camera's noise floor, the least that its live frames change, and detecting that frames change less than that."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.camera_health.features import CELLS_WH, FloatArray

CALM_MEAN = (0.6, 0.75)
"""A cell is calm when its mean change is below this share of its floor (begins, ends),"""
CALM_MOST = (0.9, 1.0)
"""and its maximum change below this share. Both are needed: the mean also falls when frames between keyframes are
decoded as well, and the maximum falls late."""
CALM_SHARE = 0.5
"""The frames are calm when this share of the usable cells is calm."""
MIN_FLOOR = (0.05, 0.15)
"""Levels of (mean, most): cells with a lower floor are not usable: they are masked, overexposed or cleaned by the
camera's denoiser."""
MIN_USABLE = 0.35
"""Frames are judged only when this share of the cells is usable."""
SAME_LIGHT = 0.2
"""A cell is not usable when its brightness differs by more than this share from that at which its floor was learnt."""
LEARN_DELAY_S = 40.0
"""Changes count towards the floor after this delay, so that frames that freeze do not lower it first."""
LEARNT_S = 120.0
"""The floor is used once it was learnt from this much live time."""
FORGET_S = 1800.0
"""Time constant with which the floor rises again, and its brightness follows."""
MIN_CHANGES = 3
_LONGEST_STEP_S = 5.0
_FEWEST_SPANS = 5


@dataclass(frozen=True, slots=True, eq=False)
class NoiseFloor:
    """The least that each cell of one camera's frames changes while they are live: (9, 16) float32, in levels.

    mean, most: the smallest mean, and the smallest maximum, of the changes within a span. light: the brightness of the
    cells, 0..255, at which they were learnt. learnt_s: the live seconds from which they were learnt.
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
        """Parse what `to_json` returned. Raises ValueError for anything else, with the cause."""
        try:
            shape = (CELLS_WH[1], CELLS_WH[0])
            cells = [np.asarray(stored[name], np.float32).reshape(shape) for name in ("mean", "most", "light")]
            mean, most, light = cells
            return cls(mean, most, light, float(stored["learnt_s"]))
        except (KeyError, TypeError, ValueError) as broken:
            raise ValueError(f"a stored noise floor is not readable: {broken!r}") from broken

    def lowered(self, seen: Span) -> NoiseFloor:
        """This floor, lowered to the changes of `seen`, which is live."""
        return replace(self, mean=np.minimum(self.mean, seen.mean), most=np.minimum(self.most, seen.most))

    def followed(self, seen: Span, elapsed_s: float) -> NoiseFloor:
        """This floor after `elapsed_s` more live seconds: lowered to `seen` at once, raised towards it slowly."""
        weight = elapsed_s / FORGET_S
        risen = replace(
            self,
            mean=self.mean + weight * np.maximum(seen.mean - self.mean, 0.0),
            most=self.most + weight * np.maximum(seen.most - self.most, 0.0),
            light=self.light + weight * (seen.light - self.light),
            learnt_s=self.learnt_s + elapsed_s,
        )
        return risen.lowered(seen)

    def usable_cells(self, light: FloatArray) -> npt.NDArray[np.bool_]:
        """(9, 16) bool: the cells with measurable noise whose brightness is that at which their floor was learnt."""
        noisy = (self.mean >= MIN_FLOOR[0]) & (self.most >= MIN_FLOOR[1])
        return np.asarray(noisy & (np.abs(light - self.light) <= SAME_LIGHT * self.light), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """The mean and maximum change of each cell over the frames of some seconds, and its brightness."""

    at_mono_s: float
    mean: FloatArray
    most: FloatArray
    light: FloatArray


class CalmWatch:
    """Compares how much each cell changed in the last `span_s` with the noise floor, and learns the floor.

    noise: the floor; None before it is learnt. is_calm: whether the newest frames change less than the floor.
    """

    def __init__(self, span_s: float, noise: NoiseFloor | None) -> None:
        self._span_s = span_s
        self._changes: deque[tuple[float, FloatArray]] = deque()
        self._delayed: deque[Span] = deque()
        self.noise = noise
        self._began_mono_s: float | None = None
        self._learned_mono_s: float | None = None
        self.is_calm = False

    @property
    def has_noise(self) -> bool:
        """Whether live frames have measurable noise in enough cells; false until some spans are known."""
        seen = [span.most for span in self._delayed]
        if self.noise is not None:
            seen.append(self.noise.most)
        elif len(seen) < _FEWEST_SPANS:
            return False
        return bool(np.mean(np.min(seen, axis=0) >= MIN_FLOOR[1]) >= MIN_USABLE)

    def discard_recent(self) -> None:
        """Keep the latest frames out of the floor, because they were not live or did not show the view."""
        self._delayed.clear()

    def restart(self, at_mono_s: float) -> None:
        """Begin a new span with live frames, because the present one contains frozen frames."""
        self._delayed.clear()
        self._changes.clear()
        self._began_mono_s = at_mono_s
        self.is_calm = False

    def observe(
        self, change: FloatArray, brightness: FloatArray, at_mono_s: float, *, is_live: bool, is_noise: bool = False
    ) -> bool:
        """Take in the next frame; true if they are calm. `change`: of each cell to the most similar earlier frame.

        `is_live`: there is other evidence that the newest frame, and so all before it, is live. Then the floor is
        lowered at once, since the camera's denoiser or encoder may have been set to something quieter. `is_noise`: the
        changes are a sensor's noise. They lower the floor only after LEARN_DELAY_S, since they may be those of a cover.
        """
        if self._began_mono_s is None:
            self._began_mono_s = at_mono_s
        self._changes.append((at_mono_s, change))
        # When only keyframes are decoded and they are far apart, a span is as long as MIN_CHANGES of them.
        while len(self._changes) > MIN_CHANGES and self._changes[0][0] <= at_mono_s - self._span_s:
            self._changes.popleft()
        # Also with a stored floor, wait for a whole span, because the floor describes whole spans.
        if len(self._changes) < MIN_CHANGES or at_mono_s - self._began_mono_s < self._span_s:
            return self.is_calm
        changes = [one for _, one in self._changes]
        span = Span(at_mono_s, np.mean(changes, axis=0), np.max(changes, axis=0), brightness)
        if is_live and self.noise is not None:
            self.noise = self.noise.lowered(span)
        self.is_calm = not (is_live or is_noise) and self._judge(span)
        if self.is_calm:
            self._delayed.clear()
            return True
        self._delayed.append(span)
        while self._delayed[0].at_mono_s <= at_mono_s - LEARN_DELAY_S:
            self._learn(self._delayed.popleft())
        return False

    def _judge(self, span: Span) -> bool:
        noise = self.noise
        if noise is None or noise.learnt_s < LEARNT_S:
            return False
        usable = noise.usable_cells(span.light)
        if np.mean(usable) < MIN_USABLE:
            return False
        limit = 1 if self.is_calm else 0
        calm = (span.mean <= CALM_MEAN[limit] * noise.mean) & (span.most <= CALM_MOST[limit] * noise.most)
        return bool(np.mean(calm[usable]) >= CALM_SHARE)

    def _learn(self, span: Span) -> None:
        if self.noise is None:
            self.noise = NoiseFloor(span.mean, span.most, span.light, 0.0)
        else:
            before_mono_s = span.at_mono_s if self._learned_mono_s is None else self._learned_mono_s
            self.noise = self.noise.followed(span, min(span.at_mono_s - before_mono_s, _LONGEST_STEP_S))
        self._learned_mono_s = span.at_mono_s
