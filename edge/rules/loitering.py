"""Loitering: one person stays in the zone, close to one spot, longer than is usual there. Once per stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import LoiteringConfig
from edge.config.zones import ExpectedDwellArea, ZoneConfig
from edge.geometry import Polygon
from edge.learned.dwell import cell_of
from edge.presence.episodes import Episode
from edge.rules.audit import AUDIT_FROM, AuditDraw, why_quiet
from edge.rules.base import BODY_HEIGHT_M, Findings, Reporter, ZoneMoment, within
from edge.rules.confinement import measure, radius_of, staying_score
from edge.rules.signal import Signal

JUDGE_EVERY_S = 1.0
LEARNED_AT_MOST_S = 1200.0
"""What is usual may raise the threshold so far and no further."""
HIDDEN_S = 5.0
"""Who was in the zone so short a time ago and was not seen leaving still stays: alerts do not wait for detectors."""
RESIDENT_RADIUS = 1.0
"""Units around a resident-like stay in which the next stay is taken for the same one."""
RESIDENT_MEMORY_S = 600.0
"""How long an empty spot keeps its resident: a vendor who went for water is no news when he comes back."""
ECHO_WITHIN = 2.5
"""Units from where an alerted person was lost from sight, not seen leaving, in which whoever appears before her stay is
given up is taken for her: the stitching has missed a join, and she is no second loiterer.
"""


@dataclass(slots=True)
class _Spot:
    """A place that somebody has held for so long that he belongs there."""

    x: float
    y: float
    unit: float
    held_s: float

    def covers(self, episode: Episode) -> bool:
        away = math.hypot(episode.position[0] - self.x, episode.position[1] - self.y)
        return away <= RESIDENT_RADIUS * (self.unit + episode.unit) / 2


@dataclass(slots=True)
class _Stay:
    """What the rule remembers of an open episode."""

    key: str | None = None
    judged_s: float = -math.inf
    static_s: float = -math.inf
    known: bool = False


class LoiteringRule:
    """See `docs/behaviours.md`, Loitering."""

    def __init__(self, zone: ZoneConfig, config: LoiteringConfig, calendar: CalendarConfig) -> None:
        self._zone_id = zone.id
        self._config = config
        self._calendar = calendar
        self._areas = [(area, Polygon.of(area.polygon)) for area in zone.expected_dwell]
        limits_s = [config.day_s, config.night_s, *(hours.threshold_s for hours in config.hours)]
        limits_s += [area.threshold_s for area, _ in self._areas if area.threshold_s is not None]
        self._least_s = min(limits_s)
        self._reporter = Reporter(Rule.LOITERING, zone.id, config, calendar)
        self._stays: dict[int, _Stay] = {}
        self._spots: list[_Spot] = []
        self.audit: AuditDraw | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals = [
            signal
            for episode in moment.presence.left
            for signal in (*self._audited(episode, moment), *self._leave(episode, moment.presence.open, moment.at))
        ]
        self._spots = [spot for spot in self._spots if moment.at.mono_s - spot.held_s <= RESIDENT_MEMORY_S]
        known = {}
        for episode in moment.presence.open:
            stay = known[episode.person_id] = self._stays.get(episode.person_id) or _Stay()
            signals.extend(self._judge(episode, stay, moment))
        self._stays = known
        return signals

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._stays.clear()
        return self._reporter.close(at, reason)

    def _leave(self, episode: Episode, still_open: Sequence[Episode], at: Instant) -> list[Signal]:
        stay = self._stays.pop(episode.person_id, None)
        if stay is None or stay.key is None:
            return []
        if episode.outside_since is None:
            self._quieten_echo(episode, still_open)
        self._reporter.update(stay.key, people_count=1, track_ids=episode.track_ids)
        return [self._reporter.end(stay.key, at, (_stayed(episode), Reason(code="left_zone")))]

    def _audited(self, episode: Episode, moment: ZoneMoment) -> list[Signal]:
        """A stay that ends without an alert, if chance picks it for people to look at."""
        stay = self._stays.get(episode.person_id)
        if self.audit is None or stay is None or stay.key is not None or stay.known or self._is_static(episode):
            return []
        limit_s = self._threshold_s(episode, moment)
        if limit_s is None or episode.dwell_s < limit_s * AUDIT_FROM or not self._reporter.may_begin(moment):
            return []
        score, radius = self._path(episode, moment)
        usual_s = limit_s if limit_s > threshold_s(self._config, moment, self._calendar) else None
        why = why_quiet(episode.dwell_s, limit_s, score, self._config.min_score, usual_s)
        chance = self.audit.pick(moment.at) if why else None
        if chance is None:
            return []
        reasons = (_stayed(episode), radius, *why, *self._circumstances(episode, moment))
        findings = Findings(episode.entered, score, reasons, 1, tuple(episode.track_ids))
        return self.audit.told(episode, self._zone_id, chance, findings)

    def _path(self, episode: Episode, moment: ZoneMoment) -> tuple[float, Reason]:
        """The staying score of the path so far, and within which radius it lies."""
        times_s, positions = episode.path.in_units()
        metres = positions if moment.metric else positions * BODY_HEIGHT_M
        return staying_score(measure(times_s, metres)), _within(radius_of(positions), metric=moment.metric)

    def _judge(self, episode: Episode, stay: _Stay, moment: ZoneMoment) -> list[Signal]:
        now_s = moment.at.mono_s
        if stay.known:
            self._hold_known(episode, now_s)
            return []
        if stay.key is not None:
            return self._grow_resident(episode, stay, moment.at)
        if now_s - stay.judged_s < JUDGE_EVERY_S:
            return []
        present_s = _present_s(episode, moment.at)
        if present_s < self._least_s:  # most people, most of the time: what holds here and now is not asked
            return []
        stay.judged_s = now_s
        threshold_s = self._threshold_s(episode, moment)
        if threshold_s is None or present_s < threshold_s:
            return []
        if self._is_static(episode):
            stay.static_s = now_s
        if now_s - stay.static_s < threshold_s or not self._reporter.may_begin(moment):
            return []
        if any(spot.covers(episode) for spot in self._spots):
            stay.known = True
            return []
        score, radius = self._path(episode, moment)
        if score < self._config.min_score:
            return []
        reasons = (
            Reason(code="stayed", params={"dwell_s": present_s}),
            radius,
            self._over(threshold_s, moment),
            *self._circumstances(episode, moment),
        )
        findings = Findings(episode.entered, score, reasons, 1, tuple(episode.track_ids))
        signal = self._reporter.begin(moment.at, findings)
        stay.key = signal.key
        return [signal]

    def _over(self, limit_s: float, moment: ZoneMoment) -> Reason:
        if limit_s > threshold_s(self._config, moment, self._calendar):
            return Reason(code="longer_than_usual_here", params={"usual_s": limit_s})
        return Reason(code="stayed_over_threshold", params={"threshold_s": limit_s})

    def _circumstances(self, episode: Episode, moment: ZoneMoment) -> list[Reason]:
        reasons = []
        if self._config.night.contain(moment.local, self._calendar):
            reasons.append(Reason(code="by_night"))
        usual_places = any(within(area.hours, moment.local, self._calendar) for area, _ in self._areas)
        if usual_places and self._area(episode, moment) is None:
            reasons.append(Reason(code="outside_usual_places"))
        return reasons

    def _grow_resident(self, episode: Episode, stay: _Stay, at: Instant) -> list[Signal]:
        if stay.key is None or episode.dwell_s < self._config.resident_after_s:
            return []
        self._reporter.update(stay.key, people_count=1, track_ids=episode.track_ids)
        ended = self._reporter.end(stay.key, at, (_stayed(episode), Reason(code="resident_like")))
        stay.key, stay.known = None, True
        self._spots.append(_Spot(*episode.position, episode.unit, at.mono_s))
        return [ended]

    def _quieten_echo(self, lost: Episode, still_open: Sequence[Episode]) -> None:
        """Say nothing more of whoever appeared nearest to where an alerted person was lost, and since then."""
        appeared = [
            (away, one.person_id)
            for one in still_open
            if one.entered.mono_s >= lost.last_inside.mono_s and (away := _distance_at_entry(lost, one)) <= ECHO_WITHIN
        ]
        if appeared:
            stay = self._stays.setdefault(min(appeared)[1], _Stay())
            stay.known = stay.key is None

    def _hold_known(self, episode: Episode, now_s: float) -> None:
        for spot in self._spots:
            if spot.covers(episode):
                spot.held_s = now_s

    def _is_static(self, episode: Episode) -> bool:
        sway = episode.sway.amount()
        return sway is not None and sway < self._config.min_sway

    def _threshold_s(self, episode: Episode, moment: ZoneMoment) -> float | None:
        """Seconds that this person may stay here and now; None if staying is normal here."""
        area = self._area(episode, moment)
        if area is not None:
            return area.threshold_s
        configured_s = threshold_s(self._config, moment, self._calendar)
        usual_s = self._usual_s(episode, moment)
        return configured_s if usual_s is None else max(configured_s, min(usual_s, LEARNED_AT_MOST_S))

    def _usual_s(self, episode: Episode, moment: ZoneMoment) -> float | None:
        """Seconds that nearly all stays at this place and hour last at most, once enough of them are known."""
        if not self._config.learn_dwell or moment.learned is None:
            return None
        cell = cell_of(*episode.path.middle_xyn())
        return moment.learned.dwell.limit_s(cell, moment.hour_of_week, self._config.dwell_quantile)

    def _area(self, episode: Episode, moment: ZoneMoment) -> ExpectedDwellArea | None:
        active = [one for one in self._areas if within(one[0].hours, moment.local, self._calendar)]
        middle = [episode.path.middle_xyn()] if active else []
        return next((area for area, polygon in active if polygon.contains(middle)[0]), None)


def _present_s(episode: Episode, at: Instant) -> float:
    """Seconds of the stay so far; somebody hidden for a moment in the zone is taken to be there still."""
    hidden = episode.outside_since is None and at.mono_s - episode.last_inside.mono_s <= HIDDEN_S
    return at.mono_s - episode.entered.mono_s if hidden else episode.dwell_s


def _distance_at_entry(lost: Episode, appeared: Episode) -> float:
    """Units from where one person was lost to where another appeared."""
    away = math.hypot(appeared.path.xs[0] - lost.position[0], appeared.path.ys[0] - lost.position[1])
    return away / ((lost.unit + appeared.unit) / 2)


def threshold_s(config: LoiteringConfig, moment: ZoneMoment, calendar: CalendarConfig) -> float:
    """The configured threshold at a moment, seconds."""
    for hours in config.hours:
        if hours.contain(moment.local, calendar):
            return hours.threshold_s
    return config.night_s if config.night.contain(moment.local, calendar) else config.day_s


def _stayed(episode: Episode) -> Reason:
    return Reason(code="stayed", params={"dwell_s": episode.dwell_s})


def _within(radius: float, *, metric: bool) -> Reason:
    shown = max(0.1, radius)
    if metric:
        return Reason(code="within_metres", params={"radius_m": shown})
    return Reason(code="within_body_heights", params={"radius": shown})
