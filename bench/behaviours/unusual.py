"""Unusual count on a simulated place: overdispersed, autocorrelated counts by the hour of the week, with surges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import numpy.typing as npt

from bench.scores import Interval, bootstrap
from contract.clock import Instant
from contract.event import Phase
from edge.config.hours import CalendarConfig
from edge.config.rules import UnusualCountConfig
from edge.config.zones import ZoneConfig
from edge.learned.state import ZoneLearned
from edge.presence.episodes import BoxJitter, Episode, Path, Presence
from edge.rules.base import RuleContext
from edge.rules.learner import ZoneLearner
from edge.rules.moment import ZoneMoment
from edge.rules.unusual_count import UnusualCountRule

Array = npt.NDArray[np.float64]
STEP_S = 10.0
STARTS_AT = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)  # Monday 00:00 in Jakarta
LEARN_DAYS, SCORE_DAYS = 15, 14
SURGE_S = 1200.0
FOUND_WITHIN_S = 600.0
POLYGON = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))


@dataclass(frozen=True, slots=True)
class Counted:
    """One camera: false alarms of ours and of a Poisson limit per day, surges, surges found within ten minutes."""

    days: float
    false_alarms: int
    poisson_alarms: int
    surges: int
    found: int


def usual_by_hour(rng: np.random.Generator) -> Array:
    """(168,) the usual count of each hour of the week: quiet nights, a morning and an evening peak, other weekends."""
    hours = np.arange(168)
    day, hour = hours // 24, hours % 24
    base = 2.0 + 6.0 * np.exp(-(((hour - 8) / 2.0) ** 2)) + 12.0 * np.exp(-(((hour - 18.5) / 2.5) ** 2))
    base = np.where(hour < 5, 1.0, base) * np.where(day >= 5, 1.3, 1.0)
    usual: Array = base * float(rng.uniform(0.7, 1.6))
    return usual


def counts(rng: np.random.Generator, days: int) -> tuple[Array, Array]:
    """(counts, usual) each `STEP_S`: a negative binomial, whose level wanders within hours and from day to day.

    The level's logarithm is the sum of a day effect (sigma 0.1) and a first-order autoregressive process (sigma 0.2,
    correlation time 20 min); people stay about five minutes, so that counts resemble their predecessors.
    """
    steps = int(days * 86_400 / STEP_S)
    usual = usual_by_hour(rng)[(np.arange(steps) * STEP_S / 3600).astype(int) % 168]
    keep = math.exp(-STEP_S / 1200.0)
    noise = rng.normal(0, 0.2 * math.sqrt(1 - keep * keep), steps)
    level = np.empty(steps)
    value = 0.0
    for step in range(steps):
        value = keep * value + noise[step]
        level[step] = value
    daily = rng.normal(0, 0.1, days)[(np.arange(steps) * STEP_S // 86_400).astype(int)]
    rate = usual * np.exp(level + daily - 0.5 * (0.2**2 + 0.1**2))
    return _occupants(rng, rate), usual


def _occupants(rng: np.random.Generator, rate: Array) -> Array:
    """People present when the mean number present is `rate` and everybody stays 300 s on average."""
    leave = STEP_S / 300.0
    arrivals = rng.poisson(rate * leave)
    present = np.empty(len(rate))
    here = int(rate[0])
    for step in range(len(rate)):
        here = int(rng.binomial(here, 1 - leave)) + int(arrivals[step])
        present[step] = here
    return present


def one_camera(seed: int) -> Counted:
    """A fortnight of learning, then one that is scored, with a threefold surge at a busy hour of every second day.

    In a surge twice the usual number of people come on top and stay for twenty minutes.
    """
    rng = np.random.default_rng(seed)
    seen, usual = counts(rng, LEARN_DAYS + SCORE_DAYS)
    surges: list[float] = []
    for day in range(LEARN_DAYS, LEARN_DAYS + SCORE_DAYS, 2):
        at_s = day * 86_400 + float(rng.choice([7.5, 17.0, 19.0])) * 3600 + float(rng.uniform(0, 900))
        first, last = int(at_s / STEP_S), int((at_s + SURGE_S) / STEP_S)
        seen[first:last] += np.round(2.0 * usual[first])
        surges.append(first * STEP_S)
    ours, poisson = _alarms(seen, usual)
    found = [any(0 <= alarm - surge <= FOUND_WITHIN_S for alarm in ours) for surge in surges]
    return Counted(
        days=float(SCORE_DAYS),
        false_alarms=sum(not _in_surge(alarm, surges) for alarm in ours),
        poisson_alarms=sum(not _in_surge(alarm, surges) for alarm in poisson),
        surges=len(surges),
        found=sum(found),
    )


def _in_surge(alarm_s: float, surges: list[float]) -> bool:
    return any(0 <= alarm_s - surge <= SURGE_S + 120.0 for surge in surges)


def _alarms(seen: Array, usual: Array) -> tuple[list[float], list[float]]:
    zone = ZoneConfig.model_validate({"id": "z", "name": "z", "polygon": POLYGON, "rules": {"unusual_count": {}}})
    rule = UnusualCountRule(RuleContext(zone, CalendarConfig()), UnusualCountConfig())
    learned = ZoneLearned(POLYGON)
    learner = ZoneLearner(learned)
    ours: list[float] = []
    poisson: list[float] = []
    quiet_until = 0.0
    limits = {mean: _poisson_limit(mean) for mean in set(usual.tolist())}
    people = [_somebody(number) for number in range(int(seen.max()) + 1)]
    start = Instant(0.0, STARTS_AT)
    for step, count in enumerate(seen.astype(int).tolist()):
        at_s = step * STEP_S
        at = start.shifted(at_s)
        present = Presence(at, (), (), (), tuple(people[:count]))
        local = (STARTS_AT + timedelta(seconds=at_s, hours=7)).replace(tzinfo=None)
        moment = ZoneMoment(at=at, local=local, presence=present, metric=False, learned=learned)
        ours.extend(one.captured.mono_s for one in rule.observe(moment) if one.phase is Phase.BEGAN)
        learner.observe(moment, unusual=rule.suppresses_learning, special=False)
        if at_s >= LEARN_DAYS * 86_400 and at_s >= quiet_until and count > limits[float(usual[step])]:
            poisson.append(at_s)
            quiet_until = at_s + 600.0
    return ours, poisson


def _poisson_limit(mean: float) -> int:
    """The 99.9 % point of a Poisson distribution with the true mean: as good as that rule can ever know it."""
    chance = total = math.exp(-mean)
    count = 0
    while total < 0.999:
        count += 1
        chance *= mean / count
        total += chance
    return count


def _somebody(number: int) -> Episode:
    at = Instant(0.0, STARTS_AT)
    return Episode(number + 1, at, at, [number + 1], Path(), BoxJitter(), (0.5, 0.5), 1.0)


def unusual_count(seeds: Sequence[int], *, cameras: int) -> tuple[Interval, Interval, Interval]:
    """(false alarms per camera-day, the Poisson rule's, recall of surges in ten minutes), so many cameras per seed."""
    each = [one_camera(seed * 100 + number) for seed, number in product(seeds, range(cameras))]

    def mean(values: list[float]) -> Interval:
        array = np.array(values)
        return bootstrap(len(each), lambda some: float(array[some].mean()), seeds[0])

    return (
        mean([one.false_alarms / one.days for one in each]),
        mean([one.poisson_alarms / one.days for one in each]),
        mean([one.found / one.surges for one in each]),
    )
