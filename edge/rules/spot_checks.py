"""Spot checks: a few stays that raised no alert, drawn at random for operators to judge (docs/design/spot-checks.md).

Whether a stay is drawn depends on chance and on the number drawn in the last hour, never on who stayed, where or how.
So each drawn stay stands for 1 / chance stays that were not drawn, whatever they have in common.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace

from contract.clock import Instant
from contract.event import Phase, Rule, Severity
from contract.reasons import Reason
from edge.config.rules import LoiteringConfig, Mode
from edge.presence.episodes import Episode
from edge.rules.base import RuleContext
from edge.rules.reporter import Findings
from edge.signals import Signal

SPOT_CHECK_FROM = 0.5
"""Share of the limit from which a finished stay may be drawn. Shorter stays are mostly people who pass."""
HOUR_S = 3600.0
RARER = 0.25
"""Factor on the chance for each draw beyond the hour's number. It is never zero: a stay that cannot be drawn would be
missing from every estimate."""


class SpotCheckDraw:
    """Draws stays of one rule in one zone.

    share: chance of each stay, 0 to 1, while fewer than `per_hour` were drawn in the last hour. source: of randomness.
    """

    def __init__(self, share: float, per_hour: int, source: random.Random) -> None:
        if not 0.0 < share <= 1.0 or per_hour < 1:
            raise ValueError(f"share must lie in (0, 1] and per_hour be at least 1, got {share} and {per_hour}")
        self._share = share
        self._per_hour = per_hour
        self._source = source
        self._drawn_s: deque[float] = deque()
        self._count = 0

    @classmethod
    def of(cls, context: RuleContext, config: LoiteringConfig) -> SpotCheckDraw | None:
        """The draw that a zone asks for; None if it asks for none, in shadow mode, and without a source."""
        if context.spot_checks is None or config.mode is Mode.SHADOW or config.spot_check_share <= 0.0:
            return None
        return cls(config.spot_check_share, config.spot_checks_per_hour, context.spot_checks)

    def draw(self, at: Instant) -> float | None:
        """Draw or pass over a stay that has just ended: the chance with which it was drawn, None if it was not."""
        while self._drawn_s and at.mono_s - self._drawn_s[0] >= HOUR_S:
            self._drawn_s.popleft()
        beyond = max(0, len(self._drawn_s) - self._per_hour + 1)
        chance = self._share * RARER**beyond
        if self._source.random() >= chance:
            return None
        self._drawn_s.append(at.mono_s)
        return chance

    def signals(self, episode: Episode, zone_id: str, chance: float, findings: Findings) -> list[Signal]:
        """The begin and end of a drawn stay, both at the moment when the person was last seen in the zone."""
        self._count += 1
        began = Signal(
            key=f"{zone_id}/{Rule.LOITERING.value}/spot_check/{self._count}",
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
    """Why a stay of at least `SPOT_CHECK_FROM` of the limit did not alert; empty if neither dwell nor path says why.

    usual_s: the dwell that is usual here, where that is what kept the stay quiet.
    """
    reasons = []
    if usual_s is not None and dwell_s < usual_s:
        reasons.append(Reason(code="usual_stay_here", params={"usual_s": usual_s}))
    elif dwell_s < limit_s:
        reasons.append(Reason(code="shorter_than_threshold", params={"threshold_s": limit_s}))
    if score < min_score:
        reasons.append(Reason(code="looked_like_passing", params={"score": score, "needed": min_score}))
    return tuple(reasons)
