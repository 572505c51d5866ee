"""What the rules of a zone share: the moment they are shown, and the reporter that keeps their signals in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

from contract.clock import Instant
from contract.event import Phase, Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig, Hours
from edge.config.rules import RuleConfig
from edge.crowds.crowd_count import CrowdEstimate
from edge.crowds.dense import ZoneFlow
from edge.learned.state import ZoneLearned
from edge.presence.episodes import Episode, Presence
from edge.presence.stitch import MAX_GAP_S
from edge.signals import Signal

UNSEEN_AFTER_S = MAX_GAP_S
"""A pause between observations after which nothing is assumed about the time in between: every delay starts anew."""


@dataclass(frozen=True, slots=True)
class Mover:
    """One person anywhere in the picture. velocity: units per second on the plane; inside: the zone's polygon."""

    person_id: int
    track_id: int
    position: tuple[float, float]
    unit: float
    velocity: tuple[float, float]
    foot_xyn: tuple[float, float]
    inside: bool


@dataclass(frozen=True)
class ZoneMoment:
    """One zone at one moment, as its rules see it.

    local: the camera's local time. metric: units are metres. movers: gives all persons in the picture; see `people`.
    area_m2: of the zone on the ground, None where not calibrated. learned: what the zone knows of its past.
    flow: how the picture moves in the zone while a crowd is too dense to detect people one by one.
    crowd: how many people there may be while the crowd is too dense to count them; None while the count holds.
    limit_factor: by which the calendar lets the usual count grow today, None if it says that no count is unusual.
    """

    at: Instant
    local: datetime
    presence: Presence
    metric: bool
    movers: Callable[[], tuple[Mover, ...]] = tuple
    area_m2: float | None = None
    learned: ZoneLearned | None = None
    limit_factor: float | None = 1.0
    flow: ZoneFlow | None = None
    crowd: CrowdEstimate | None = None

    @cached_property
    def people(self) -> tuple[Mover, ...]:
        """All persons in the picture, in the zone or not: told when they are asked for, as most moments nobody does."""
        return self.movers()

    @property
    def people_or_so(self) -> int:
        """The people in the zone: as many as are counted, or the middle of the estimate where that is more."""
        return self.presence.count if self.crowd is None else max(self.presence.count, round(self.crowd.people))

    @property
    def hour_of_week(self) -> int:
        """0 is Monday 00:00 to 01:00 local time."""
        return self.local.weekday() * 24 + self.local.hour


BODY_HEIGHT_M = 1.65
"""Where a camera is not calibrated, a unit is a body height, and a body height is about so many metres."""


def in_units(metres: float, moment: ZoneMoment) -> float:
    """A length (or a speed) in metres as the moment's units have it."""
    return metres if moment.metric else metres / BODY_HEIGHT_M


class ZoneRule(Protocol):
    """One rule on one zone: a pure function of moments and its own memory of them."""

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        """Take in the zone's next moment and say what began, continues or ended. Times never decrease."""
        ...

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """End whatever is open, because the camera is lost or the worker stops, and say so."""
        ...


@dataclass(frozen=True, slots=True)
class Findings:
    """What a rule found when it fires."""

    began: Instant
    score: float
    reasons: tuple[Reason, ...]
    people_count: int
    track_ids: tuple[int, ...]


class Reporter:
    """Turns findings into signals: `began` once, then `ended` once, each key unique while its behaviour lasts.

    It also holds what every rule obeys: the hours in which it may begin and the cool-down after it ended.
    """

    def __init__(self, rule: Rule, zone_id: str, config: RuleConfig, calendar: CalendarConfig) -> None:
        self._rule = rule
        self._zone_id = zone_id
        self._config = config
        self._calendar = calendar
        self._open: dict[str, Signal] = {}
        self._count = 0
        self._ended_s: float | None = None

    @property
    def open_keys(self) -> tuple[str, ...]:
        return tuple(self._open)

    def may_begin(self, moment: ZoneMoment) -> bool:
        """Whether the rule is in its hours and out of its cool-down."""
        cooled = self._ended_s is None or moment.at.mono_s - self._ended_s >= self._config.cooldown_s
        return cooled and within(self._config.active, moment.local, self._calendar)

    def begin(self, at: Instant, findings: Findings) -> Signal:
        self._count += 1
        signal = Signal(
            key=f"{self._zone_id}/{self._rule.value}/{self._count}",
            rule=self._rule,
            zone_id=self._zone_id,
            phase=Phase.BEGAN,
            severity=self._config.severity,
            score=min(1.0, max(0.0, findings.score)),
            reasons=findings.reasons,
            began=findings.began,
            captured=at,
            people_count=findings.people_count,
            track_ids=findings.track_ids,
        )
        self._open[signal.key] = signal
        return signal

    def update(self, key: str, *, people_count: int, track_ids: Iterable[int]) -> None:
        """Note what the last word about `key` shall carry: the highest count and every track that took part."""
        known = self._open[key]
        joined = dict.fromkeys((*known.track_ids, *track_ids))
        self._open[key] = replace(known, people_count=max(known.people_count, people_count), track_ids=tuple(joined))

    def end(self, key: str, at: Instant, reasons: tuple[Reason, ...]) -> Signal:
        self._ended_s = at.mono_s
        return replace(self._open.pop(key), phase=Phase.ENDED, captured=at, reasons=reasons)

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        return [self.end(key, at, (reason,)) for key in self.open_keys]


def within(hours: tuple[Hours, ...], local: datetime, calendar: CalendarConfig) -> bool:
    """Whether a local time lies in any of the hours; no hours at all mean always."""
    return not hours or any(one.contain(local, calendar) for one in hours)


def lasted(seconds: float) -> Reason:
    return Reason(code="lasted", params={"duration_s": max(0.0, seconds)})


def estimated(crowd: CrowdEstimate) -> Reason:
    """The sentence that says that nobody was counted."""
    params = {"low": crowd.low, "high": crowd.high, "figures": float(crowd.boxes)}
    return Reason(code="people_estimated", params=params)


def track_ids_of(episodes: Iterable[Episode]) -> tuple[int, ...]:
    """The newest track of each stay, each once, in order."""
    return tuple(dict.fromkeys(episode.track_ids[-1] for episode in episodes))
