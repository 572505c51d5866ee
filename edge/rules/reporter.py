"""`Reporter`: turns what a rule finds into signals, each of which begins once and ends once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from contract.clock import Instant
from contract.event import Phase, Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig, Hours
from edge.config.rules import RuleConfig
from edge.crowds.crowd_count import CrowdEstimate
from edge.presence.episodes import Episode
from edge.rules.moment import ZoneMoment
from edge.signals import Signal


@dataclass(frozen=True, slots=True)
class Findings:
    """What a rule found when it fires.

    began: when the behaviour began, earlier than the moment of firing. score: how clear the case is, cut to 0..1.
    people_count: people involved. track_ids: their tracks.
    """

    began: Instant
    score: float
    reasons: tuple[Reason, ...]
    people_count: int
    track_ids: tuple[int, ...]


class Reporter:
    """Makes the signals of one rule on one zone, with keys that are unique within the camera.

    It also applies what all rules share: the hours in which they may begin and the cool-down after an end.
    """

    def __init__(self, kind: Rule, zone_id: str, config: RuleConfig, calendar: CalendarConfig) -> None:
        self._kind = kind
        self._zone_id = zone_id
        self._config = config
        self._calendar = calendar
        self._open: dict[str, Signal] = {}
        self._count = 0
        self._ended_s: float | None = None

    def may_begin(self, moment: ZoneMoment) -> bool:
        """Whether a signal may begin now: within the rule's hours and after the cool-down."""
        cooled = self._ended_s is None or moment.at.mono_s - self._ended_s >= self._config.cooldown_s
        return cooled and is_within(self._config.active, moment.local, self._calendar)

    def begin(self, moment: ZoneMoment, findings: Findings) -> Signal:
        """A new signal. Ask `may_begin` first; keep its `key` for `update` and `end`."""
        self._count += 1
        signal = Signal(
            key=f"{self._zone_id}/{self._kind.value}/{self._count}",
            rule=self._kind,
            zone_id=self._zone_id,
            phase=Phase.BEGAN,
            severity=self._config.severity,
            score=min(1.0, max(0.0, findings.score)),
            reasons=findings.reasons,
            began=findings.began,
            captured=moment.at,
            people_count=findings.people_count,
            track_ids=findings.track_ids,
        )
        self._open[signal.key] = signal
        return signal

    def update(self, key: str, *, people_count: int, track_ids: Iterable[int] = ()) -> None:
        """Note people for the signal's end, which carries the highest count and every track that took part."""
        known = self._open[key]
        joined = dict.fromkeys((*known.track_ids, *track_ids))
        self._open[key] = replace(known, people_count=max(known.people_count, people_count), track_ids=tuple(joined))

    def end(self, key: str, at: Instant, reasons: tuple[Reason, ...]) -> Signal:
        """The signal's end; the cool-down starts."""
        self._ended_s = at.mono_s
        return replace(self._open.pop(key), phase=Phase.ENDED, captured=at, reasons=reasons)

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """The ends of all open signals."""
        return [self.end(key, at, (reason,)) for key in tuple(self._open)]


def is_within(hours: tuple[Hours, ...], local: datetime, calendar: CalendarConfig) -> bool:
    """Whether a local time lies in any of the hours; an empty tuple means always."""
    return not hours or any(one.contain(local, calendar) for one in hours)


def lasted(since: Instant, until: Instant) -> Reason:
    """How long a behaviour has lasted."""
    return Reason(code="lasted", params={"duration_s": max(0.0, until.mono_s - since.mono_s)})


def people_estimated(crowd: CrowdEstimate) -> Reason:
    """That the crowd's size is an estimate and not a count."""
    params = {"low": crowd.low, "high": crowd.high, "figures": float(crowd.boxes)}
    return Reason(code="people_estimated", params=params)


def latest_track_ids(episodes: Iterable[Episode]) -> tuple[int, ...]:
    """The newest track of each episode, without repetition, in order."""
    return tuple(dict.fromkeys(episode.track_ids[-1] for episode in episodes))
