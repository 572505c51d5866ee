"""The people of a scenario: where each one is at every moment, and in which role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """times_s: (K,) increasing. points: (K, 2) metres, joined by straight lines; the person is absent before and after.

    role: for example `passer` or `loiterer`. sway_m: movement of a standing body.
    """

    times_s: Array
    points: Array
    role: str = "passer"
    height_m: float = 1.65
    sway_m: float = 0.05
    seed: int = 0

    def at(self, times_s: Array) -> Array:
        """(T, 2) metres; NaN while absent. A standing body wanders slowly by about `sway_m`."""
        here = (times_s >= self.times_s[0]) & (times_s <= self.times_s[-1])
        path = np.column_stack([np.interp(times_s, self.times_s, self.points[:, axis]) for axis in (0, 1)])
        phases = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, (2, 3))
        for axis in (0, 1):
            for phase, period_s in zip(phases[axis], (3.1, 7.7, 19.0), strict=True):
                path[:, axis] += self.sway_m * 0.8 * np.sin(2 * np.pi * times_s / period_s + phase)
        path[~here] = np.nan
        return path

    def inside(
        self, left_m: float, right_m: float, near_m: float, far_m: float, step_s: float = 0.1
    ) -> list[tuple[float, float]]:
        """The intervals (from, to) in seconds in which the path, without sway, is inside a rectangle on the ground."""
        times_s = np.arange(self.times_s[0], self.times_s[-1] + step_s, step_s)
        x, y = (np.interp(times_s, self.times_s, self.points[:, axis]) for axis in (0, 1))
        within = (x >= left_m) & (x <= right_m) & (y >= near_m) & (y <= far_m)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], within.astype(np.int8), [0]))))
        return [(float(times_s[a]), float(times_s[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@dataclass(slots=True)
class PathMaker:
    """Builds a walker's path step by step."""

    rng: Rng
    at_s: float
    where: tuple[float, float]
    times_s: list[float] = field(default_factory=list)
    points: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mark()

    def walk_to(self, x: float, y: float, speed_mps: float | None = None) -> PathMaker:
        """Walk straight, at `speed_mps` or a random walking speed (1.34 ± 0.26 m/s, Weidmann 1993)."""
        speed = speed_mps or float(np.clip(self.rng.normal(1.34, 0.26), 0.7, 2.0))
        self.at_s += max(0.05, float(np.hypot(x - self.where[0], y - self.where[1])) / speed)
        self.where = (x, y)
        self._mark()
        return self

    def stay(self, seconds: float) -> PathMaker:
        self.at_s += seconds
        self._mark()
        return self

    def linger(self, seconds: float, radius_m: float) -> PathMaker:
        """Stay around a spot: stand, drift a step or pace, at most `radius_m` from it."""
        centre, until = self.where, self.at_s + seconds
        while self.at_s < until - 1.0:
            self.stay(min(until - self.at_s, float(self.rng.exponential(12.0)) + 1.0))
            if self.at_s >= until - 1.0:
                break
            angle, reach = self.rng.uniform(0, 2 * np.pi), radius_m * float(np.sqrt(self.rng.uniform()))
            self.walk_to(centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle), 0.6)
        return self

    def done(self, role: str, **more: float) -> Walker:
        height = float(np.clip(self.rng.normal(1.63, 0.08), 1.4, 1.85))
        seed = int(self.rng.integers(1 << 31))
        return Walker(np.array(self.times_s), np.array(self.points), role, height, seed=seed, **more)

    def _mark(self) -> None:
        self.times_s.append(self.at_s)
        self.points.append(self.where)


def crossing(rng: Rng, at_s: float, *, half_width_m: float = 14.0, near_m: float = 7.0, far_m: float = 13.0) -> Walker:
    """A passer-by who crosses the street from one side to the other."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    y = float(rng.uniform(near_m, far_m))
    return (
        PathMaker(rng, at_s, (-side * half_width_m, y))
        .walk_to(side * half_width_m, y + float(rng.normal(0, 0.5)))
        .done("passer")
    )


def steady_stream(rng: Rng, duration_s: float, every_s: float) -> list[Walker]:
    """One passer-by every `every_s` seconds."""
    return [crossing(rng, float(at)) for at in np.arange(-10.0, duration_s, every_s)]


def random_stream(rng: Rng, duration_s: float, per_minute: float) -> list[Walker]:
    """Passers-by at random (Poisson) times."""
    count = rng.poisson(duration_s / 60.0 * per_minute)
    return [crossing(rng, float(at)) for at in np.sort(rng.uniform(0, duration_s, count))]


def lingering(
    rng: Rng, at_s: float, seconds: float, spot: tuple[float, float], *, radius_m: float = 1.2, role: str = "loiterer"
) -> Walker:
    """A person who arrives, lingers around a spot for `seconds`, and leaves."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    path = PathMaker(rng, at_s, (-side * 14.0, spot[1])).walk_to(*spot).linger(seconds, radius_m)
    return path.walk_to(side * 14.0, spot[1]).done(role)


def parked(rng: Rng, spot: tuple[float, float], duration_s: float) -> Walker:
    """A motorbike that the detector takes for a person."""
    return PathMaker(rng, 0.0, spot).stay(duration_s).done("parked", sway_m=0.0)


def total(*groups: Sequence[Walker]) -> list[Walker]:
    return [walker for group in groups for walker in group]
