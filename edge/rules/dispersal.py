"""Dispersal: a crowd runs apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import DispersalConfig
from edge.config.zones import ZoneConfig
from edge.rules.base import Findings, Mover, Reporter, ZoneMoment, in_units
from edge.rules.signal import Signal

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
        crowd = [one for one in moment.people if one.person_id in self._inside_s]
        speed = median(math.hypot(*one.velocity) for one in crowd) if crowd else 0.0
        gone = self._gone_share()
        if not self._is_dispersal(moment, crowd, speed, gone):
            if now_s - self._fast_s > HELD_S:
                self._since = None
            return []
        self._fast_s = now_s
        self._since = self._since or moment.at
        if now_s - self._since.mono_s < HELD_S or not self._reporter.may_begin(moment):
            return []
        return [self._begin(moment, crowd, speed, gone)]

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

    def _begin(self, moment: ZoneMoment, crowd: Sequence[Mover], speed: float, gone: float) -> Signal:
        was = max(count for _, count in self._counts)
        code, name = ("people_ran", "speed_mps") if moment.metric else ("people_ran_body_heights", "speed")
        reasons = [Reason(code=code, params={"count": max(len(crowd), 1), name: speed})]
        if len(crowd) >= 3 and divergence(crowd) >= APART:
            reasons.append(Reason(code="ran_apart"))
        if gone >= self._config.gone_share:
            reasons.append(Reason(code="people_gone", params={"share": gone, "window_s": self._config.gone_s}))
        began = self._since or moment.at
        faster = speed / in_units(self._config.speed_mps, moment) - 1.0
        score = min(1.0, 0.5 + 0.25 * faster + 0.02 * was)
        tracks = tuple(dict.fromkeys(one.track_id for one in crowd))
        signal = self._reporter.begin(moment.at, Findings(began, score, tuple(reasons), was, tracks))
        self._key = signal.key
        return signal

    def _watch_end(self, moment: ZoneMoment) -> list[Signal]:
        limit = in_units(self._config.speed_mps, moment)
        fast = [one for one in moment.people if math.hypot(*one.velocity) > limit]
        if len(fast) >= 2:
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
