"""Dispersal: a crowd runs apart.

Where it is too dense for people to be detected one by one, the flow of the picture stands in for their movement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import DispersalConfig
from edge.config.zones import ZoneConfig
from edge.crowds.dense import ZoneFlow
from edge.rules.base import BODY_HEIGHT_M, Findings, Mover, Reporter, ZoneMoment, in_units
from edge.signals import Signal

CROWD_MEMORY_S = 6.0
"""Who was in the zone so short a time ago still belongs to its crowd, wherever he is running."""
HELD_S = 0.6
"""The movement must last a little, so that a track that jumps is none."""
CALM_S = 15.0
APART = 0.4
"""Share of the speed that leads away from the crowd's middle, on average, from which the crowd runs apart."""
CROWD_EDGE = 12.0
"""Units from the crowd's middle beyond which somebody is not part of it."""


class DispersalRule:
    """See `docs/behaviours.md`, Dispersal."""

    def __init__(self, zone: ZoneConfig, config: DispersalConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.DISPERSAL, zone.id, config, calendar)
        self._inside_s: dict[int, float] = {}
        self._counts: list[tuple[float, int]] = []
        self._since: Instant | None = None
        self._fast_s = -math.inf
        self._key: str | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        now_s = moment.at.mono_s
        for mover in moment.people:
            if mover.inside:
                self._inside_s[mover.person_id] = now_s
        self._inside_s = {one: seen_s for one, seen_s in self._inside_s.items() if now_s - seen_s <= CROWD_MEMORY_S}
        self._counts.append((now_s, moment.presence.count))
        while now_s - self._counts[0][0] > self._config.gone_s:
            self._counts.pop(0)
        if self._key is not None:
            return self._watch_end(moment)
        if self._flow_runs(moment) and moment.flow is not None:
            return self._hold(moment, self._findings_of_flow(moment, moment.flow))
        crowd = [one for one in moment.people if one.person_id in self._inside_s]
        speed = median(math.hypot(*one.velocity) for one in crowd) if crowd else 0.0
        gone = self._gone_share()
        if not self._is_dispersal(moment, crowd, speed, gone):
            if now_s - self._fast_s > HELD_S:
                self._since = None
            return []
        return self._hold(moment, self._findings(moment, crowd, speed, gone))

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._inside_s.clear()
        self._counts.clear()
        self._since = self._key = None
        return self._reporter.close(at, reason)

    def _is_dispersal(self, moment: ZoneMoment, crowd: Sequence[Mover], speed: float, gone: float) -> bool:
        was = max(count for _, count in self._counts)
        if was < self._config.min_people or not self._is_fast(moment, speed):
            return False
        if len(crowd) >= 3 and divergence(crowd) >= APART:
            return True
        return gone >= self._config.gone_share

    def _is_fast(self, moment: ZoneMoment, speed: float) -> bool:
        usual = moment.learned.flow.usual_speed() if moment.learned is not None else None
        limit = in_units(self._config.speed_mps, moment)
        return speed > limit or (usual is not None and speed > max(usual * self._config.speed_factor, 0.6 * limit))

    def _gone_share(self) -> float:
        most = max(count for _, count in self._counts)
        return 1.0 - self._counts[-1][1] / most if most else 0.0

    def _hold(self, moment: ZoneMoment, findings: Findings) -> list[Signal]:
        """Begin once the movement has lasted a little."""
        self._fast_s = moment.at.mono_s
        self._since = self._since or moment.at
        if moment.at.mono_s - self._since.mono_s < HELD_S or not self._reporter.may_begin(moment):
            return []
        signal = self._reporter.begin(moment.at, replace(findings, began=self._since))
        self._key = signal.key
        return [signal]

    def _flow_runs(self, moment: ZoneMoment) -> bool:
        """Whether the picture of a crowd that is too dense to count runs apart."""
        flow = moment.flow
        fast = flow is not None and flow.speed * BODY_HEIGHT_M > self._config.speed_mps
        return fast and flow is not None and flow.divergence >= APART and flow.people >= self._config.min_people

    def _findings_of_flow(self, moment: ZoneMoment, flow: ZoneFlow) -> Findings:
        dense = Reason(code="crowd_too_dense_to_count")
        ran = Reason(code="people_ran_body_heights", params={"count": flow.people, "speed": flow.speed})
        tracks = tuple(dict.fromkeys(one.track_id for one in moment.people if one.inside))
        score = min(1.0, 0.5 * flow.speed * BODY_HEIGHT_M / self._config.speed_mps)
        return Findings(moment.at, score, (ran, Reason(code="ran_apart"), dense), flow.people, tracks)

    def _findings(self, moment: ZoneMoment, crowd: Sequence[Mover], speed: float, gone: float) -> Findings:
        was = max(count for _, count in self._counts)
        code, name = ("people_ran", "speed_mps") if moment.metric else ("people_ran_body_heights", "speed")
        reasons = [Reason(code=code, params={"count": max(len(crowd), 1), name: speed})]
        if len(crowd) >= 3 and divergence(crowd) >= APART:
            reasons.append(Reason(code="ran_apart"))
        if gone >= self._config.gone_share:
            reasons.append(Reason(code="people_gone", params={"share": gone, "window_s": self._config.gone_s}))
        faster = speed / in_units(self._config.speed_mps, moment) - 1.0
        score = min(1.0, 0.5 + 0.25 * faster + 0.02 * was)
        tracks = tuple(dict.fromkeys(one.track_id for one in crowd))
        return Findings(moment.at, score, tuple(reasons), was, tracks)

    def _watch_end(self, moment: ZoneMoment) -> list[Signal]:
        limit = in_units(self._config.speed_mps, moment)
        fast = [one for one in moment.people if math.hypot(*one.velocity) > limit]
        if len(fast) >= 2 or self._flow_runs(moment):
            self._fast_s = moment.at.mono_s
        if self._key is None or moment.at.mono_s - self._fast_s < CALM_S:
            return []
        key, self._key, self._since = self._key, None, None
        return [self._reporter.end(key, moment.at, (Reason(code="calm_again"),))]


def divergence(crowd: Sequence[Mover]) -> float:
    """-1 to 1: the mean share of each one's speed that leads away from the crowd's middle."""
    middle_x = median(one.position[0] for one in crowd)
    middle_y = median(one.position[1] for one in crowd)
    shares = []
    for one in crowd:
        out_x, out_y = one.position[0] - middle_x, one.position[1] - middle_y
        way, speed = math.hypot(out_x, out_y), math.hypot(*one.velocity)
        if way > 0.2 * one.unit and speed > 0.3 and way < CROWD_EDGE * one.unit:
            shares.append((out_x * one.velocity[0] + out_y * one.velocity[1]) / (way * speed))
    return sum(shares) / len(shares) if shares else 0.0
