"""Where a threshold might better lie, from alerts that people judged. It only ever suggests; a person changes settings.

Alerts exist only above the present threshold, so they can tell what raising it would cut and what it would lose, and
nothing of what lies below. A suggestion has to hold against chance: what it cuts must be useful more rarely than what
it keeps (Fisher's exact test). It is stricter than usual there, because many values are tried and the best is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.precision.estimates import Estimate, share, surely_at_most

MIN_VERDICTS = 30
"""Verdicts that count for or against the rule, below which nothing is suggested."""
MAX_LOST = 0.15
"""Of the useful alerts, the share that a suggestion may cost: the upper end of the interval, not what was seen."""
MIN_CUT = 0.2
"""Of the alerts that were not useful, the share that it must have cut: less is not worth a change."""
CHANCE = 0.01
"""How likely chance alone may explain that what is cut was useful more rarely than what is kept."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A judged alert as a threshold sees it: it would come wherever the threshold is at most `value`.

    newest: raised under the newest configuration of its place, so a suggestion that was taken is not made again.
    """

    value: float
    useful: bool
    newest: bool = True


@dataclass(frozen=True, slots=True)
class Split:
    """What a threshold keeps and cuts of judged alerts."""

    kept_useful: int
    kept_other: int
    cut_useful: int
    cut_other: int


@dataclass(frozen=True, slots=True)
class Raise:
    """A higher threshold `at`, what it would have done to the judged alerts, and the precision to expect of it."""

    at: float
    split: Split
    precision: Estimate
    lost: Estimate


def suggest_raise(samples: Sequence[Sample], candidates: Iterable[float]) -> Raise | None:
    """The candidate that cuts most alerts that were not useful, of those that cost few useful ones; None if none does.

    Of candidates that cut equally many the one that costs least is taken, then the lowest.
    """
    if len(samples) < MIN_VERDICTS:
        return None
    splits = [(at, split_at(samples, at)) for at in candidates if any(one.newest and one.value < at for one in samples)]
    good = [(at, split) for at, split in splits if _is_worth_it(split)]
    if not good:
        return None
    at, split = min(good, key=lambda one: (-one[1].cut_other, one[1].cut_useful, one[0]))
    kept, lost = share(split.kept_useful, split.kept_other), share(split.cut_useful, split.kept_useful)
    return Raise(at, split, kept, lost)


def split_at(samples: Iterable[Sample], at: float) -> Split:
    """What a threshold at `at` keeps and cuts."""
    counts = {(kept, useful): 0 for kept in (True, False) for useful in (True, False)}
    for one in samples:
        counts[one.value >= at, one.useful] += 1
    return Split(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def _is_worth_it(split: Split) -> bool:
    other = split.kept_other + split.cut_other
    if split.cut_other < MIN_CUT * other or split.cut_useful > MAX_LOST * split.kept_useful:
        return False
    if fisher_p(split.cut_useful, split.cut_other, split.kept_useful, split.kept_other) > CHANCE:
        return False
    return surely_at_most(split.cut_useful, split.kept_useful, MAX_LOST)


def fisher_p(hits_here: int, misses_here: int, hits_there: int, misses_there: int) -> float:
    """How likely chance alone makes hits so rare `here`, or rarer, if both places are alike (Fisher's exact test)."""
    here, hits = hits_here + misses_here, hits_here + hits_there
    everything = here + hits_there + misses_there
    least = max(0, here - (everything - hits))
    ways = sum(math.comb(hits, k) * math.comb(everything - hits, here - k) for k in range(least, hits_here + 1))
    return ways / math.comb(everything, here)
