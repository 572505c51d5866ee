"""Stays that did not alert, a few of them picked by chance: only people who see them can say what a rule misses.

Whether a stay is picked depends on chance and on how many were picked in the last hour, never on who stayed, where or
how. So each picked one stands for 1 / chance of those that were not, whatever they have in common.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace

from contract.clock import Instant
from contract.event import Phase, Rule, Severity
from contract.reasons import Reason
from edge.presence.episodes import Episode
from edge.rules.base import Findings
from edge.signals import Signal

SPOT_CHECK_FROM = 0.5
"""Of the limit, from where on a stay that ended may be shown: shorter ones are mostly people who pass."""
HOUR_S = 3600.0
RARER = 0.25
"""Once an hour's picks are made, each further one makes the next so many times as likely: never impossible, since a
stay that cannot be picked stands for nothing and would be missing from every estimate."""


class SpotCheckDraw:
    """Picks stays of one rule in one zone.

    share: chance of each, 0 to 1, while fewer than `per_hour` were picked in the last hour. source: of randomness.
    """

    def __init__(self, share: float, per_hour: int, source: random.Random) -> None:
        if not 0.0 < share <= 1.0 or per_hour < 1:
            raise ValueError(f"share must lie in (0, 1] and per_hour be at least 1, got {share} and {per_hour}")
        self._share = share
        self._per_hour = per_hour
        self._source = source
        self._picked_s: deque[float] = deque()
        self._count = 0

    def pick(self, at: Instant) -> float | None:
        """The chance with which a stay that has just ended was picked; None if it was not."""
        while self._picked_s and at.mono_s - self._picked_s[0] >= HOUR_S:
            self._picked_s.popleft()
        beyond = max(0, len(self._picked_s) - self._per_hour + 1)
        chance = self._share * RARER**beyond
        if self._source.random() >= chance:
            return None
        self._picked_s.append(at.mono_s)
        return chance

    def told(self, episode: Episode, zone_id: str, chance: float, findings: Findings) -> list[Signal]:
        """The picked stay as a signal that is over as it begins, dated when the person was last seen in the zone."""
        self._count += 1
        began = Signal(
            key=f"{zone_id}/{Rule.LOITERING.value}/audit/{self._count}",
            rule=Rule.LOITERING,
            zone_id=zone_id,
            phase=Phase.BEGAN,
            severity=Severity.NOTICE,
            score=min(1.0, max(0.0, findings.score)),
            reasons=findings.reasons,
            began=findings.began,
            captured=episode.last_inside,
            people_count=findings.people_count,
            track_ids=findings.track_ids,
            spot_check_chance=chance,
        )
        return [began, replace(began, phase=Phase.ENDED, reasons=findings.reasons[:1])]


def why_quiet(
    dwell_s: float, limit_s: float, score: float, min_score: float, usual_s: float | None
) -> tuple[Reason, ...]:
    """Why a stay of at least `SPOT_CHECK_FROM` of the limit did not alert; empty without a reason in length or path.

    usual_s: the stay that is usual here, where that is what kept it quiet.
    """
    reasons = []
    if usual_s is not None and dwell_s < usual_s:
        reasons.append(Reason(code="usual_stay_here", params={"usual_s": usual_s}))
    elif dwell_s < limit_s:
        reasons.append(Reason(code="shorter_than_threshold", params={"threshold_s": limit_s}))
    if score < min_score:
        reasons.append(Reason(code="looked_like_passing", params={"score": score, "needed": min_score}))
    return tuple(reasons)
