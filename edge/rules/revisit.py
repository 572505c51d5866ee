"""Revisit: one person keeps coming back to the zone, without leaving the camera's view for good.

The rule uses no appearance: a person who leaves the frame and returns is a new person.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import RevisitConfig
from edge.presence.episodes import Episode
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.moment import ZoneMoment
from edge.rules.reporter import Findings
from edge.signals import Signal

MAX_VISITORS = 500
"""Visitors remembered per zone; beyond it, the one away for longest is forgotten."""
MAX_TRACK_IDS = 200
"""Newest track ids remembered per visitor."""


@dataclass(slots=True)
class _Visitor:
    """visits: first and last moment inside of each. key: of the open signal. reported: a signal has begun once."""

    visits: list[tuple[Instant, Instant]] = field(default_factory=list)
    track_ids: list[int] = field(default_factory=list)
    key: str | None = None
    reported: bool = False


class RevisitRule(ZoneRule):
    """See `docs/behaviours.md`, Revisit."""

    kind = Rule.REVISIT

    def __init__(self, context: RuleContext, config: RevisitConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._visitors: dict[int, _Visitor] = {}

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals: list[Signal] = []
        for episode in moment.presence.left:
            signals.extend(self._leave(episode, moment.at))
        self._drop_absent(moment)
        for episode in moment.presence.open:
            visitor = self._visitors.get(episode.person_id)
            if visitor is None or visitor.reported or not self._reporter.may_begin(moment):
                continue
            signals.extend(self._judge(episode, visitor, moment))
        return signals

    def _forget(self) -> None:
        self._visitors.clear()

    def _leave(self, episode: Episode, at: Instant) -> list[Signal]:
        visitor = self._visitors.setdefault(episode.person_id, _Visitor())
        visitor.visits = self._visits_with(visitor, episode)
        visitor.track_ids = list(dict.fromkeys((*visitor.track_ids, *episode.track_ids)))[-MAX_TRACK_IDS:]
        if visitor.key is None:
            return []
        key, visitor.key = visitor.key, None
        self._reporter.update(key, people_count=1, track_ids=visitor.track_ids)
        return [self._reporter.end(key, at, (_total_dwell(visitor.visits), Reason(code="left_zone")))]

    def _visits_with(self, visitor: _Visitor, episode: Episode) -> list[tuple[Instant, Instant]]:
        """The visits with this one added: a short absence extends the last visit, a long one starts a new list."""
        this = episode.entered, episode.last_inside
        if not visitor.visits:
            return [this]
        absence_s = this[0].mono_s - visitor.visits[-1][1].mono_s
        if absence_s < self._config.min_absence_s:
            return [*visitor.visits[:-1], (visitor.visits[-1][0], this[1])]
        if absence_s > self._config.max_absence_s:
            return [this]
        oldest_s = this[1].mono_s - self._config.window_s
        return [*(visit for visit in visitor.visits if visit[1].mono_s >= oldest_s), this]

    def _judge(self, episode: Episode, visitor: _Visitor, moment: ZoneMoment) -> list[Signal]:
        visits = self._visits_with(visitor, episode)
        if len(visits) < self._config.min_visits or _dwell_s(visits) < self._config.threshold_s:
            return []
        spread_s = visits[-1][1].mono_s - visits[0][0].mono_s
        came = Reason(code="came_back", params={"visits": len(visits), "window_s": spread_s})
        tracks = tuple(dict.fromkeys((*visitor.track_ids, *episode.track_ids)))
        score = 0.3 + 0.1 * len(visits)
        signal = self._reporter.begin(moment, Findings(visits[0][0], score, (came, _total_dwell(visits)), 1, tracks))
        visitor.key, visitor.reported = signal.key, True
        return [signal]

    def _drop_absent(self, moment: ZoneMoment) -> None:
        """Forget visitors who have been away for too long, and beyond `MAX_VISITORS` those away for longest."""
        here = {one.person_id for one in moment.presence.open}
        now_s = moment.at.mono_s
        for person_id, visitor in list(self._visitors.items()):
            if person_id not in here and now_s - visitor.visits[-1][1].mono_s > self._config.max_absence_s:
                del self._visitors[person_id]
        while len(self._visitors) > MAX_VISITORS:
            away = min(self._visitors, key=lambda one: self._visitors[one].visits[-1][1].mono_s)
            del self._visitors[away]


def _dwell_s(visits: list[tuple[Instant, Instant]]) -> float:
    return sum(last.mono_s - first.mono_s for first, last in visits)


def _total_dwell(visits: list[tuple[Instant, Instant]]) -> Reason:
    return Reason(code="stayed_together_in_all", params={"dwell_s": _dwell_s(visits)})
