"""Whether pictures still come from a sensor: two pictures of a real one are never the same."""

from __future__ import annotations

from collections import deque

import numpy as np

from edge.viewhealth.features import Luma, changed_cells

SAME_LEVELS = 0.03
"""Mean difference up to which a cell counts as unchanged: rounding, and an encoder that has settled."""
SAME_SHARE = 0.94
"""This share of the cells unchanged makes the same picture: a clock that the recorder draws may run on."""
REMEMBERED = 4
"""Pictures to compare with: an encoder fed with one picture repeats itself from one keyframe to the next."""
LONGEST_LIMIT_S = 120.0


class FreezeWatch:
    """Says since when one camera's picture stands still.

    Encoders skip what does not change, so that a quiet, noiseless scene repeats itself too, at the most until the next
    keyframe. The limit therefore grows with the longest repetition that this camera has come out of by itself.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._recent: deque[Luma] = deque(maxlen=REMEMBERED)
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

    def observe(self, picture: Luma, at_mono_s: float) -> bool:
        """Whether the picture has been frozen for longer than the limit."""
        same = any(_same(picture, one) for one in self._recent)
        self._recent.append(picture)
        if not same:
            if self._same_since_mono_s is not None:
                lasted_s = self._last_mono_s - self._same_since_mono_s
                if lasted_s < self.limit_s:
                    self._longest_s = max(self._longest_s, lasted_s)
            self._seen_changing = self._seen_changing or len(self._recent) > 1
            self._same_since_mono_s = None
        elif self._same_since_mono_s is None:
            self._same_since_mono_s = self._last_mono_s
        self._last_mono_s = at_mono_s
        return self._same_since_mono_s is not None and at_mono_s - self._same_since_mono_s >= self.limit_s


def _same(picture: Luma, other: Luma) -> bool:
    return bool(np.mean(changed_cells(picture, other) <= SAME_LEVELS) >= SAME_SHARE)
