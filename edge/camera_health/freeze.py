"""Whether pictures still come from a sensor: two pictures of a real one are never the same, even through an encoder.

Two kinds of evidence. *Repetition*: the picture is the same to a rounding. *Calm*: it is not, because an encoder goes
on refining what it is fed with or spends a constant bitrate on it, but it changes far less than this camera's pictures
ever did in their quietest moments, for the sensor's noise is gone. Both are refuted by *signs of life*: something that
passes through a part of the picture, or light that changes slowly. A claim that was refuted teaches what this camera
does while it is live, so that the same is not claimed again.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from edge.camera_health.features import FloatArray, Luma, changed_cells
from edge.camera_health.noise import CALM_MEAN, CalmWatch, NoiseFloor

SAME_LEVELS = 0.03
"""Mean difference up to which a cell counts as unchanged: rounding, and an encoder that has settled."""
SAME_SHARE = 0.94
"""This share of the cells unchanged makes the same picture: a clock that the recorder draws may run on."""
REMEMBERED = 7
"""Pictures to compare with, 14 s: an encoder fed with one picture repeats itself from one keyframe to the next."""
UNKNOWN_LIMIT_S = 120.0
"""How long a picture must repeat itself of a camera that has never changed, or that has no noise to be missed."""
LONGEST_LIMIT_S = 6 * 3600.0

MOVED_LEVELS, MOVED_NOISE = 6.0, 2.0
"""A cell with this much change to all remembered pictures, and so many times its floor, shows something else than
before. Starved encoders that go on refining a frozen picture stay below 5.9; people who pass are above 8
(docs/design/frozen-camera.md)."""
PASSING_CELLS = 3
"""So many cells must something pass through."""
DRIFT_LEVELS = 0.5
"""Half of the cells having become so much brighter or darker since the picture stood still, it does not stand still.
What an encoder does to one picture stays below 0.25."""
EVEN = 0.93
"""A sensor's noise differs from picture to picture alike, be they near or far: of the changes to the remembered
pictures the second least is so large a share of the largest, 0.94 and more when measured. (The least may be to one that
an encoder repeats in part.) What an encoder makes of one picture is like this one and unlike that one: 0.90 at the most
over four of them."""
EVEN_LEVELS = 0.1
"""Less change than that is rounding, and tells nothing."""
EVEN_PICTURES = 4
"""So many in a row are a sign of life. Half as many, of the four most similar, put off the claim: the others may still
be older than what made the picture calm."""
SETTLED_LEVELS = (1.0, 0.25)
"""A picture that stood still and then differs by no more than this, in change and in brightness of half of its cells,
was that of a quiet scene whose next keyframe has come."""
_ANCHOR = 3


class _LifeSigns:
    """Looks for what only live pictures do."""

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._moved: deque[tuple[float, npt.NDArray[np.bool_]]] = deque()
        self._anchor: list[FloatArray] = []
        self._latest: deque[FloatArray] = deque(maxlen=_ANCHOR)

    def observe(
        self, change: FloatArray, brightness: FloatArray, at_mono_s: float, *, noise: NoiseFloor | None, still: bool
    ) -> None:
        """`still`: whether the picture stands still as far as all else goes."""
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
        """Whether something passed since then, through several cells and staying in none; and whether it does so now.

        A clock that a recorder draws stays where it is; titles and clocks stand in the first and the last row.
        """
        seen = [moved for at_mono_s, moved in self._moved if at_mono_s > since_mono_s]
        if len(seen) < _ANCHOR:
            return False, False
        times = np.sum(seen, axis=0)
        passed = (times > 0) & (3 * times <= 2 * len(seen)) & _INNER
        if np.count_nonzero(passed) < PASSING_CELLS:
            return False, False
        return True, bool(np.any(passed & seen[-1]))

    def drifting(self) -> bool:
        """Whether the light has changed since the picture stood still."""
        if len(self._anchor) < _ANCHOR or len(self._latest) < _ANCHOR:
            return False
        drift = np.mean(self._latest, axis=0) - np.mean(self._anchor, axis=0)
        return float(np.median(np.abs(drift))) >= DRIFT_LEVELS


class _Evenness:
    """Tells the noise of a sensor by its being as different from one remembered picture as from the next."""

    def __init__(self) -> None:
        self._even: deque[bool] = deque([False] * EVEN_PICTURES, maxlen=EVEN_PICTURES)
        self._begins: deque[bool] = deque([False] * (EVEN_PICTURES // 2), maxlen=EVEN_PICTURES // 2)

    def observe(self, changes: list[FloatArray]) -> None:
        """`changes`: of each cell to each of the remembered pictures."""
        levels: list[float] = np.sort(np.mean(changes, axis=(1, 2))).tolist()
        if len(levels) < REMEMBERED or levels[1] < EVEN_LEVELS:
            levels = [0.0, 0.0, 0.0, 1.0]
        self._even.append(levels[1] >= EVEN * levels[-1])
        self._begins.append(levels[1] >= EVEN * levels[3])

    @property
    def is_noise(self) -> bool:
        """Whether what is seen is a sensor's noise."""
        return all(self._even)

    @property
    def may_be_noise(self) -> bool:
        """Whether it may turn out to be."""
        return all(self._begins)


