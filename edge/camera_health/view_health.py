"""Camera health from frames: covered, defocused, moved, frozen, dark (docs/design/camera-health.md)."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from contract.event import Phase
from edge.camera_health.features import Luma, ViewFeatures, at_work_size
from edge.camera_health.freeze import FreezeWatch
from edge.camera_health.noise import NoiseFloor
from edge.camera_health.reference import ReferenceView, ViewComparison, compare, mean_features

_JITTER_S = 0.05
"""Capture times jitter by milliseconds: a frame that comes this much before its turn is not skipped."""
_ABRUPT_S = 3.0
_BLIND = 0.25
_LEAST_LEARNT = 5
_LONGEST_STEP_S = 5.0


class ViewFault(StrEnum):
    """What is wrong with a camera's view."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class ViewHealthSettings:
    """When a view is at fault.

    Each pair of limits is (begins, ends). They were measured on the clips named in docs/design/camera-health.md.

    sample_s: frames that come sooner after the last one are skipped.
    window_s: frames of this long are averaged before the comparison, so that people blur out.
    confirm_s: how long a fault must be seen to begin, and be gone to end.
    learn_s: healthy time from which the first reference view is made; from then on it is the mean of all healthy
        frames, and follows with the time constant follow_s once it is that old.
    frozen_s: how long frames must repeat or be calm; longer for cameras whose encoder repeats frames.
    dark_levels: 95th percentile of brightness (16 is black in video levels).
    covered_lost: share of the detailed cells that lost their detail. covered_area: the same of all cells.
    blank_detail: mean gradient below which a view without a reference is covered; the barest real view has 1.1.
    defocused_sharpness: as a share of the reference's.
    moved_gain: how much better the blocks of the view fit at other places than in place.
    moved_in_place: correlation with the reference's edges in place; below, it is another view altogether.
    faint_gain, faint_in_place: the same for views with so few edges that a passing car outweighs them; both limits
        must be crossed, and the reference must have been learnt for faint_learnt_s.
    """

    sample_s: float = 2.0
    window_s: float = 6.0
    confirm_s: float = 8.0
    learn_s: float = 10.0
    follow_s: float = 1800.0
    frozen_s: float = 12.0
    dark_levels: tuple[float, float] = (38.0, 48.0)
    covered_lost: tuple[float, float] = (0.6, 0.5)
    covered_area: tuple[float, float] = (0.42, 0.3)
    blank_detail: tuple[float, float] = (0.6, 0.8)
    defocused_sharpness: tuple[float, float] = (0.75, 0.85)
    moved_gain: tuple[float, float] = (0.12, 0.06)
    moved_in_place: tuple[float, float] = (0.3, 0.45)
    faint_gain: tuple[float, float] = (0.25, 0.12)
    faint_in_place: tuple[float, float] = (0.45, 0.6)
    faint_learnt_s: float = 120.0

    def __post_init__(self) -> None:
        for name in ("sample_s", "window_s", "confirm_s", "learn_s", "follow_s", "frozen_s", "faint_learnt_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("dark_levels", "blank_detail", "defocused_sharpness", "moved_in_place", "faint_in_place"):
            begins, ends = getattr(self, name)
            if not begins < ends:
                raise ValueError(f"{name} must end above where it begins, got {(begins, ends)}")
        for name in ("covered_lost", "covered_area", "moved_gain", "faint_gain"):
            begins, ends = getattr(self, name)
            if not begins > ends:
                raise ValueError(f"{name} must end below where it begins, got {(begins, ends)}")


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """A fault began or ended. `since_mono_s` is when it was first seen (began) or first seen gone (ended)."""

    fault: ViewFault
    phase: Phase
    since_mono_s: float
    at_mono_s: float


class ViewHealth:
    """Watches one camera's view. Not thread-safe: one thread gives it the camera's frames.

    reference: the reference view; None before it is learnt.
    """

    def __init__(
        self,
        settings: ViewHealthSettings | None = None,
        reference: ReferenceView | None = None,
        noise: NoiseFloor | None = None,
    ) -> None:
        """`reference`, `noise`: as they were stored; None learns them from the first healthy frames."""
        self._settings = settings or ViewHealthSettings()
        self.reference = reference
        self._window: deque[tuple[float, ViewFeatures]] = deque()
        self._learning: list[ViewFeatures] = []
        self._learnt_s = 0.0 if reference is None else self._settings.follow_s
        self._freeze = FreezeWatch(self._settings.frozen_s, noise)
        self._open: set[ViewFault] = set()
        self._pending: dict[ViewFault, float] = {}
        self._at_mono_s = -math.inf
        self._lit_mono_s = -math.inf
        self._dark_since_mono_s: float | None = None

    @property
    def faults(self) -> frozenset[ViewFault]:
        """The open faults."""
        return frozenset(self._open)

    @property
    def noise(self) -> NoiseFloor | None:
        """The camera's noise floor; None before it is learnt."""
        return self._freeze.noise

    def accept_view(self) -> list[HealthFinding]:
        """Learn the reference again from the next frames, because the camera was moved on purpose; end all faults."""
        ended = [HealthFinding(fault, Phase.ENDED, self._at_mono_s, self._at_mono_s) for fault in sorted(self._open)]
        self.reference = None
        self._freeze.forget_noise()
        self._learnt_s = 0.0
        self._learning.clear()
        self._window.clear()
        self._open.clear()
        self._pending.clear()
        return ended

    def observe(self, luma: Luma, at_mono_s: float) -> list[HealthFinding]:
        """Take in one small (height, width) uint8 luma image with privacy masks; return the faults that began or ended.

        Images that come sooner than `sample_s` after the last, or before it, are skipped. Raises ValueError for
        anything but a 2-D uint8 image.
        """
        if luma.ndim != 2 or luma.dtype != np.uint8:
            raise ValueError(f"luma must be (height, width) uint8, got {luma.shape} {luma.dtype}")
        if at_mono_s - self._at_mono_s < self._settings.sample_s - _JITTER_S:
            return []
        elapsed_s = at_mono_s - self._at_mono_s
        self._at_mono_s = at_mono_s
        image = at_work_size(luma)
        features = ViewFeatures.of(image)
        self._window.append((at_mono_s, features))
        while at_mono_s - self._window[0][0] > self._settings.window_s:
            self._window.popleft()
        now = mean_features([one for _, one in self._window])
        frozen = self._freeze.observe(image, features.layout, at_mono_s)
        seen = self._judge(now, features, at_mono_s)
        # A black or covered view shows nothing that could change, so it does not count as frozen.
        if frozen and not seen & {ViewFault.DARK, ViewFault.COVERED}:
            seen.add(ViewFault.FROZEN)
        findings = self._settle(seen, at_mono_s)
        healthy = not seen and not self._open
        if not healthy:
            self._freeze.discard_recent()
        self._learn(features, now, healthy=healthy, elapsed_s=elapsed_s)
        return findings

    def _judge(self, now: ViewFeatures, latest: ViewFeatures, at_mono_s: float) -> set[ViewFault]:
        seen: set[ViewFault] = set()
        reference = self.reference
        comparison = None if reference is None else compare(now, reference)
        if self._over(ViewFault.DARK, -latest.bright, self._settings.dark_levels, -1.0):
            seen.add(self._black(comparison, at_mono_s))
            return seen
        self._lit_mono_s = at_mono_s
        self._dark_since_mono_s = None
        if comparison is None or reference is None:
            if self._over(ViewFault.COVERED, -float(now.detail.mean()), self._settings.blank_detail, -1.0):
                seen.add(ViewFault.COVERED)
            return seen
        if self._covered(comparison):
            seen.add(ViewFault.COVERED)
        elif self._defocused(comparison):
            seen.add(ViewFault.DEFOCUSED)
        elif self._moved(comparison, reference):
            seen.add(ViewFault.MOVED)
        return seen

    def _black(self, comparison: ViewComparison | None, at_mono_s: float) -> ViewFault:
        """Dark or covered: at night faint edges remain, while a hand or a cap removes them within a moment."""
        if ViewFault.DARK in self._open or ViewFault.COVERED in self._open:
            return ViewFault.COVERED if ViewFault.COVERED in self._open else ViewFault.DARK
        if self._dark_since_mono_s is None:
            self._dark_since_mono_s = at_mono_s
        abrupt = self._dark_since_mono_s - self._lit_mono_s <= _ABRUPT_S
        blind = comparison is not None and comparison.in_place < _BLIND
        return ViewFault.COVERED if abrupt and blind else ViewFault.DARK

    def _covered(self, view: ViewComparison) -> bool:
        lost = self._over(ViewFault.COVERED, view.lost, self._settings.covered_lost, 1.0)
        area = self._over(ViewFault.COVERED, view.lost_area, self._settings.covered_area, 1.0)
        # Out of focus or in haze, detail is lost as well, but the layout of light and dark remains.
        unveiled = view.layout >= 0.75 and view.contrast >= 0.5
        faint = view.dimmed and view.in_place >= 0.8
        return (lost or area) and not unveiled and not faint

    def _defocused(self, view: ViewComparison) -> bool:
        blurred = self._over(ViewFault.DEFOCUSED, -view.sharpness, self._settings.defocused_sharpness, -1.0)
        return blurred and view.layout >= 0.7

    def _moved(self, view: ViewComparison, reference: ReferenceView) -> bool:
        limits = self._settings
        if not reference.has_structure:
            elsewhere = self._over(ViewFault.MOVED, view.moved_gain, limits.faint_gain, 1.0)
            gone = self._over(ViewFault.MOVED, -view.in_place, limits.faint_in_place, -1.0)
            return elsewhere and gone and self._learnt_s >= limits.faint_learnt_s
        shifted = self._over(ViewFault.MOVED, view.moved_gain, limits.moved_gain, 1.0)
        gone = self._over(ViewFault.MOVED, -view.in_place, limits.moved_in_place, -1.0)
        return gone or shifted

    def _over(self, fault: ViewFault, value: float, limits: tuple[float, float], sign: float) -> bool:
        """Whether `value` exceeds the limit in force: the first, or the second once the fault is open."""
        return value > sign * limits[1 if fault in self._open else 0]

    def _settle(self, seen: set[ViewFault], at_mono_s: float) -> list[HealthFinding]:
        """Begin faults seen, and end faults gone, for `confirm_s`; FROZEN at once, since its own limit has passed."""
        findings: list[HealthFinding] = []
        for fault in ViewFault:
            if (fault in seen) == (fault in self._open):
                self._pending.pop(fault, None)
                continue
            since_mono_s = self._pending.setdefault(fault, at_mono_s)
            wait_s = 0.0 if fault is ViewFault.FROZEN else self._settings.confirm_s
            if at_mono_s - since_mono_s < wait_s:
                continue
            del self._pending[fault]
            phase = Phase.BEGAN if fault in seen else Phase.ENDED
            (self._open.add if phase is Phase.BEGAN else self._open.discard)(fault)
            findings.append(HealthFinding(fault, phase, since_mono_s, at_mono_s))
        return findings

    def _learn(self, latest: ViewFeatures, now: ViewFeatures, *, healthy: bool, elapsed_s: float) -> None:
        if not healthy:
            self._learning.clear()
            self._learnt_s = 0.0 if self.reference is None else self._learnt_s
            return
        self._learnt_s += min(elapsed_s, _LONGEST_STEP_S)
        if self.reference is not None:
            weight = min(1.0, min(elapsed_s, _LONGEST_STEP_S) / min(self._learnt_s, self._settings.follow_s))
            self.reference = self.reference.followed(now, weight)
            return
        self._learning.append(latest)
        if self._learnt_s >= self._settings.learn_s and len(self._learning) >= _LEAST_LEARNT:
            self.reference = ReferenceView.of(self._learning)
            self._learning.clear()
