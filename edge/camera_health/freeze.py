"""Detecting a frozen camera: two frames of a live sensor are never equal, even after encoding.

Two kinds of evidence. *Repetition*: the frame equals an earlier one up to rounding. *Calm*: frames differ, because an
encoder keeps refining a frozen input or spends a constant bitrate on it, but they change far less than this camera's
frames ever did while live, since the sensor's noise is missing. Both are refuted by *signs of life*: something that
passes through a part of the frame, or light that changes slowly. A refuted claim raises the limits to what this camera
does while live, so that it is not claimed again.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from edge.camera_health.features import FloatArray, Luma, changed_cells
from edge.camera_health.noise import CALM_MEAN, CalmWatch, NoiseFloor

SAME_LEVELS = 0.03
"""Mean difference, in levels, up to which a cell counts as unchanged: rounding, and an encoder that has settled."""
SAME_SHARE = 0.94
"""A frame repeats an earlier one when this share of its cells is unchanged: a clock overlay may still change."""
COMPARED_FRAMES = 7
"""Frames to compare with, 14 s: the coding of a frozen input recurs from one keyframe to the next."""
UNKNOWN_LIMIT_S = 120.0
"""How long frames must repeat when this camera has never been seen to change, or has no measurable noise."""
LONGEST_LIMIT_S = 6 * 3600.0

MOVED_LEVELS, MOVED_NOISE = 6.0, 2.0
"""Something moved in a cell that differs from all compared frames by at least 6 levels and twice its noise floor.
Encoders at a starved bitrate that refine a frozen input stay below 5.9; people who pass exceed 8
(docs/design/frozen-camera.md)."""
PASSING_CELLS = 3
"""Something passes when it moves through at least this many cells."""
DRIFT_LEVELS = 0.5
"""The light drifts when half of the cells became brighter or darker by at least this since the frame stood still. The
coding of a frozen input drifts by less than 0.25."""
EVEN = 0.93
"""The noise of a sensor differs equally between all frames, near and far: of the changes to the compared frames, the
second smallest is at least this share of the largest (measured: 0.94 and more). The smallest is left out, because an
encoder may have repeated a part of that frame. The coding of a frozen input resembles some of its frames more than
others: at most 0.90 over four of them."""
EVEN_LEVELS = 0.1
"""Changes below this are rounding and are not evaluated."""
EVEN_FRAMES = 4
"""This many even frames in a row are a sign of life. Half as many, compared with the four most similar frames only,
delay the claim: the other compared frames may be older than the change that calmed the frames."""
SETTLED_LEVELS = (1.0, 0.25)
"""After a repetition, a frame that differs by at most this (change, drift; median over the cells) shows the same quiet
scene, coded by its next keyframe."""
_ANCHOR = 3


class _LifeSigns:
    """Detects changes that only live frames show."""

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._moved: deque[tuple[float, npt.NDArray[np.bool_]]] = deque()
        self._anchor: list[FloatArray] = []
        self._latest: deque[FloatArray] = deque(maxlen=_ANCHOR)

    def observe(
        self, change: FloatArray, brightness: FloatArray, at_mono_s: float, *, noise: NoiseFloor | None, still: bool
    ) -> None:
        """Take in the next frame; `still`: whether it repeats an earlier one or is calm."""
        moved_levels = MOVED_LEVELS if noise is None else np.maximum(MOVED_LEVELS, MOVED_NOISE * noise.most)
        self._moved.append((at_mono_s, change >= moved_levels))
        while self._moved[0][0] <= at_mono_s - self._kept_s:
            self._moved.popleft()
        self._latest.append(brightness)
        if not still:
            self._anchor.clear()
        elif len(self._anchor) < _ANCHOR:
            self._anchor.append(brightness)

    def passing(self, since_mono_s: float) -> tuple[bool, bool]:
        """Whether something has passed since then, through several cells without staying in any; and whether it does
        so in the newest frame.

        A clock overlay stays in its cells; the first and last row, where overlays are drawn, are left out.
        """
        moved = [cells for at_mono_s, cells in self._moved if at_mono_s > since_mono_s]
        if len(moved) < _ANCHOR:
            return False, False
        times = np.sum(moved, axis=0)
        passed = (times > 0) & (3 * times <= 2 * len(moved)) & _INNER
        if np.count_nonzero(passed) < PASSING_CELLS:
            return False, False
        return True, bool(np.any(passed & moved[-1]))

    def drifting(self) -> bool:
        """Whether the light has changed since the frame stood still."""
        if len(self._anchor) < _ANCHOR or len(self._latest) < _ANCHOR:
            return False
        drift = np.mean(self._latest, axis=0) - np.mean(self._anchor, axis=0)
        return float(np.median(np.abs(drift))) >= DRIFT_LEVELS


class _Evenness:
    """Recognises a sensor's noise: the newest frame differs equally from all compared frames."""

    def __init__(self) -> None:
        self._even: deque[bool] = deque([False] * EVEN_FRAMES, maxlen=EVEN_FRAMES)
        self._begins: deque[bool] = deque([False] * (EVEN_FRAMES // 2), maxlen=EVEN_FRAMES // 2)

    def observe(self, changes: list[FloatArray]) -> None:
        """`changes`: of each cell, (9, 16), to each of the compared frames."""
        levels: list[float] = np.sort(np.mean(changes, axis=(1, 2))).tolist()
        if len(levels) < COMPARED_FRAMES or levels[1] < EVEN_LEVELS:
            levels = [0.0, 0.0, 0.0, 1.0]
        self._even.append(levels[1] >= EVEN * levels[-1])
        self._begins.append(levels[1] >= EVEN * levels[3])

    @property
    def is_noise(self) -> bool:
        """Whether the changes are a sensor's noise."""
        return all(self._even)

    @property
    def may_be_noise(self) -> bool:
        """Whether the changes so far may turn out to be a sensor's noise."""
        return all(self._begins)


_INNER = np.ones((9, 16), np.bool_)
_INNER[[0, -1]] = False


class FreezeWatch:
    """Detects that one camera's frames are frozen.

    Encoders skip what does not change, so that a quiet scene without noise also repeats, at most until the next
    keyframe. The limit therefore grows with the longest repetition that this camera ended by itself, and is long for a
    camera whose live frames have no measurable noise.
    """

    def __init__(self, limit_s: float, noise: NoiseFloor | None = None) -> None:
        """`limit_s`: how long frames must repeat or be calm, at least. `noise`: the stored floor; None: learn it."""
        self._limit_s = limit_s
        self._recent: deque[Luma] = deque(maxlen=COMPARED_FRAMES)
        self._calm = CalmWatch(limit_s, noise)
        self._life = _LifeSigns(2.0 * limit_s)
        self._evenness = _Evenness()
        self._same_since_mono_s: float | None = None
        self._last_mono_s = 0.0
        self._last_brightness: FloatArray | None = None
        self._longest_s = 0.0
        self._seen_changing = False
        self._has_noise = False
        self._is_frozen = False

    @property
    def limit_s(self) -> float:
        """How long frames must repeat to count as frozen."""
        if not self._seen_changing:
            return UNKNOWN_LIMIT_S
        return min(LONGEST_LIMIT_S, max(self._limit_s if self._has_noise else UNKNOWN_LIMIT_S, 3.0 * self._longest_s))

    @property
    def noise(self) -> NoiseFloor | None:
        """The camera's noise floor, to be stored; None before it is learnt."""
        return self._calm.noise

    def forget_noise(self) -> None:
        """Learn the noise floor again, because the camera has another view."""
        self._calm = CalmWatch(self._limit_s, None)

    def discard_recent(self) -> None:
        """Keep the latest frames out of the noise floor, because the view is at fault."""
        self._calm.discard_recent()

    def observe(self, luma: Luma, brightness: FloatArray, at_mono_s: float) -> bool:
        """Take in the next luma image of `WORK_WH`; true if frames have been frozen for longer than the limit.

        `brightness`: the mean of each cell, (9, 16) float32, as in `ViewFeatures.layout`.
        """
        changes = [changed_cells(luma, earlier) for earlier in self._recent]
        self._recent.append(luma)
        if not changes:
            self._last_mono_s, self._last_brightness = at_mono_s, brightness
            return False
        same = any(np.mean(one <= SAME_LEVELS) >= SAME_SHARE for one in changes)
        change = np.min(changes, axis=0)
        still = same or self._calm.is_calm
        self._life.observe(change, brightness, at_mono_s, noise=self._calm.noise, still=still)
        drifting = self._life.drifting()
        passed, passes = self._life.passing(at_mono_s - self._limit_s)
        self._evenness.observe(changes)
        calm = self._calm.observe(
            change, brightness, at_mono_s, is_live=drifting or passes, is_noise=self._evenness.is_noise
        )
        calm = calm and not passed
        calm = calm and (self._is_frozen or not self._evenness.may_be_noise)
        repeats = self._repeats(change, brightness, at_mono_s, same=same, calm=calm, drifting=drifting)
        self._last_mono_s, self._last_brightness = at_mono_s, brightness
        was_frozen, self._is_frozen = self._is_frozen, repeats or calm
        if self._is_frozen:
            self._calm.discard_recent()
        elif was_frozen:
            self._calm.restart(at_mono_s)
        return self._is_frozen

    def _repeats(
        self, change: FloatArray, brightness: FloatArray, at_mono_s: float, *, same: bool, calm: bool, drifting: bool
    ) -> bool:
        since_mono_s = self._same_since_mono_s
        if since_mono_s is None:
            self._seen_changing = self._seen_changing or not same
            if same:
                self._same_since_mono_s = self._last_mono_s
                self._has_noise = self._calm.has_noise
            return False
        lasted_s = self._last_mono_s - since_mono_s
        refuted = drifting or self._life.passing(max(since_mono_s, at_mono_s - 2.0 * self._limit_s))[0]
        if same and not refuted:
            return at_mono_s - since_mono_s >= self.limit_s
        if refuted or (not calm and (lasted_s < self.limit_s or self._was_quiet(change, brightness))):
            self._longest_s = max(self._longest_s, lasted_s)
        self._seen_changing = True
        self._same_since_mono_s = at_mono_s if same else None
        return False

    def _was_quiet(self, change: FloatArray, brightness: FloatArray) -> bool:
        """Whether the frame after a repetition shows the same scene, and its noise has not come back."""
        if self._last_brightness is None:
            return False
        change_levels, drift_levels = SETTLED_LEVELS
        if self._has_noise and self.noise is not None:
            change_levels = min(change_levels, CALM_MEAN[0] * float(np.median(self.noise.mean)))
        drift = float(np.median(np.abs(brightness - self._last_brightness)))
        return float(np.median(change)) <= change_levels and drift <= drift_levels