_INNER = np.ones((9, 16), np.bool_)
_INNER[[0, -1]] = False


class FreezeWatch:
    """Says since when one camera's picture stands still.

    Encoders skip what does not change, so that a quiet, noiseless scene repeats itself too, at the most until the next
    keyframe. The limit therefore grows with the longest repetition that this camera has come out of by itself, and is
    long for a camera whose live pictures have no noise that could be missed.
    """

    def __init__(self, limit_s: float, noise: NoiseFloor | None = None) -> None:
        """`noise`: the camera's floor as it was stored; without one it is learnt from the first live pictures."""
        self._limit_s = limit_s
        self._recent: deque[Luma] = deque(maxlen=REMEMBERED)
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
        """How long a picture must repeat itself to count as frozen."""
        if not self._seen_changing:
            return UNKNOWN_LIMIT_S
        return min(LONGEST_LIMIT_S, max(self._limit_s if self._has_noise else UNKNOWN_LIMIT_S, 3.0 * self._longest_s))

    @property
    def noise(self) -> NoiseFloor | None:
        """What is known of the camera's noise, to be stored; None before the first."""
        return self._calm.noise

    def forget_noise(self) -> None:
        """Learn the floor anew: the camera looks elsewhere, or its pictures are made in another way."""
        self._calm = CalmWatch(self._limit_s, None)

    def distrust(self) -> None:
        """The view is at fault: what is seen tells nothing of the camera's noise when all is well."""
        self._calm.distrust()

    def observe(self, picture: Luma, brightness: FloatArray, at_mono_s: float) -> bool:
        """Whether the picture has been frozen for longer than the limit.

        `brightness`: the mean of each cell, (9, 16) float32, as in `ViewFeatures.layout`.
        """
        changes = [changed_cells(picture, one) for one in self._recent]
        self._recent.append(picture)
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
            change, brightness, at_mono_s, lives=drifting or passes, is_noise=self._evenness.is_noise
        )
        calm = calm and not passed
        calm = calm and (self._is_frozen or not self._evenness.may_be_noise)
        repeats = self._repeats(change, brightness, at_mono_s, same=same, calm=calm, drifting=drifting)
        self._last_mono_s, self._last_brightness = at_mono_s, brightness
        was_frozen, self._is_frozen = self._is_frozen, repeats or calm
        if self._is_frozen:
            self._calm.distrust()
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
        """Whether the picture that stood still goes on as it was, and its noise has not come back."""
        if self._last_brightness is None:
            return False
        change_levels, drift_levels = SETTLED_LEVELS
        if self._has_noise and self.noise is not None:
            change_levels = min(change_levels, CALM_MEAN[0] * float(np.median(self.noise.mean)))
        drift = float(np.median(np.abs(brightness - self._last_brightness)))
        return float(np.median(change)) <= change_levels and drift <= drift_levels
