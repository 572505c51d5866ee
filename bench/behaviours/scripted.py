"""Revisit, group, gathering and dispersal on scripted scenes; half of them only resemble the behaviour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.behaviours.matching import Figures, Matched, figures, match
from bench.scenarios.acts import (
    ZONE_M,
    dispersal_scene,
    gathering_scene,
    group_scene,
    revisit_scene,
)
from bench.scenarios.people import Walker
from bench.scenarios.sensor import Sensor, watch
from bench.scores import Interval, bootstrap
from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.rules.engine import CameraBehaviours
from edge.signals import Signal

Ints = npt.NDArray[np.int64]
HOLD_S = 20.0
"""A gathering is due when it has lasted this long (the default of `gathering.hold_s`)."""


def signals_of(
    walkers: Sequence[Walker], rules: dict[str, object], duration_s: float, sensor: Sensor, seed: int
) -> list[Signal]:
    """The signals that begin in a scene, for one camera with these rules on the scene's zone."""
    zone = {"id": "gang", "name": "Gang", "polygon": sensor.camera.zone(*ZONE_M), "rules": rules}
    camera = CameraBehaviours([ZoneConfig.model_validate(zone)])
    said = [one for sight in watch(walkers, duration_s, sensor, seed) for one in camera.observe(sight.observation)]
    return [one for one in said if one.phase is Phase.BEGAN]


def revisit_and_group(seed: int, *, scenes: int = 200) -> tuple[Interval, Interval, Interval]:
    """F1 (both, revisit, group): a scene is right if its rule fires exactly when it should, once."""
    truth, called, kind = [], [], []
    for number in range(scenes):
        rng = np.random.default_rng((seed, number))
        positive, revisit = number % 4 < 2, number % 2 == 0
        walkers = (revisit_scene if revisit else group_scene)(rng, positive=positive)
        rules: dict[str, object] = {"revisit": {}} if revisit else {"group": {}}
        sensor = Sensor(fps=3.0, miss=0.2, id_life_s=30.0)
        duration_s = min(1500.0, max(float(one.times_s[-1]) for one in walkers) + 20.0)
        found = len(signals_of(walkers, rules, duration_s, sensor, seed * 1000 + number))
        truth.append(int(positive))
        called.append(found)
        kind.append(revisit)
    wanted, got, revisits = np.array(truth), np.array(called), np.array(kind)

    def f1(mask: npt.NDArray[np.bool_]) -> Interval:
        some_truth, some_got = wanted[mask], got[mask]
        return bootstrap(len(some_truth), lambda some: _f1_of_counts(some_truth[some], some_got[some]), seed)

    return f1(np.ones(scenes, dtype=np.bool_)), f1(revisits), f1(~revisits)


def _f1_of_counts(truth: Ints, found: Ints) -> float:
    """F1, where a second alert for a scene is a false one."""
    right = int(np.minimum(truth, found).sum())
    return 2.0 * right / max(1, int(truth.sum()) + int(found.sum()))


def gathering(seed: int, *, scenes: int) -> Figures:
    """Events of gathering scenes; due when the fourth person to arrive has stayed for the hold."""
    counted: list[Matched] = []
    for number in range(scenes):
        rng = np.random.default_rng((seed, 1, number))
        walkers, needed_s = gathering_scene(rng, positive=number % 2 == 0)
        sensor = Sensor(fps=5.0, miss=0.2, id_life_s=30.0)
        found = signals_of(walkers, {"gathering": {}}, 420.0, sensor, seed * 1000 + number)
        due = [] if needed_s is None else [needed_s + HOLD_S]
        counted.append(match(due, [one.captured.mono_s for one in found], early_s=20.0))
    return figures(counted, seed)


def dispersal(seed: int, *, scenes: int) -> Figures:
    """Events of dispersal scenes; due when the crowd starts to run."""
    counted: list[Matched] = []
    for number in range(scenes):
        rng = np.random.default_rng((seed, 2, number))
        walkers, panic_s = dispersal_scene(rng, positive=number % 2 == 0)
        sensor = Sensor(fps=5.0, miss=0.2, id_life_s=30.0)
        found = signals_of(walkers, {"dispersal": {}}, 150.0, sensor, seed * 1000 + number)
        due = [] if panic_s is None else [panic_s]
        counted.append(match(due, [one.captured.mono_s for one in found], early_s=0.0, late_s=10.0))
    return figures(counted, seed)
