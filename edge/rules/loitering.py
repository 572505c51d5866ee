"""Loitering: one person stays in the zone, close to one spot, for longer than is usual there. One signal per stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import LoiteringConfig
from edge.config.zones import ExpectedDwellArea
from edge.geometry import Polygon
from edge.learned.dwell import cell_of
from edge.presence.episodes import Episode
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.confinement import measure, radius_of, staying_score
from edge.rules.moment import BODY_HEIGHT_M, ZoneMoment
from edge.rules.reporter import Findings, is_within
from edge.rules.spot_checks import SPOT_CHECK_FROM, SpotCheckDraw, why_quiet
from edge.rules.stay_limit import StayLimit
from edge.signals import Signal

JUDGE_EVERY_S = 1.0
HIDDEN_S = 5.0
"""Seconds for which a person who was lost inside the zone, not seen leaving, counts as staying: an alert does not wait
for the detector."""
RESIDENT_RADIUS = 1.0
"""Units around a resident-like stay within which the next stay counts as the same one."""
RESIDENT_MEMORY_S = 600.0
"""Seconds for which an empty spot keeps its resident: a vendor who fetches water and returns does not alert."""
ECHO_RADIUS = 2.5
"""Units. A person who appears so near to where an alerted person was lost, before that stay is given up, counts as the
same person: the tracks were not joined, and there is no second loiterer."""


@dataclass(slots=True)
class _ResidentSpot:
    """Where somebody has stayed for so long that the spot no longer alerts. held_s: when it was last occupied."""

    x: float
    y: float
    unit: float
    held_s: float

    def covers(self, episode: Episode) -> bool:
        away = math.hypot(episode.position[0] - self.x, episode.position[1] - self.y)
        return away <= RESIDENT_RADIUS * (self.unit + episode.unit) / 2


@dataclass(slots=True)
class _Stay:
    """The rule's memory of an open episode. key: of its open signal. judged_s: when it was last judged. static_s: when
    its box last moved as little as a thing's. silenced: it alerts no more.
    """

    key: str | None = None
    judged_s: float = -math.inf
    static_s: float = -math.inf
    silenced: bool = False


class LoiteringRule(ZoneRule):
    """See `docs/behaviours.md`, Loitering."""

    kind = Rule.LOITERING

    def __init__(self, context: RuleContext, config: LoiteringConfig) -> None:
        super().__init__(context, config)
        self._zone_id = context.zone.id
        self._config = config
        self._calendar = context.calendar
        self._areas = [(area, Polygon.of(area.polygon)) for area in context.zone.expected_dwell]
        limits_s = [config.day_s, config.night_s, *(hours.threshold_s for hours in config.hours)]
        limits_s += [area.threshold_s for area, _ in self._areas if area.threshold_s is not None]
        self._shortest_limit_s = min(limits_s)
        self._spot_checks = SpotCheckDraw.of(context, config)
        self._stays: dict[int, _Stay] = {}
        self._spots: list[_ResidentSpot] = []

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        signals = [
            signal
            for episode in moment.presence.left
            for signal in (*self._spot_check(episode, moment), *self._leave(episode, moment.presence.open, moment.at))
        ]
        self._spots = [spot for spot in self._spots if moment.at.mono_s - spot.held_s <= RESIDENT_MEMORY_S]
        stays = {}
        for episode in moment.presence.open:
            stay = stays[episode.person_id] = self._stays.get(episode.person_id) or _Stay()
            signals.extend(self._judge(episode, stay, moment))
        self._stays = stays
        return signals

    def _forget(self) -> None:
        self._stays.clear()

    def _leave(self, episode: Episode, still_open: Sequence[Episode], at: Instant) -> list[Signal]:
        stay = self._stays.pop(episode.person_id, None)
        if stay is None or stay.key is None:
            return []
        if episode.outside_since is None:
            self._silence_echo(episode, still_open)
        self._reporter.update(stay.key, people_count=1, track_ids=episode.track_ids)
        return [self._reporter.end(stay.key, at, (_stayed(episode), Reason(code="left_zone")))]

    def _spot_check(self, episode: Episode, moment: ZoneMoment) -> list[Signal]:
        """The signals of a stay that ends without an alert, if it is drawn."""
        stay = self._stays.get(episode.person_id)
        if self._spot_checks is None or stay is None or stay.key is not None or stay.silenced:
            return []
        if self._is_static(episode):
            return []
        limit, dwell_s = self._limit(episode, moment), episode.dwell_s
        if limit is None or dwell_s < limit.threshold_s * SPOT_CHECK_FROM or not self._reporter.may_begin(moment):
            return []
        score, radius = self._path(episode, moment)
        kept_by_usual = self._config.min_score <= score < limit.needed_score(dwell_s, self._config.min_score)
        usual_s = limit.unusual_after_s() if kept_by_usual and dwell_s >= limit.threshold_s else None
        why = why_quiet(dwell_s, limit.threshold_s, score, self._config.min_score, usual_s)
        chance = self._spot_checks.draw(moment.at) if why else None
        if chance is None:
            return []
        reasons = (_stayed(episode), radius, *why, *self._circumstances(episode, moment))
        findings = Findings(episode.entered, score, reasons, 1, tuple(episode.track_ids))
        return self._spot_checks.signals(episode, self._zone_id, chance, findings)

    def _path(self, episode: Episode, moment: ZoneMoment) -> tuple[float, Reason]:
        """The staying score of the path so far, and the radius that holds it."""
        times_s, positions = episode.path.in_units()
        metres = positions if moment.metric else positions * BODY_HEIGHT_M
        return staying_score(measure(times_s, metres)), _radius_reason(radius_of(positions), metric=moment.metric)

    def _judge(self, episode: Episode, stay: _Stay, moment: ZoneMoment) -> list[Signal]:
        now_s = moment.at.mono_s
        if stay.silenced:
            self._hold_spots(episode, now_s)
            return []
        if stay.key is not None:
            return self._end_resident(episode, stay, moment.at)
        if now_s - stay.judged_s < JUDGE_EVERY_S:
            return []
        present_s = _present_s(episode, moment.at)
        if present_s < self._shortest_limit_s:  # most stays, most of the time: spares looking up the limit
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
            stay.silenced = True
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
        signal = self._reporter.begin(moment, Findings(episode.entered, score, reasons, 1, tuple(episode.track_ids)))
        stay.key = signal.key
        return [signal]

    def _circumstances(self, episode: Episode, moment: ZoneMoment) -> list[Reason]:
        reasons = []
        if self._config.night.contain(moment.local, self._calendar):
            reasons.append(Reason(code="by_night"))
        has_areas = any(is_within(area.hours, moment.local, self._calendar) for area, _ in self._areas)
        if has_areas and self._area(episode, moment) is None:
            reasons.append(Reason(code="outside_usual_places"))
        return reasons

    def _end_resident(self, episode: Episode, stay: _Stay, at: Instant) -> list[Signal]:
        """End the signal of a stay that has become resident-like, and remember its spot."""
        if stay.key is None or episode.dwell_s < self._config.resident_after_s:
            return []
        self._reporter.update(stay.key, people_count=1, track_ids=episode.track_ids)
        ended = self._reporter.end(stay.key, at, (_stayed(episode), Reason(code="resident_like")))
        stay.key, stay.silenced = None, True
        self._spots.append(_ResidentSpot(*episode.position, episode.unit, at.mono_s))
        return [ended]

    def _silence_echo(self, lost: Episode, still_open: Sequence[Episode]) -> None:
        """Silence the stay that began nearest to where an alerted person was lost, see `ECHO_RADIUS`."""
        appeared = [
            (away, one.person_id)
            for one in still_open
            if one.entered.mono_s >= lost.last_inside.mono_s and (away := _distance_at_entry(lost, one)) <= ECHO_RADIUS
        ]
        if appeared:
            stay = self._stays.setdefault(min(appeared)[1], _Stay())
            stay.silenced = stay.key is None

    def _hold_spots(self, episode: Episode, now_s: float) -> None:
        for spot in self._spots:
            if spot.covers(episode):
                spot.held_s = now_s

    def _is_static(self, episode: Episode) -> bool:
        """Whether the box moves as little as that of a thing."""
        jitter = episode.box_jitter.amount()
        return jitter is not None and jitter < self._config.min_box_jitter

    def _limit(self, episode: Episode, moment: ZoneMoment) -> StayLimit | None:
        """The limit of this stay now; None in an area where staying never alerts."""
        area = self._area(episode, moment)
        if area is not None:
            return None if area.threshold_s is None else StayLimit(area.threshold_s)
        configured_s = self._threshold_s(moment)
        if not self._config.learn_dwell or moment.learned is None:
            return StayLimit(configured_s)
        usual = moment.learned.dwell.usual(cell_of(*episode.path.middle_xyn()), moment.hour_of_week)
        return StayLimit(configured_s, usual, self._config.dwell_quantile)

    def _threshold_s(self, moment: ZoneMoment) -> float:
        for hours in self._config.hours:
            if hours.contain(moment.local, self._calendar):
                return hours.threshold_s
        by_night = self._config.night.contain(moment.local, self._calendar)
        return self._config.night_s if by_night else self._config.day_s

    def _area(self, episode: Episode, moment: ZoneMoment) -> ExpectedDwellArea | None:
        """The first area of expected dwell, active now, that holds the middle of the stay."""
        active = [one for one in self._areas if is_within(one[0].hours, moment.local, self._calendar)]
        middle = [episode.path.middle_xyn()] if active else []
        return next((area for area, polygon in active if polygon.contains(middle)[0]), None)


def _present_s(episode: Episode, at: Instant) -> float:
    """Seconds of the stay so far; a person who has been hidden for less than `HIDDEN_S` still counts as present."""
    hidden = episode.outside_since is None and at.mono_s - episode.last_inside.mono_s <= HIDDEN_S
    return at.mono_s - episode.entered.mono_s if hidden else episode.dwell_s


def _distance_at_entry(lost: Episode, appeared: Episode) -> float:
    """Units from where one person was lost to where another appeared."""
    away = math.hypot(appeared.path.xs[0] - lost.position[0], appeared.path.ys[0] - lost.position[1])
    return away / ((lost.unit + appeared.unit) / 2)


def _stayed(episode: Episode) -> Reason:
    return Reason(code="stayed", params={"dwell_s": episode.dwell_s})


def _radius_reason(radius: float, *, metric: bool) -> Reason:
    shown = max(0.1, radius)
    if metric:
        return Reason(code="within_metres", params={"radius_m": shown})
    return Reason(code="within_body_heights", params={"radius": shown})
