"""Revisit: one person keeps coming back to the zone, as long as the camera never loses sight of her for good.

There is no appearance and no memory of it: who leaves the picture and comes back is a stranger.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import RevisitConfig
from edge.config.zones import ZoneConfig
from edge.presence.episodes import Episode
from edge.rules.base import Findings, Reporter, ZoneMoment
from edge.signals import Signal

MAX_PEOPLE = 500


@dataclass(slots=True)
class _Visitor:
    """visits: (first, last) moment inside of each; `key` once the rule has fired."""

    visits: list[tuple[Instant, Instant]] = field(default_factory=list)
    track_ids: list[int] = field(default_factory=list)
    key: str | None = None
    told: bool = False


class RevisitRule:
    """See `docs/behaviours.md`, Revisit."""

    def __init__(self, zone: ZoneConfig, config: RevisitConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.REVISIT, zone.id, config, calendar)
        self._visitors: dict[int, _Visitor] = {}

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals: list[Signal] = []
        for episode in moment.presence.left:
            signals.extend(self._leave(episode, moment.at))
        self._forget(moment)
        for episode in moment.presence.open:
            visitor = self._visitors.get(episode.person_id)
            if visitor is None or visitor.told or not self._reporter.may_begin(moment):
                continue
            signals.extend(self._judge(episode, visitor, moment))
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._visitors.clear()
        return self._reporter.close(at, reason)

    def _leave(self, episode: Episode, at: Instant) -> list[Signal]:
        visitor = self._visitors.setdefault(episode.person_id, _Visitor())
        visitor.visits = self._with(visitor, episode)
        visitor.track_ids = list(dict.fromkeys((*visitor.track_ids, *episode.track_ids)))[-200:]
        if visitor.key is None:
            return []
        key, visitor.key = visitor.key, None
        self._reporter.update(key, people_count=1, track_ids=visitor.track_ids)
        return [self._reporter.end(key, at, (self._in_all(visitor.visits), Reason(code="left_zone")))]

    def _with(self, visitor: _Visitor, episode: Episode) -> list[tuple[Instant, Instant]]:
        """The visits including this one: too short an absence prolongs the last one, too long a one begins anew."""
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
        visits = self._with(visitor, episode)
        dwell_s = sum(last.mono_s - first.mono_s for first, last in visits)
        if len(visits) < self._config.min_visits or dwell_s < self._config.threshold_s:
            return []
        spread_s = visits[-1][1].mono_s - visits[0][0].mono_s
        came = Reason(code="came_back", params={"visits": len(visits), "window_s": spread_s})
        tracks = tuple(dict.fromkeys((*visitor.track_ids, *episode.track_ids)))
        score = min(1.0, 0.3 + 0.1 * len(visits))
        findings = Findings(visits[0][0], score, (came, self._in_all(visits)), 1, tracks)
        signal = self._reporter.begin(moment.at, findings)
        visitor.key, visitor.told = signal.key, True
        return [signal]

    def _in_all(self, visits: list[tuple[Instant, Instant]]) -> Reason:
        dwell_s = sum(last.mono_s - first.mono_s for first, last in visits)
        return Reason(code="stayed_together_in_all", params={"dwell_s": dwell_s})

    def _forget(self, moment: ZoneMoment) -> None:
        """Drop whoever has been away for too long; of too many, the one longest away."""
        here = {one.person_id for one in moment.presence.open}
        now_s = moment.at.mono_s
        for person_id, visitor in list(self._visitors.items()):
            if person_id not in here and now_s - visitor.visits[-1][1].mono_s > self._config.max_absence_s:
                del self._visitors[person_id]
        while len(self._visitors) > MAX_PEOPLE:
            away = min(self._visitors, key=lambda one: self._visitors[one].visits[-1][1].mono_s)
            del self._visitors[away]
