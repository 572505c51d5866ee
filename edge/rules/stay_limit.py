"""`StayLimit`: from which dwell on a stay may alert, and how high its staying score must be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from contract.reasons import Reason
from edge.learned.dwell import UsualStays

LEARNED_AT_MOST_S = 1200.0
"""Seconds of dwell after which the learned stays no longer count."""
STAYING_PLACE = 0.5
"""Share of stays over the threshold above which staying is normal at a place (a stall, a bench). There only a stay that
is longer than nearly all others alerts, whatever its path looks like."""
USUAL_WEIGHT = 0.75
"""Elsewhere the odds of staying against passing must exceed those of `min_score` by a factor: how much more frequent so
long a stay is here than `dwell_quantile` allows, to this power. It is the smallest weight that cut nine tenths of the
ordinary alarms on the training part of LTD, out of fold (docs/design/loitering.md)."""


@dataclass(frozen=True, slots=True)
class StayLimit:
    """The limit of one stay. threshold_s: configured. usual: the stays learned here, None while too few are known.
    quantile: `dwell_quantile`.
    """

    threshold_s: float
    usual: UsualStays | None = None
    quantile: float = 0.99

    def needed_score(self, dwell_s: float, min_score: float) -> float:
        """The staying score, 0 to 1, that alerts after this dwell; infinite where so long a stay is normal."""
        if self.usual is None or dwell_s >= self.unusual_after_s():
            return min_score
        if self.usual.share_longer(self.threshold_s) > STAYING_PLACE:
            return math.inf
        factor = math.pow(max(1.0, self.usual.share_longer(dwell_s) / (1.0 - self.quantile)), USUAL_WEIGHT)
        return min_score * factor / (min_score * factor + 1.0 - min_score)

    def reason(self, dwell_s: float) -> Reason:
        """Which limit a stay of this dwell has passed."""
        unusual_s = self.unusual_after_s()
        if self.threshold_s < unusual_s <= dwell_s:
            return Reason(code="longer_than_usual_here", params={"usual_s": unusual_s})
        return Reason(code="stayed_over_threshold", params={"threshold_s": self.threshold_s})

    def unusual_after_s(self) -> float:
        """The dwell in seconds beyond which a stay is longer than usual here; 0 while too few stays are known."""
        return 0.0 if self.usual is None else min(self.usual.limit_s(self.quantile), LEARNED_AT_MOST_S)
