from __future__ import annotations

import time

import numpy as np
import pytest

from bench.behaviours.loitering import ZONE_M, due, passers_by, zone
from bench.behaviours.matching import figures, match
from bench.behaviours.naive import timer_per_id
from bench.scenarios.camera import SimulatedCamera
from bench.scenarios.people import Walker, crossing, lingering, parked, steady_stream
from bench.scenarios.sensor import Sensor, watch
from bench.scores import area_under_roc, best_f1_cut, bootstrap, f1_at
from edge.config.rules import LoiteringConfig
from edge.geometry import Polygon
from edge.rules.staying_model import F1_CUT


def people(seed: int = 1) -> list[Walker]:
    rng = np.random.default_rng(seed)
    return [lingering(rng, 5.0, 90.0, (0.0, 10.0)), *(crossing(rng, float(at)) for at in range(0, 100, 10))]


def test_the_same_seed_gives_the_same_observations_and_another_seed_others() -> None:
    def boxes(seed: int) -> list[list[list[float]]]:
        return [one.observation.people.boxes_xyxyn.tolist() for one in watch(people(), 60.0, Sensor(), seed)]

    assert boxes(3) == boxes(3)
    assert boxes(3) != boxes(4)


def test_an_hour_of_a_street_takes_about_a_second_of_processor_time() -> None:
    walkers = steady_stream(np.random.default_rng(1), 3600.0, 5.0)
    began = time.process_time()
    count = sum(1 for _ in watch(walkers, 3600.0, Sensor(), 1))

    assert count == 18_000
    assert time.process_time() - began < 5.0


def test_a_simulated_person_is_seen_at_her_place_and_with_her_height() -> None:
    camera = SimulatedCamera()
    walker = lingering(np.random.default_rng(2), 0.0, 60.0, (1.0, 9.0), radius_m=0.1)
    sensor = Sensor(miss=0.0, jitter=0.0, id_life_s=None)
    seen = list(watch([walker], 40.0, sensor, 1))[150].observation
    (foot,) = seen.people.foot_points_xyn

    truth = walker.at(np.array([seen.captured.mono_s]))
    assert foot == pytest.approx(camera.to_frame(truth)[0], abs=0.003)
    assert seen.people.track_ids.tolist() == [1]


def test_misses_breaks_and_dropped_frames_come_at_their_rates() -> None:
    walker = lingering(np.random.default_rng(2), -60.0, 1200.0, (1.0, 9.0))
    seen = list(watch([walker], 900.0, Sensor(miss=0.3, id_life_s=20.0, drop=0.1), 5))
    shown = sum(len(one.observation.people) for one in seen)
    ids = {track for one in seen for track in one.observation.people.track_ids.tolist()}

    assert len(seen) == pytest.approx(4500 * 0.9, rel=0.03)
    assert 0.5 < shown / len(seen) < 0.7
    assert 25 < len(ids) < 60


def test_who_stands_behind_somebody_is_not_detected() -> None:
    rng = np.random.default_rng(3)
    near = lingering(rng, -60.0, 300.0, (0.0, 8.0), radius_m=0.0)
    behind = Walker(near.times_s, near.points + np.array([0.0, 0.5]), "hidden", height_m=1.5)
    sensor = Sensor(miss=0.0, id_life_s=None)

    seen = {walker for one in watch([near, behind], 30.0, sensor, 1) for walker in one.walkers}

    assert seen == {0}


def test_a_parked_thing_hardly_moves_and_is_nobodys_stay() -> None:
    bike = parked(np.random.default_rng(4), (1.0, 9.0), 300.0)
    boxes = [one.observation.people.boxes_xyxyn for one in watch([bike], 100.0, Sensor(id_life_s=None), 1)]
    feet = np.concatenate([one[:, 3] for one in boxes if len(one)])

    assert feet.std() < 0.002
    assert due([bike], 60.0) == []


def test_the_truth_of_a_stay_is_when_it_reaches_the_threshold() -> None:
    walker = Walker(np.array([0.0, 10.0, 110.0, 120.0]), np.array([(-14.0, 9), (0, 9), (0, 9), (14, 9)]))
    (since, until) = walker.inside(*ZONE_M)[0]

    assert since == pytest.approx(10 * 10 / 14, abs=0.2)
    assert until == pytest.approx(110 + 10 * 4 / 14, abs=0.2)
    assert due([walker], 60.0) == [pytest.approx(since + 60.0)]
    assert due([walker], 120.0) == []


def test_steady_passers_by_never_alert_though_a_timer_per_label_does_all_the_time() -> None:
    alerts, naive = passers_by(seed=9, duration_s=900.0)

    assert alerts == 0
    assert naive >= 10


def test_matching_is_one_to_one_in_its_window_and_a_duplicate_is_false() -> None:
    found = match([60.0, 200.0, 400.0], [54.0, 66.0, 70.0, 229.0, 500.0])

    assert (found.true, found.alerts, found.matches) == (3, 5, 2)
    assert found.late_s == (6.0, 29.0)
    scored = figures([found, match([10.0], [10.0])], seed=1)
    assert scored.recall.value == pytest.approx(3 / 4)
    assert scored.precision.value == pytest.approx(3 / 6)
    assert scored.recall.low <= scored.recall.value <= scored.recall.high


def test_the_naive_timer_restarts_with_every_new_id() -> None:
    walker = lingering(np.random.default_rng(2), -60.0, 600.0, (1.0, 9.0), radius_m=0.3)
    polygon = Polygon.of(zone(SimulatedCamera(), {"loitering": {}}).polygon)

    def alerts(life_s: float | None) -> int:
        seen = watch([walker], 400.0, Sensor(miss=0.1, id_life_s=life_s), 1)
        return len(timer_per_id((one.observation for one in seen), polygon, 60.0))

    assert alerts(None) == 1
    assert alerts(10.0) == 0


def test_scores_agree_with_counting_by_hand() -> None:
    scores, truth = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1])

    assert area_under_roc(scores, truth) == pytest.approx(3.5 / 4)
    assert np.isnan(area_under_roc(scores, np.zeros(4, dtype=np.int64)))
    assert f1_at(np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0])) == 0.5
    assert 0.4 <= best_f1_cut(scores, truth) < 0.8
    assert bootstrap(5, lambda some: float(len(some)), seed=1).value == 5.0
    assert np.isnan(bootstrap(0, lambda some: float(len(some)), seed=1).value)


def test_the_default_score_is_at_or_a_little_above_the_one_that_the_fit_found_best() -> None:
    assert 0.0 <= LoiteringConfig().min_score - F1_CUT <= 0.1
