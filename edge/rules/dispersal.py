"""Dispersal: a crowd runs apart.

Where a crowd is too dense for people to be detected one by one, optical flow replaces the motion of their tracks.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import DispersalConfig
from edge.crowds.dense import ZoneFlow
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.moment import BODY_HEIGHT_M, PersonMotion, ZoneMoment
from edge.rules.reporter import Findings
from edge.signals import Signal

CROWD_MEMORY_S = 6.0
"""Seconds for which a person who has left the zone still belongs to its crowd."""
HELD_S = 0.6
"""Seconds that the motion must last, so that a track that jumps does not count."""
CALM_AFTER_S = 15.0
"""Seconds without fast people after which the dispersal ends."""
APART = 0.4
"""Divergence (see `divergence`) from which a crowd runs apart."""
MIN_DIVERGING = 3
"""People from which a divergence means something."""
SLOWEST_SHARE = 0.6
"""Share of `speed_mps` below which no multiple of the usual speed counts as fast."""
CROWD_EDGE = 12.0
"""Units from the crowd's middle beyond which a person does not belong to the crowd."""
MIDDLE = 0.2
"""Units from the crowd's middle within which a direction outwards means nothing."""
MOVING = 0.3
"""Units per second below which a direction means nothing."""


class DispersalRule(ZoneRule):
    """See `docs/behaviours.md`, Dispersal."""

    kind = Rule.DISPERSAL
    uses_crowd_estimate = True
    uses_crowd_flow = True

    def __init__(self, context: RuleContext, config: DispersalConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._inside_s: dict[int, float] = {}
        self._counts: deque[tuple[float, int]] = deque()
        self._since: Instant | None = None
        self._fast_s = -math.inf
        self._key: str | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        now_s = moment.at.mono_s
        for person in moment.people:
            if person.inside:
                self._inside_s[person.person_id] = now_s
        self._inside_s = {one: seen_s for one, seen_s in self._inside_s.items() if now_s - seen_s <= CROWD_MEMORY_S}
        self._counts.append((now_s, moment.presence.count))
        while now_s - self._counts[0][0] > self._config.gone_s:
            self._counts.popleft()
        if self._key is not None:
            return self._watch_end(moment)
        if moment.flow is not None and self._runs(moment.flow):
            return self._hold(moment, self._findings_of_flow(moment, moment.flow))
        crowd = [one for one in moment.people if one.person_id in self._inside_s]
        speed = median(one.speed for one in crowd) if crowd else 0.0
        gone = self._gone_share()
        if not self._is_dispersal(moment, crowd, speed, gone):
            if now_s - self._fast_s > HELD_S:
                self._since = None
            return []
        return self._hold(moment, self._findings(moment, crowd, speed, gone))

    def _forget(self) -> None:
        self._inside_s.clear()
        self._counts.clear()
        self._since = self._key = None

    def _most(self) -> int:
        """The highest count of the last `gone_s`."""
        return max(count for _, count in self._counts)

    def _is_dispersal(self, moment: ZoneMoment, crowd: Sequence[PersonMotion], speed: float, gone: float) -> bool:
        if self._most() < self._config.min_people or not self._is_fast(moment, speed):
            return False
        return _runs_apart(crowd) or gone >= self._config.gone_share

    def _is_fast(self, moment: ZoneMoment, speed: float) -> bool:
        usual = moment.learned.flow.usual_speed() if moment.learned is not None else None
        limit = moment.in_units(self._config.speed_mps)
        if speed > limit:
            return True
        return usual is not None and speed > max(usual * self._config.speed_factor, SLOWEST_SHARE * limit)

    def _gone_share(self) -> float:
        most = self._most()
        return 1.0 - self._counts[-1][1] / most if most else 0.0

    def _hold(self, moment: ZoneMoment, findings: Findings) -> list[Signal]:
        """Begin a signal once the motion has lasted for `HELD_S`."""
        self._fast_s = moment.at.mono_s
        self._since = self._since or moment.at
        if moment.at.mono_s - self._since.mono_s < HELD_S or not self._reporter.may_begin(moment):
            return []
        signal = self._reporter.begin(moment, replace(findings, began=self._since))
        self._key = signal.key
        return [signal]

    def _runs(self, flow: ZoneFlow) -> bool:
        """Whether the optical flow of a dense crowd is fast and leads apart."""
        fast = flow.speed * BODY_HEIGHT_M > self._config.speed_mps
        return fast and flow.divergence >= APART and flow.people >= self._config.min_people

    def _findings_of_flow(self, moment: ZoneMoment, flow: ZoneFlow) -> Findings:
        dense = Reason(code="crowd_too_dense_to_count")
        ran = Reason(code="people_ran_body_heights", params={"count": flow.people, "speed": flow.speed})
        tracks = tuple(dict.fromkeys(one.track_id for one in moment.people if one.inside))
        score = 0.5 * flow.speed * BODY_HEIGHT_M / self._config.speed_mps
        return Findings(moment.at, score, (ran, Reason(code="ran_apart"), dense), flow.people, tracks)

    def _findings(self, moment: ZoneMoment, crowd: Sequence[PersonMotion], speed: float, gone: float) -> Findings:
        most = self._most()
        code, name = ("people_ran", "speed_mps") if moment.metric else ("people_ran_body_heights", "speed")
        reasons = [Reason(code=code, params={"count": max(len(crowd), 1), name: speed})]
        if _runs_apart(crowd):
            reasons.append(Reason(code="ran_apart"))
        if gone >= self._config.gone_share:
            reasons.append(Reason(code="people_gone", params={"share": gone, "window_s": self._config.gone_s}))
        faster = speed / moment.in_units(self._config.speed_mps) - 1.0
        score = 0.5 + 0.25 * faster + 0.02 * most
        tracks = tuple(dict.fromkeys(one.track_id for one in crowd))
        return Findings(moment.at, score, tuple(reasons), most, tracks)

    def _watch_end(self, moment: ZoneMoment) -> list[Signal]:
        limit = moment.in_units(self._config.speed_mps)
        fast = sum(one.speed > limit for one in moment.people)
        if fast >= 2 or (moment.flow is not None and self._runs(moment.flow)):
            self._fast_s = moment.at.mono_s
        if self._key is None or moment.at.mono_s - self._fast_s < CALM_AFTER_S:
            return []
        key, self._key, self._since = self._key, None, None
        return [self._reporter.end(key, moment.at, (Reason(code="calm_again"),))]


def _runs_apart(crowd: Sequence[PersonMotion]) -> bool:
    return len(crowd) >= MIN_DIVERGING and divergence(crowd) >= APART


def divergence(crowd: Sequence[PersonMotion]) -> float:
    """-1 to 1: the mean cosine between each person's motion and the direction away from the crowd's middle."""
    middle_x = median(one.position[0] for one in crowd)
    middle_y = median(one.position[1] for one in crowd)
    shares = []
    for one in crowd:
        out_x, out_y = one.position[0] - middle_x, one.position[1] - middle_y
        away = math.hypot(out_x, out_y)
        if MIDDLE * one.unit < away < CROWD_EDGE * one.unit and one.speed > MOVING:
            shares.append((out_x * one.velocity[0] + out_y * one.velocity[1]) / (away * one.speed))
    return sum(shares) / len(shares) if shares else 0.0
