"""What judged alerts suggest for the settings of their zone. Nobody applies it but people.

Only settings whose whole course an alert records can be judged: how long a stay lasted in the end, the score of
its path, the highest count of a crowd. What an alert carries at its beginning lies at the threshold by construction and
says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract.event import Rule
from contract.verdict import VerdictKind
from server.precision.estimates import Estimate, share
from server.precision.tally import is_right
from server.precision.thresholds import MIN_VERDICTS, Raise, Sample, suggest_raise
from server.store.precision import Course


class Setting(StrEnum):
    """Settings of zones that alerts can tell about, as the device's configuration names them."""

    THRESHOLD_S = "threshold_s"
    NIGHT_THRESHOLD_S = "night_threshold_s"
    MIN_SCORE = "min_score"
    CAPACITY = "capacity"
    MIN_PEOPLE = "min_people"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A setting that might better be higher. present: what it was for these alerts, None where they do not say.

    now: the precision of the judged alerts as they are. snippet: YAML for the zone's rules.
    """

    setting: Setting
    present: float | None
    suggested: float
    judged: int
    now: Estimate
    raised: Raise
    snippet: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Judged alerts under one value of one setting; `value` is theirs, in its unit."""

    setting: Setting
    present: float | None
    value: Callable[[Course], float | None]
    alerts: Sequence[Course]


def suggestions(rule: Rule, judged: Sequence[Course]) -> list[Suggestion]:
    """What the alerts of one rule in one zone suggest, each for itself: two together were not weighed."""
    newest = max(judged, key=lambda one: one.captured_at).config_sha256 if judged else None
    found = []
    for group in _groups(rule, judged):
        samples = list(_samples(rule, group, newest))
        raised = suggest_raise(samples, _candidates(group, samples))
        if raised is not None:
            now = share(sum(one.useful for one in samples), sum(not one.useful for one in samples))
            suggested = _setting_of(group.setting, raised.at)
            snippet = f"{rule.value}:\n  {group.setting.value}: {suggested:g}\n"
            found.append(Suggestion(group.setting, group.present, suggested, len(samples), now, raised, snippet))
    return found


def verdicts_needed(rule: Rule, judged: Sequence[Course]) -> int | None:
    """How many more verdicts that count until something can be suggested; None for a rule that never suggests."""
    if rule not in _GROUPS:
        return None
    most = max((len(list(_samples(rule, group, None))) for group in _groups(rule, judged)), default=0)
    return max(0, MIN_VERDICTS - most)


def _groups(rule: Rule, judged: Sequence[Course]) -> Iterable[_Group]:
    return _GROUPS[rule](judged) if rule in _GROUPS else ()


def _samples(rule: Rule, group: _Group, newest: str | None) -> Iterator[Sample]:
    for alert in group.alerts:
        right = None if alert.verdict is None else is_right(rule, VerdictKind(alert.verdict))
        value = group.value(alert)
        if right is not None and value is not None:
            yield Sample(value, right, newest=alert.config_sha256 == newest)


def _loitering(judged: Sequence[Course]) -> Iterator[_Group]:
    """Stays that passed a limit of the settings, by that limit; those that passed a learned one tell of none."""
    limits: dict[tuple[Setting, float], list[Course]] = {}
    for alert in judged:
        limit_s = alert.param("stayed_over_threshold", "threshold_s")
        if limit_s is not None:
            night = alert.has("by_night")
            setting = Setting.NIGHT_THRESHOLD_S if night else Setting.THRESHOLD_S
            limits.setdefault((setting, limit_s), []).append(alert)
    for (setting, limit_s), alerts in limits.items():
        yield _Group(setting, limit_s, _stayed_s, alerts)
    yield _Group(Setting.MIN_SCORE, None, lambda alert: alert.score, judged)


def _occupancy(judged: Sequence[Course]) -> Iterator[_Group]:
    capacities: dict[float, list[Course]] = {}
    for alert in judged:
        capacity = alert.param("people_over_capacity", "capacity")
        if capacity is not None:
            capacities.setdefault(capacity, []).append(alert)
    for capacity, alerts in capacities.items():
        yield _Group(Setting.CAPACITY, capacity, lambda alert: float(alert.people_count), alerts)


def _group(judged: Sequence[Course]) -> Iterator[_Group]:
    yield _Group(Setting.MIN_PEOPLE, None, lambda alert: float(alert.people_count), judged)


_GROUPS: dict[Rule, Callable[[Sequence[Course]], Iterator[_Group]]] = {
    Rule.LOITERING: _loitering,
    Rule.OCCUPANCY: _occupancy,
    Rule.GROUP: _group,
}


RULES = tuple(rule.value for rule in _GROUPS)
"""The rules of which alerts tell enough."""


def _stayed_s(alert: Course) -> float | None:
    """How long the stay lasted; where the camera was lost in its course, at least so long; None before its end."""
    if alert.stayed_s is not None:
        return alert.stayed_s
    return None if alert.ended_at is None else (alert.ended_at - alert.began_at).total_seconds()


def _candidates(group: _Group, samples: Sequence[Sample]) -> list[float]:
    """Round values above the present one (or the lowest seen) up to the highest seen."""
    lowest = min((one.value for one in samples), default=0.0)
    highest = max((one.value for one in samples), default=0.0)
    above = max(lowest, group.present or 0.0)
    return [value for value in round_values(group.setting) if above < value <= highest]


def round_values(setting: Setting) -> list[float]:
    """The values that may be suggested for a setting, ascending: a person wants round numbers, not 137.4 s."""
    match setting:
        case Setting.MIN_SCORE:
            return [number / 20 for number in range(1, 20)]
        case Setting.CAPACITY | Setting.MIN_PEOPLE:
            return [float(number) for number in range(2, 1001)]
        case _:
            return [float(value) for value in (*range(15, 300, 15), *range(300, 900, 30), *range(900, 14_400, 60))]


def _setting_of(setting: Setting, at: float) -> float:
    """The setting's value under which alerts come from `at` on: a crowd has to exceed the capacity."""
    return at - 1.0 if setting is Setting.CAPACITY else at
