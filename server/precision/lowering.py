"""Where a threshold might better lie lower: only spot checks can say, for below it there are no alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contract.event import Rule
from contract.verdict import VerdictKind
from server.precision.estimates import Estimate, share, surely_at_most
from server.precision.suggestions import Setting, round_values
from server.precision.tally import is_right
from server.store.precision import Course

MIN_JUDGED = 20
"""Judged spot checks among those that a lower threshold would add, below which nothing is suggested."""
LEAST_USEFUL = 0.5
"""Of what is added, the share that must be useful, at the lower end of its interval: at most half may be false."""


@dataclass(frozen=True, slots=True)
class Lowering:
    """A setting that might better be lower.

    added_useful, added_other: judged spot checks that would have alerted. more: alerts that it would have added, about.
    precision: of what it adds. snippet: YAML for the zone's rules.
    """

    setting: Setting
    present: float
    suggested: float
    added_useful: int
    added_other: int
    more: float
    precision: Estimate
    snippet: str


@dataclass(frozen=True, slots=True)
class _SpotCheck:
    value: float
    useful: bool | None
    weight: float
    newest: bool


def lowerings(rule: Rule, spot_checks: Sequence[Course]) -> list[Lowering]:
    """What the spot checks of one rule in one zone suggest, each for itself."""
    newest = max(spot_checks, key=lambda one: one.captured_at).config_sha256 if spot_checks else None
    found = []
    for setting, present, group in _groups(spot_checks):
        known = [_spot_check(rule, value, one, newest) for value, one in group]
        # No stay below half of the limit becomes a spot check: nobody ever looked at what would be added there.
        least = 0.0 if setting is Setting.MIN_SCORE else present / 2.0
        values = (value for value in round_values(setting) if least <= value < present)
        weighed = (_weighed(setting, present, at, [one for one in known if one.value >= at]) for at in values)
        good = [one for one in weighed if one is not None]
        if good:  # what gains most; of values that gain the same, the least change
            found.append(max(good, key=lambda one: (one.added_useful - one.added_other, one.suggested)))
    return found


def _groups(spot_checks: Sequence[Course]) -> Iterator[tuple[Setting, float, list[tuple[float, Course]]]]:
    """Short stays by the limit that they missed; stays long enough by the score that they lacked."""
    groups: dict[tuple[Setting, float], list[tuple[float, Course]]] = {}
    for one in spot_checks:
        limit_s, needed = one.param("shorter_than_threshold", "threshold_s"), one.param("looked_like_passing", "needed")
        dwell_s = one.param("stayed", "dwell_s")
        if limit_s is not None and dwell_s is not None and needed is None:
            setting = Setting.NIGHT_THRESHOLD_S if one.has("by_night") else Setting.THRESHOLD_S
            groups.setdefault((setting, limit_s), []).append((dwell_s, one))
        elif needed is not None and limit_s is None and not one.has("usual_stay_here"):
            groups.setdefault((Setting.MIN_SCORE, needed), []).append((one.score, one))
    for (setting, present), group in groups.items():
        yield setting, present, group


def _spot_check(rule: Rule, value: float, one: Course, newest: str | None) -> _SpotCheck:
    useful = None if one.verdict is None else is_right(rule, VerdictKind(one.verdict))
    return _SpotCheck(value, useful, 1.0 / (one.spot_check_chance or 1.0), one.config_sha256 == newest)


def _weighed(setting: Setting, present: float, at: float, added: Sequence[_SpotCheck]) -> Lowering | None:
    judged = [one for one in added if one.useful is not None]
    if len(judged) < MIN_JUDGED or not any(one.newest for one in added):
        return None
    total, squares = _sum(judged, lambda one: one.weight), _sum(judged, lambda one: one.weight**2)
    useful = _sum(judged, lambda one: one.weight if one.useful else 0.0) / total
    effective = total * total / squares
    hits, misses = useful * effective, (1.0 - useful) * effective
    if not surely_at_most(misses, hits, 1.0 - LEAST_USEFUL):
        return None
    return Lowering(
        setting=setting,
        present=present,
        suggested=at,
        added_useful=sum(one.useful is True for one in judged),
        added_other=sum(one.useful is False for one in judged),
        more=_sum(added, lambda one: one.weight),
        precision=share(hits, misses),
        snippet=f"{Rule.LOITERING.value}:\n  {setting.value}: {at:g}\n",
    )


def _sum(spot_checks: Sequence[_SpotCheck], of: Callable[[_SpotCheck], float]) -> float:
    return sum(of(one) for one in spot_checks)
