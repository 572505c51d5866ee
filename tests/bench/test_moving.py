from __future__ import annotations

import numpy as np

from bench.behaviours.moving import counter_flow_scene, running, running_scene
from bench.scenarios.people import PathMaker
from bench.scenarios.sensor import Sensor, watch


def test_only_the_true_scenes_have_somebody_who_runs_or_walks_against_the_stream() -> None:
    rng = np.random.default_rng(1)

    assert [running_scene(rng, positive=yes)[0].role for yes in (True, False)] == ["runner", "brisk"]
    assert [counter_flow_scene(rng, positive=yes)[0].role for yes in (True, False)] == ["against", "hesitant"]


def test_runners_are_found_more_truly_than_by_single_steps() -> None:
    scored = running((1,), scenes=10)

    assert scored.ours.true == 5
    assert scored.ours.f1.value > scored.naive.f1.value


def test_hard_gaps_leave_a_stander_unseen_for_longer() -> None:
    stander = PathMaker(np.random.default_rng(1), 0.0, (0.0, 10.0)).stay(600.0).done("loiterer")

    def seen(hard_gap_s: float | None) -> int:
        sensor = Sensor(miss=0.0, id_life_s=10.0, hard_gap_s=hard_gap_s)
        return sum(len(one.walkers) for one in watch([stander], 600.0, sensor, 1))

    assert seen(8.0) < seen(None) < 3000
