"""How much of what is worth an alert a rule finds, from a random sample of the stays that did not alert.

A stay picked with chance c stands for 1 / c of its kind (Horvitz and Thompson, 1952), a judged alert for those that
were not. Useful alerts and useful spot checks are both counts of rare things that were thinned by known shares; given
their sum, the part that came from alerts is binomial. So its Beta posterior, stretched by the two weights, is the
posterior of the share found: exact, and without drawing numbers.

It covers only stays that can become spot checks, at least half as long as the limit. Nobody looks at shorter ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.precision.estimates import CREDIBLE, JEFFREYS, Estimate, beta_quantile

MIN_SPOT_CHECKS = 10
"""Judged spot checks below which no share is given."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert or a spot check. useful: None without a verdict, or with one that does not count.

    chance: with which a spot check was picked, 1 for an alert.
    """

    at: datetime
    useful: bool | None
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one zone: weights of the useful alerts and useful spot checks of one period, and of all judged spot checks.

    spot_checked: judged spot checks that count, of the whole time.
    """

    found: tuple[float, ...] = ()
    missed: tuple[float, ...] = ()
    judged: tuple[float, ...] = ()
    spot_checked: int = 0


@dataclass(frozen=True, slots=True)
class Recall:
    """share: None until `MIN_SPOT_CHECKS` are judged. missed: estimate of the stays that should have alerted."""

    share: Estimate | None
    spot_checked: int
    missed: float


def evidence(alerts: Iterable[Seen], spot_checks: Sequence[Seen]) -> Evidence:
    """The evidence of one zone, from its first spot check to its last: between them spot checks were certainly on.

    The first one opens that time and does not count in it, for without it there would be no such time.
    """
    ordered = sorted(spot_checks, key=lambda one: one.at)
    spot_checked = sum(one.useful is not None for one in ordered)
    if len(ordered) < 2:
        return Evidence(spot_checked=spot_checked)
    first, last = ordered[0].at, ordered[-1].at
    judged = _weights(ordered[1:])
    found = _weights([one for one in alerts if first < one.at <= last])
    return Evidence(
        tuple(weight for weight, useful in found if useful),
        tuple(weight for weight, useful in judged if useful),
        tuple(weight for weight, _ in judged),
        spot_checked,
    )


def recall_of(places: Iterable[Evidence]) -> Recall | None:
    """The share found in all these zones together; None where nothing was spot checked."""
    those = list(places)
    spot_checked = sum(one.spot_checked for one in those)
    if spot_checked == 0:
        return None
    found = [weight for one in those for weight in one.found]
    missed = [weight for one in those for weight in one.missed]
    judged = [weight for one in those for weight in one.judged]
    share = _share(found, missed, judged) if spot_checked >= MIN_SPOT_CHECKS and judged else None
    return Recall(share, spot_checked, sum(missed))


def _weights(seen: Sequence[Seen]) -> list[tuple[float, bool]]:
    """Of each that was judged: for how many it stands, and whether it was useful."""
    judged = [one for one in seen if one.useful is not None]
    return [(len(seen) / len(judged) / one.chance, bool(one.useful)) for one in judged]


def _share(found: Sequence[float], missed: Sequence[float], judged: Sequence[float]) -> Estimate:
    found_count, found_weight = _effective(found, found or (1.0,))
    missed_count, missed_weight = _effective(missed, missed or judged)
    a, b = found_count + JEFFREYS, missed_count + JEFFREYS
    tail = (1.0 - CREDIBLE) / 2.0

    def stretched(part: float) -> float:
        return part * found_weight / (part * found_weight + (1.0 - part) * missed_weight)

    low = 0.0 if not found else stretched(beta_quantile(tail, a, b))
    high = 1.0 if not missed else stretched(beta_quantile(1.0 - tail, a, b))
    return Estimate(stretched(a / (a + b)), low, high)


def _effective(counted: Sequence[float], typical: Sequence[float]) -> tuple[float, float]:
    """How many equal ones tell as much as these (Kish), and the weight of one, which `typical` ones give."""
    weight = sum(one * one for one in typical) / sum(typical)
    return sum(counted) / weight, weight
