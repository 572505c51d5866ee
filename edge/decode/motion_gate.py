"""The motion gate: a background model on small luma images, cheap enough for every frame. See docs/design/decode.md.

The gate only decides where detection is worth its cost, never what counts as a person. It keeps a running mean and a
running mean deviation per pixel. A pixel that differs from its mean by more than its own noise explains is foreground;
a cell that is mostly foreground is motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When a pixel is foreground and how fast the background follows. Times in seconds, levels 0..255.

    floor_levels, noise_factor: foreground differs from the background by more than floor + factor x its mean deviation.
        For Gaussian noise, 5 mean deviations are 4 standard deviations. Both > 0.
    cell_px, cell_share: a cell of cell_px x cell_px pixels moves if at least this share of it is foreground; >= 1 pixel
        and above 0, at most 1.
    follow_s, absorb_s: time constants of the background, > 0: where the frame agrees with it, and where it does not (a
        parked car, a chair that was moved, a tree in the wind).
    noise_s, noise_absorb_s: time constants of the mean deviation, > 0, in the same two cases.
    step_share: if more than this share of the frame is foreground, the light changed rather than the scene. The
        background is then fitted to the new brightness and, if that does not explain the change, learnt anew. Above 0,
        at most 1.

    Raises ValueError for a value outside these ranges.
    """

    floor_levels: float = 7.0
    noise_factor: float = 5.0
    cell_px: int = 4
    cell_share: float = 0.5
    follow_s: float = 6.0
    absorb_s: float = 30.0
    noise_s: float = 10.0
    noise_absorb_s: float = 40.0
    step_share: float = 0.4

    def __post_init__(self) -> None:
        if self.cell_px < 1:
            raise ValueError(f"cell_px must be at least 1 pixel, got {self.cell_px}")
        for name in ("cell_share", "step_share"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")
        for name in ("floor_levels", "noise_factor", "follow_s", "absorb_s", "noise_s", "noise_absorb_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class MotionResult:
    """What moved in one frame.

    active: whether the frame is worth a detection.
    share: share of the unmasked frame that moved, 0..1.
    relit: the light changed as a whole and the background was learnt anew, so what moved is unknown.
    """

    active: bool
    share: float
    relit: bool = False


class MotionGate:
    """The gate of one camera. Not thread-safe."""

    def __init__(self, settings: GateSettings | None = None, ignored: BoolArray | None = None) -> None:
        """`ignored`: (height, width) bool, true under a privacy mask; these pixels are never motion."""
        self._settings = settings or GateSettings()
        self._ignored = ignored
        self._model: _Model | None = None
        self._at_mono_s = -math.inf

    def observe(self, luma: Luma, at_mono_s: float, people_xyxyn: npt.ArrayLike | None = None) -> MotionResult:
        """Compare a frame with the background and learn from it.

        luma: (height, width) uint8, meant to be 320 x 180. Another shape than before resets the model.
        at_mono_s: capture time. A frame that is not newer than the last (decoded back from the ring) is not learnt.
        people_xyxyn: (N, 4) normalised boxes of the people known to be in view. The background is not learnt there, so
            that nobody becomes background and a busy doorway never counts as noise.

        The first frame is active, because there is no background yet. Raises ValueError for anything but a 2-D uint8
        array of at least one cell, and for an `ignored` of another shape.
        """
        if luma.ndim != 2 or luma.dtype != np.uint8 or min(luma.shape) < self._settings.cell_px:
            raise ValueError(f"luma must be (height, width) uint8, got {luma.shape} {luma.dtype}")
        smooth: Luma = np.asarray(cv2.blur(luma, (3, 3)), dtype=np.uint8)
        model = self._model
        if model is None or model.background.shape != luma.shape:
            if self._ignored is not None and self._ignored.shape != luma.shape:
                raise ValueError(f"ignored must have the frame's shape {luma.shape}, got {self._ignored.shape}")
            self._model = _Model(smooth, self._settings, self._ignored)
            self._at_mono_s = at_mono_s
            return MotionResult(active=True, share=0.0, relit=True)
        elapsed_s = at_mono_s - self._at_mono_s
        result = model.compare(smooth, learns=elapsed_s > 0.0)
        if elapsed_s > 0.0:
            self._at_mono_s = at_mono_s
            if not result.relit:
                model.learn(smooth, elapsed_s, people_xyxyn)
        return result


class _Model:
    """Mean and mean deviation of every pixel of one camera's small luma."""

    def __init__(self, smooth: npt.NDArray[np.uint8], settings: GateSettings, ignored: BoolArray | None) -> None:
        self._settings = settings
        self._watched = np.full(smooth.shape, 255, np.uint8)
        if ignored is not None:
            self._watched[ignored] = 0
        self._watched_px = max(1, int(cv2.countNonZero(self._watched)))
        height, width = smooth.shape
        self._cells_wh = (max(1, width // settings.cell_px), max(1, height // settings.cell_px))
        self.background: FloatArray = smooth.astype(np.float32)
        self._noise: FloatArray = np.ones(smooth.shape, np.float32)
        self._difference = np.zeros(smooth.shape, np.uint8)
        self._foreground = np.zeros(smooth.shape, np.uint8)

    def compare(self, smooth: npt.NDArray[np.uint8], *, learns: bool) -> MotionResult:
        """Compare with the background; if `learns`, fit or reset it after a change of light."""
        self._compare(smooth)
        limit = self._settings.step_share * self._watched_px
        if cv2.countNonZero(self._foreground) > limit:
            if not learns:
                return MotionResult(active=True, share=1.0)
            self._fit_brightness(smooth)
            self._compare(smooth)
            if cv2.countNonZero(self._foreground) > limit:
                self.background = smooth.astype(np.float32)
                return MotionResult(active=True, share=1.0, relit=True)
        cells = cv2.resize(self._foreground, self._cells_wh, interpolation=cv2.INTER_AREA)
        count = int(np.count_nonzero(cells >= self._settings.cell_share * 255.0))
        share = min(1.0, count * self._settings.cell_px**2 / self._watched_px)
        return MotionResult(active=count > 0, share=share)

    def learn(self, smooth: npt.NDArray[np.uint8], elapsed_s: float, people_xyxyn: npt.ArrayLike | None) -> None:
        """Follow the frame: fast where it agrees with the background, slowly where it does not."""
        settings = self._settings
        learnt = self._without(people_xyxyn)
        same = cv2.bitwise_and(cv2.bitwise_not(self._foreground), learnt)
        other = cv2.bitwise_and(self._foreground, learnt)
        for mask, mean_s, noise_s in (
            (same, settings.follow_s, settings.noise_s),
            (other, settings.absorb_s, settings.noise_absorb_s),
        ):
            cv2.accumulateWeighted(smooth, self.background, _weight(elapsed_s, mean_s), mask)
            cv2.accumulateWeighted(self._difference, self._noise, _weight(elapsed_s, noise_s), mask)

    def _compare(self, smooth: npt.NDArray[np.uint8]) -> None:
        settings = self._settings
        cv2.absdiff(smooth, cv2.convertScaleAbs(self.background), self._difference)
        threshold = cv2.convertScaleAbs(self._noise, alpha=settings.noise_factor, beta=settings.floor_levels)
        cv2.compare(self._difference, threshold, cv2.CMP_GT, self._foreground)
        cv2.bitwise_and(self._foreground, self._watched, self._foreground)

    def _without(self, people_xyxyn: npt.ArrayLike | None) -> npt.NDArray[np.uint8]:
        if people_xyxyn is None:
            return self._watched
        boxes = np.asarray(people_xyxyn, dtype=np.float64).reshape(-1, 4)
        if not len(boxes):
            return self._watched
        height, width = self.background.shape
        learnt = self._watched.copy()
        for x1, y1, x2, y2 in (boxes * (width, height, width, height)).tolist():
            learnt[max(0, math.floor(y1)) : math.ceil(y2), max(0, math.floor(x1)) : math.ceil(x2)] = 0
        return learnt

    def _fit_brightness(self, smooth: npt.NDArray[np.uint8]) -> None:
        """Fit the background to the frame's gain and offset by Tukey's resistant line: medians of outer thirds.

        J. W. Tukey, Exploratory Data Analysis (1977), chapter 10. People hardly change medians.
        """
        seen = self._watched[::6, ::6] > 0
        before = self.background[::6, ::6][seen]
        after = smooth[::6, ::6][seen].astype(np.float32)
        if len(before) < 9:
            return
        order = np.argsort(before)
        third = len(order) // 3
        dark, bright = order[:third], order[-third:]
        spread = float(np.median(before[bright]) - np.median(before[dark]))
        gain = float(np.median(after[bright]) - np.median(after[dark])) / spread if spread > 1.0 else 1.0
        offset = float(np.median(after - gain * before))
        self.background = np.clip(self.background * np.float32(gain) + np.float32(offset), 0, 255)


def _weight(elapsed_s: float, constant_s: float) -> float:
    return 1.0 - math.exp(-elapsed_s / constant_s)
