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
from edge.learned.dwell import UsualStays, cell_of
from edge.presence.episodes import Episode
from edge.rules.base import BODY_HEIGHT_M, Findings, Reporter, ZoneMoment, within
from edge.rules.confinement import measure, radius_of, staying_score
from edge.rules.spot_checks import SPOT_CHECK_FROM, SpotCheckDraw, why_quiet
from edge.signals import Signal

JUDGE_EVERY_S = 1.0
LEARNED_AT_MOST_S = 1200.0
"""After so long a stay what is usual here no longer matters."""
STAYING_PLACE = 0.5
"""Where more than this share of all stays last over the threshold, staying is what the place is for: a stall, a bench.
There only who stays longer than nearly all others alerts, whatever the path looks like.
"""
USUAL_WEIGHT = 0.75
"""Elsewhere what is usual raises the score that is needed: as many times as so long a stay is more frequent here than
`dwell_quantile` lets pass, to this power, so many times the odds of staying against passing through must be. The least
that cut nine tenths of the ordinary alarms on the training part of LTD, out of fold (`docs/design/loitering.md`).
"""
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


@dataclass(frozen=True, slots=True)
class _Limit:
    """From when on a stay may alert, and how much it must look like staying; `usual` None where nothing is known."""

    threshold_s: float
    usual: UsualStays | None = None
    quantile: float = 0.99

    def needed_score(self, present_s: float, min_score: float) -> float:
        """The staying score that alerts after so long; infinite as long as the place is for staying so long."""
        if self.usual is None or present_s >= self.unusual_after_s():
            return min_score
        if self.usual.share_longer(self.threshold_s) > STAYING_PLACE:
            return math.inf
        times = math.pow(max(1.0, self.usual.share_longer(present_s) / (1.0 - self.quantile)), USUAL_WEIGHT)
        return min_score * times / (min_score * times + 1.0 - min_score)

    def reason(self, present_s: float) -> Reason:
        unusual_s = self.unusual_after_s()
        if self.threshold_s < unusual_s <= present_s:
            return Reason(code="longer_than_usual_here", params={"usual_s": unusual_s})
        return Reason(code="stayed_over_threshold", params={"threshold_s": self.threshold_s})

    def unusual_after_s(self) -> float:
        return 0.0 if self.usual is None else min(self.usual.limit_s(self.quantile), LEARNED_AT_MOST_S)


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
        self.spot_check: SpotCheckDraw | None = None

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals = [
            signal
            for episode in moment.presence.left
            for signal in (*self._spot_checked(episode, moment), *self._leave(episode, moment.presence.open, moment.at))
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

    def _spot_checked(self, episode: Episode, moment: ZoneMoment) -> list[Signal]:
        """A stay that ends without an alert, if chance picks it for people to look at."""
        stay = self._stays.get(episode.person_id)
        if self.spot_check is None or stay is None or stay.key is not None or stay.known or self._is_static(episode):
            return []
        limit, dwell_s = self._limit(episode, moment), episode.dwell_s
        if limit is None or dwell_s < limit.threshold_s * SPOT_CHECK_FROM or not self._reporter.may_begin(moment):
            return []
        score, radius = self._path(episode, moment)
        kept_by_usual = self._config.min_score <= score < limit.needed_score(dwell_s, self._config.min_score)
        usual_s = limit.unusual_after_s() if kept_by_usual and dwell_s >= limit.threshold_s else None
        why = why_quiet(dwell_s, limit.threshold_s, score, self._config.min_score, usual_s)
        chance = self.spot_check.pick(moment.at) if why else None
        if chance is None:
            return []
        reasons = (_stayed(episode), radius, *why, *self._circumstances(episode, moment))
        findings = Findings(episode.entered, score, reasons, 1, tuple(episode.track_ids))
        return self.spot_check.told(episode, self._zone_id, chance, findings)

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
        limit = self._limit(episode, moment)
        if limit is None or present_s < limit.threshold_s:
            return []
        if self._is_static(episode):
            stay.static_s = now_s
        if now_s - stay.static_s < limit.threshold_s or not self._reporter.may_begin(moment):
            return []
        if any(spot.covers(episode) for spot in self._spots):
            stay.known = True
            return []
        score, radius = self._path(episode, moment)
        if score < limit.needed_score(present_s, self._config.min_score):
            return []
        reasons = (
            Reason(code="stayed", params={"dwell_s": present_s}),
            radius,
            limit.reason(present_s),
            *self._circumstances(episode, moment),
        )
        findings = Findings(episode.entered, score, reasons, 1, tuple(episode.track_ids))
        signal = self._reporter.begin(moment.at, findings)
        stay.key = signal.key
        return [signal]

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
        jitter = episode.box_jitter.amount()
        return jitter is not None and jitter < self._config.min_box_jitter

    def _limit(self, episode: Episode, moment: ZoneMoment) -> _Limit | None:
        """What holds for this person here and now; None if staying is normal here."""
        area = self._area(episode, moment)
        if area is not None:
            return None if area.threshold_s is None else _Limit(area.threshold_s)
        configured_s = threshold_s(self._config, moment, self._calendar)
        if not self._config.learn_dwell or moment.learned is None:
            return _Limit(configured_s)
        usual = moment.learned.dwell.usual(cell_of(*episode.path.middle_xyn()), moment.hour_of_week)
        return _Limit(configured_s, usual, self._config.dwell_quantile)

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
