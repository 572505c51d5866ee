"""Group: the same people stand together for a while."""

from __future__ import annotations

from dataclasses import dataclass

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import GroupConfig
from edge.crowds.near import distances
from edge.presence.episodes import Episode
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import Findings, lasted
from edge.signals import Signal

APART_FACTOR = 1.4
"""Hysteresis: a pair is apart beyond this many radii."""
APART_AFTER_S = 5.0
"""Seconds apart after which a pair is forgotten."""
DISSOLVED_AFTER_S = 10.0
"""Seconds with too few members after which a group ends."""

_Pair = tuple[int, int]


@dataclass(slots=True)
class _Together:
    """A pair of people. near_s: when they were last near each other."""

    since: Instant
    near_s: float


@dataclass(slots=True)
class _Group:
    """members: everybody who has belonged to it. complete_s: when it last had enough members."""

    members: set[int]
    began: Instant
    complete_s: float


class GroupRule(ZoneRule):
    """See `docs/behaviours.md`, Group."""

    kind = Rule.GROUP

    def __init__(self, context: RuleContext, config: GroupConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._pairs: dict[_Pair, _Together] = {}
        self._groups: dict[str, _Group] = {}

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        here = [one for one in moment.presence.open if one.outside_since is None]
        self._pair_up(here, moment.at)
        signals = self._end_dissolved(moment)
        by_id = {one.person_id: one for one in here}
        for members in self._settled(moment.at):
            if any(members & group.members for group in self._groups.values()):
                continue
            if self._reporter.may_begin(moment):
                signals.append(self._begin(moment, [by_id[one] for one in sorted(members)]))
        return signals

    def _forget(self) -> None:
        self._pairs.clear()
        self._groups.clear()

    def _pair_up(self, here: list[Episode], at: Instant) -> None:
        ids = {one.person_id for one in here}
        self._pairs = {pair: known for pair, known in self._pairs.items() if ids.issuperset(pair)}
        apart = distances(here)
        for row, first in enumerate(here):
            for column in range(row):
                second = here[column]
                pair = min(first.person_id, second.person_id), max(first.person_id, second.person_id)
                distance = float(apart[row, column])
                known = self._pairs.get(pair)
                if distance <= self._config.radius * (APART_FACTOR if known else 1.0):
                    if known is None:
                        self._pairs[pair] = _Together(at, at.mono_s)
                    else:
                        known.near_s = at.mono_s
                elif known is not None and at.mono_s - known.near_s > APART_AFTER_S:
                    del self._pairs[pair]

    def _settled(self, at: Instant) -> list[set[int]]:
        """Disjoint sets: a person and the others near for `duration_s`, at least `min_people` in all."""
        around: dict[int, set[int]] = {}
        for (first, second), known in self._pairs.items():
            if at.mono_s - known.since.mono_s >= self._config.duration_s:
                around.setdefault(first, set()).add(second)
                around.setdefault(second, set()).add(first)
        cores = [(one, others) for one, others in around.items() if len(others) >= self._config.min_people - 1]
        found: list[set[int]] = []
        for one, others in sorted(cores, key=lambda core: (-len(core[1]), core[0])):
            members = {one, *others}
            if not any(members & known for known in found):
                found.append(members)
        return found

    def _end_dissolved(self, moment: ZoneMoment) -> list[Signal]:
        signals = []
        for key, group in list(self._groups.items()):
            for pair in self._pairs:
                if not group.members.isdisjoint(pair):
                    group.members.update(pair)
            paired = {one for pair in self._pairs for one in pair if one in group.members}
            self._reporter.update(key, people_count=len(paired))
            if len(paired) >= self._config.min_people:
                group.complete_s = moment.at.mono_s
            elif moment.at.mono_s - group.complete_s >= DISSOLVED_AFTER_S:
                del self._groups[key]
                reasons = (Reason(code="group_dissolved"), lasted(group.began, moment.at))
                signals.append(self._reporter.end(key, moment.at, reasons))
        return signals

    def _begin(self, moment: ZoneMoment, members: list[Episode]) -> Signal:
        ids = {one.person_id for one in members}
        since = max(
            (known.since for pair, known in self._pairs.items() if ids.issuperset(pair)), key=lambda one: one.mono_s
        )
        code, name = ("group_metres", "radius_m") if moment.metric else ("group_body_heights", "radius")
        together = Reason(code=code, params={"count": len(members), name: self._config.radius})
        tracks = tuple(track for one in members for track in one.track_ids)
        score = 0.4 + 0.1 * len(members)
        findings = Findings(since, score, (together, lasted(since, moment.at)), len(members), tracks)
        signal = self._reporter.begin(moment, findings)
        self._groups[signal.key] = _Group(ids, since, moment.at.mono_s)
        return signal
