from __future__ import annotations

import math
from dataclasses import astuple, fields, replace

import numpy as np
import numpy.typing as npt
import pytest

from edge.rules.confinement import WINDOW_S, Confinement, measure, radius_of, ramps, staying_score
from edge.rules.staying_model import KNOTS, WEIGHTS

Array = npt.NDArray[np.float64]


def seconds(count: int) -> Array:
    return np.arange(float(count))


def straight(count: int, speed: float = 1.3) -> Array:
    return np.column_stack((seconds(count) * speed, np.zeros(count)))


def standing(count: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(0.0, 0.03, (count, 2))


def pacing(count: int) -> Array:
    """To and fro between -4 and 4 at one unit a second."""
    return np.column_stack((np.abs((seconds(count) % 16) - 8) - 4, np.zeros(count)))


def test_a_straight_walk_and_a_standing_person_differ_in_every_feature_as_they_should() -> None:
    walk, stay = measure(seconds(61), straight(61)), measure(seconds(61), standing(61))

    assert walk.dwell == stay.dwell == pytest.approx(math.log(61))
    assert walk.path == pytest.approx(math.log1p(60 * 1.3))
    assert walk.straightness == pytest.approx(78 / 78.5)
    assert walk.held == pytest.approx(3 / 61)
    assert walk.wide == pytest.approx(19 / 61)
    assert walk.standstills == 0.0
    assert walk.turning == pytest.approx(0.0)
    assert stay.held == stay.wide == 1.0
    assert stay.standstills == pytest.approx(math.log(2))
    assert stay.straightness < 0.1
    assert stay.entropy <= 2.0 < walk.entropy


def test_pacing_up_and_down_turns_and_stays_within_the_wide_circle_but_not_on_one_spot() -> None:
    paced = measure(seconds(97), pacing(97))

    assert paced.turning > 0.3
    assert paced.wide == 1.0
    assert paced.held < 0.6
    assert paced.straightness < 0.1


def test_gaps_and_frame_rates_change_nothing_of_an_even_walk() -> None:
    whole = measure(seconds(61), straight(61))
    kept = np.array([second for second in range(61) if second % 7 not in (2, 3, 4)] + [60])
    gappy = measure(seconds(61)[kept], straight(61)[kept])
    tenths = np.arange(0, 60.05, 0.2)
    dense = measure(tenths, np.column_stack((tenths * 1.3, np.zeros(len(tenths)))))

    assert astuple(gappy) == pytest.approx(astuple(whole))
    assert astuple(dense) == pytest.approx(astuple(whole))


def test_only_the_newest_two_minutes_are_judged() -> None:
    times_s = seconds(400)
    came = np.vstack((straight(200), np.tile(straight(200)[-1], (200, 1)) + standing(200)))
    newest = times_s >= times_s[-1] - WINDOW_S

    assert measure(times_s, came) == measure(times_s[newest], came[newest])
    assert measure(times_s, came).held == 1.0


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_shortest_paths_have_finite_features_and_a_score(count: int) -> None:
    found = measure(seconds(count), standing(count))

    assert np.isfinite(astuple(found)).all()
    assert 0.0 < staying_score(found) < 1.0


def test_a_path_without_points_or_with_times_that_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="P >= 1"):
        measure(np.empty(0), np.empty((0, 2)))
    with pytest.raises(ValueError, match="got"):
        measure(seconds(3), standing(4))


def test_standing_and_pacing_score_as_staying_and_a_way_through_the_zone_does_not_however_long() -> None:
    stays = [staying_score(measure(seconds(121), path)) for path in (standing(121), pacing(121))]
    walks = [
        staying_score(measure(seconds(count), straight(count, speed))) for count in (61, 121) for speed in (0.4, 1.3)
    ]

    assert min(stays) > 0.5
    assert max(walks) < 0.1


def test_no_feature_moves_the_score_against_its_direction() -> None:
    middle = measure(seconds(61), standing(61))
    rising = {"dwell", "path", "held", "wide", "standstills", "turning"}
    for name in (one.name for one in fields(Confinement)):
        values = np.linspace(-1.0, 7.0, 81)
        scores = [staying_score(replace(middle, **{name: float(value)})) for value in values]
        steps = np.diff(scores) * (1 if name in rising else -1)

        assert steps.min() >= -1e-12, name
        assert len({round(one, 9) for one in (scores[0], scores[1])}) == 1, name


def test_ramps_are_zero_below_the_first_knot_and_flat_above_the_last() -> None:
    knots = ((0.0, 1.0, 3.0), (2.0, 4.0))
    risen = ramps(np.array([(-5.0, 2.0), (2.0, 9.0), (50.0, -9.0)]), knots)

    assert risen.tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 2.0], [1.0, 2.0, 0.0]]


def test_the_written_model_fits_the_features() -> None:
    assert len(KNOTS) == len(fields(Confinement))
    assert ramps(np.zeros((1, len(KNOTS))), KNOTS).shape == (1, len(WEIGHTS))
    assert all(list(own) == sorted(set(own)) for own in KNOTS)


def test_the_radius_holds_nine_tenths_of_the_points() -> None:
    points = np.column_stack((np.concatenate((np.zeros(90), np.full(10, 7.0))), np.zeros(100)))

    assert radius_of(points) == pytest.approx(0.7, abs=0.8)
    assert radius_of(points[:90]) == 0.0
