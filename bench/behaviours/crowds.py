"""Crowds too dense to count: how far their estimate is off, beside detections alone, and whether a crush stays told.

Composed crowds (`bench/crowds`): real bodies on the real square. None of them is among those of the estimate's fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.crowds.scenes import Crush, Moment, after, around_middle, crush, sparse, square, walking
from bench.crowds.sprites import VIDEO, Cast, cast
from bench.crowds.watching import Eyes, Watched, square_zone, watch
from bench.scores import Interval, bootstrap
from contract.event import Phase, Rule

__all__ = ["VIDEO", "count_errors", "sparse_watch", "stories"]

WALKING = ("S1L2-1", "S2L3")
PEOPLE, PER_M2 = (15, 30, 50, 70), (1.5, 2.5, 3.5)
STANDS_S, SETTLES_S = 40.0, 15.0
"""A crush is watched for so long, of which the last part is scored; of the walking crowds all from there on."""
SPARSE_S = 30.0
"""Of the real sparse square come before every crowd, so that the camera knows how tall people look."""
RULES: dict[str, object] = {"occupancy": {"capacity": 1000}}
CAPACITY, LIMIT_PER_M2, SIDE_M = 20, 1.0, 6.0
"""Occupancy covers the whole frame, density a square with this side around the crush."""
STORY = Crush(people=60, per_m2=2.5, first_s=0.0, comes_s=60.0, goes_s=200.0, ends_s=280.0)
LATE_S = 30.0
"""An alert comes in time within so many seconds of when it is due, and ends in time likewise plus the off-delay."""


@dataclass(frozen=True, slots=True)
class CountErrors:
    """estimate, detections: median |told / true - 1| over crowds. covered: share of dense moments within the ends.

    recognised: share of moments at which the crowd was known to be too dense. tiles_ms_per_s: CPU time of tiles.
    """

    estimate: Interval
    detections: Interval
    walking: tuple[float, float]
    covered: float
    recognised: float
    tiles_ms_per_s: float


@dataclass(frozen=True, slots=True)
class SparseWatch:
    """The whole real sparse video: the share of it that was taken for too dense, and CPU time of tiles."""

    dense_share: float
    tiles_ms_per_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """Of so many stories, in how many one alert came in time, stood until people left and ended; begins in all."""

    rule: str
    stories: int
    right: int
    begins: int


@cache
def _actors() -> Cast:
    return cast()


def count_errors(seed: int, *, crowds: int | None = None) -> CountErrors:
    """Over all crowds, or the first so many."""
    eyes = Eyes()
    scenes = list(_scenes(seed))[:crowds]
    watched = [_scored(eyes, moments) for _, moments in scenes]
    ours = np.array([_off([one.told for one in some], some) for some in watched])
    plain = np.array([_off([one.counted for one in some], some) for some in watched])
    dense = [one for some in watched for one in some if one.estimate is not None]
    every = [one for some in watched for one in some]
    inside = [one.estimate.low <= one.people <= one.estimate.high for one in dense if one.estimate is not None]
    count = len(scenes)
    return CountErrors(
        bootstrap(count, lambda some: float(np.median(ours[some])), seed),
        bootstrap(count, lambda some: float(np.median(plain[some])), seed),
        (float(np.mean(ours[: len(WALKING)])), float(np.mean(plain[: len(WALKING)]))),
        float(np.mean(inside)) if inside else 0.0,
        len(dense) / max(1, len(every)),
        float(np.mean([_ms_per_s(some) for some in watched])),
    )


def sparse_watch(seconds: float = 200.0) -> SparseWatch:
    """Nobody's estimate should replace the count where people walk by ones and twos."""
    some = list(watch(Eyes(), sparse(seconds), [square_zone(RULES)]))
    share = sum(one.estimate is not None for one in some) / len(some)
    return SparseWatch(share, _ms_per_s(some), some[-1].at_s)


def stories(seed: int, *, count: int, estimates: bool) -> list[Told]:
    """A crush that forms within a minute, stands for two and a half, and leaves, told by occupancy and by density."""
    eyes = Eyes()
    zones = [square_zone({"occupancy": {"capacity": CAPACITY}})]
    density = square_zone({"density": {"limit_per_m2": LIMIT_PER_M2}}).rules
    middle = zones[0].model_copy(update={"id": "middle", "polygon": around_middle(SIDE_M), "rules": density})
    right, begins = dict.fromkeys(TOLD, 0), dict.fromkeys(TOLD, 0)
    for number in range(count):
        scene = after(sparse(SPARSE_S), crush(_actors(), STORY, seed + number))
        some = list(watch(eyes, scene, [*zones, middle], estimates=estimates, calibration=square()))
        for rule, least in TOLD.items():
            said = [signal for one in some for signal in one.signals if signal.rule is rule]
            began = [one.captured.mono_s for one in said if one.phase is Phase.BEGAN]
            ended = [one.captured.mono_s for one in said if one.phase is Phase.ENDED]
            begins[rule] += len(began)
            right[rule] += _is_right(some, least, began, ended)
    return [Told(rule.value, count, right[rule], begins[rule]) for rule in TOLD]


TOLD = {Rule.OCCUPANCY: CAPACITY, Rule.DENSITY: round(LIMIT_PER_M2 * SIDE_M**2)}
"""Above how many people each rule has something to tell."""


def _is_right(some: Sequence[Watched], least: int, began: Sequence[float], ended: Sequence[float]) -> bool:
    """One alert, begun within `LATE_S` of the tenth second above the limit, ended only once people left."""
    over = [one.at_s for one in some if one.people > least]
    due_s, gone_s = over[0] + 10.0, SPARSE_S + STORY.goes_s
    in_time = len(began) == 1 and began[0] <= due_s + LATE_S
    return in_time and len(ended) <= 1 and all(gone_s <= at_s <= over[-1] + 20.0 + LATE_S for at_s in ended)


def _scenes(seed: int) -> Iterator[tuple[str, Iterator[Moment]]]:
    for name in WALKING:
        yield name, walking(_actors(), name, seed)
    for people in PEOPLE:
        for per_m2 in PER_M2:
            scene = Crush(people, per_m2, ends_s=STANDS_S)
            yield f"{people} at {per_m2:g}/m²", crush(_actors(), scene, seed + people)


def _scored(eyes: Eyes, moments: Iterator[Moment]) -> list[Watched]:
    every = watch(eyes, after(sparse(SPARSE_S), moments), [square_zone(RULES)])
    return [one for one in every if one.at_s >= SPARSE_S + SETTLES_S and one.people > 0]


def _off(told: Sequence[float], some: Sequence[Watched]) -> float:
    return float(np.median([abs(value / one.people - 1.0) for value, one in zip(told, some, strict=True)]))


def _ms_per_s(some: Sequence[Watched]) -> float:
    """CPU milliseconds of tiled inference per second of these moments."""
    if len(some) < 2:
        return 0.0
    return sum(one.tiles_ms for one in some) / (some[-1].at_s - some[0].at_s)
