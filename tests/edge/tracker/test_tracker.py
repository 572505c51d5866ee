from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.detections import Detections
from edge.tracker import Tracker, TrackerSettings
from edge.tracker.kalman import KalmanBank, KalmanSettings

ASPECT = 16 / 9


def _person(x: float, y: float = 0.5, score: float = 0.9, height: float = 0.3) -> tuple[float, ...]:
    """A person whose box is centred on (x, y), 0.4 times as wide as high on the picture itself."""
    half_width = 0.2 * height / ASPECT
    return (x - half_width, y - height / 2, x + half_width, y + height / 2, score)


def _frame(*people: tuple[float, ...]) -> Detections:
    rows = np.array(people, dtype=np.float64).reshape(-1, 5)
    return Detections.of(rows[:, :4], rows[:, 4])


def _follow(tracker: Tracker, frames: list[Detections], step_s: float, start_s: float = 100.0) -> list[list[int]]:
    return [
        tracker.update(frame, start_s + index * step_s, ASPECT).track_ids.tolist() for index, frame in enumerate(frames)
    ]


def test_the_first_box_is_not_counted_and_the_second_confirms_the_track() -> None:
    ids = _follow(Tracker(), [_frame(_person(0.5))] * 3, 0.2)

    assert ids == [[0], [1], [1]]


def test_a_single_flicker_is_never_counted() -> None:
    frames = [_frame(), _frame(_person(0.5)), _frame(), _frame(), _frame(), _frame(), _frame(_person(0.5)), _frame()]

    ids = _follow(Tracker(), frames, 0.5)

    assert [number for frame in ids for number in frame] == [0, 0]


def test_a_thing_that_is_taken_for_a_person_at_middling_scores_is_never_counted() -> None:
    score = TrackerSettings().strong_score
    frames = [_frame(_person(0.5, score=score + (0.04 if index % 2 else -0.06))) for index in range(100)]

    ids = _follow(Tracker(), frames, 0.2)

    assert ids == [[0]] * 100


def test_weak_boxes_carry_a_track_on_but_begin_none() -> None:
    weak = TrackerSettings().strong_score - 0.15
    carried = _follow(Tracker(), [_frame(_person(0.5))] * 5 + [_frame(_person(0.5, score=weak))] * 5, 0.2)
    alone = _follow(Tracker(), [_frame(_person(0.5, score=weak))] * 10, 0.2)

    assert carried[-1] == [1]
    assert alone == [[0]] * 10


@pytest.mark.parametrize("rate_hz", [25.0, 10.0, 5.0, 2.0, 1.0])
def test_a_walker_keeps_one_id_at_every_rate(rate_hz: float) -> None:
    # 1.4 m/s at a body height of 1.7 m: 0.82 heights a second, here 0.25 of the picture's height.
    speed = 0.82 * 0.3 / ASPECT
    times = np.arange(0, 6, 1 / rate_hz)

    ids = _follow(Tracker(), [_frame(_person(0.05 + speed * time)) for time in times], 1 / rate_hz)

    assert {number for frame in ids for number in frame} == {0, 1}
    assert sum(frame == [0] for frame in ids) <= max(1, round(0.25 * rate_hz))


def test_frames_at_uneven_times_are_followed_by_time_and_not_by_count() -> None:
    speed = 0.82 * 0.3 / ASPECT
    times = np.cumsum([0.0, 0.2, 0.2, 0.2, 0.9, 0.2, 0.05, 0.2, 0.7, 0.2])
    tracker = Tracker()

    ids = [tracker.update(_frame(_person(0.1 + speed * time)), 50 + time, ASPECT).track_ids.tolist() for time in times]

    assert ids[1:] == [[1]] * 9


@pytest.mark.parametrize("rate_hz", [10.0, 5.0])
def test_two_people_who_cross_keep_their_ids(rate_hz: float) -> None:
    speed = 0.82 * 0.3 / ASPECT
    times = np.arange(0, 5, 1 / rate_hz)
    frames = []
    for time in times:
        there, back = 0.2 + speed * time, 0.2 + speed * (5 - time)
        near, far = _person(there, 0.52), _person(back, 0.48)
        # While they overlap, the one behind is not seen.
        frames.append(_frame(near, far) if abs(there - back) > 0.06 else _frame(near))

    ids = _follow(Tracker(), frames, 1 / rate_hz)

    assert ids[2] == ids[-1]
    assert sorted(ids[-1]) == [1, 2]


def test_a_person_behind_a_post_comes_back_with_the_same_id() -> None:
    speed = 0.82 * 0.3 / ASPECT
    frames = [_frame() if 10 <= index < 17 else _frame(_person(0.1 + speed * index / 5)) for index in range(25)]

    ids = _follow(Tracker(), frames, 0.2)

    assert ids[9] == ids[-1] == [1]


def test_a_lost_track_is_forgotten_after_its_time_and_its_id_never_given_again() -> None:
    lost_s = TrackerSettings().lost_s
    frames = [_frame(_person(0.5))] * 3 + [_frame()] * int(lost_s / 0.2 + 2) + [_frame(_person(0.5))] * 3

    ids = _follow(Tracker(), frames, 0.2)

    assert ids[2] == [1]
    assert ids[-1] == [2]


def test_a_stay_longer_than_any_limit_keeps_its_id_at_one_picture_in_four_seconds() -> None:
    ids = _follow(Tracker(), [_frame(_person(0.5))] * 30, 4.0)

    assert ids[1:] == [[1]] * 29


def test_nobody_is_followed_over_a_gap_of_a_minute() -> None:
    tracker = Tracker()
    _follow(tracker, [_frame(_person(0.5))] * 5, 0.2)

    assert _follow(tracker, [_frame(_person(0.5))] * 2, 0.2, start_s=160.0) == [[0], [2]]


def test_a_second_box_on_the_same_person_begins_no_second_track() -> None:
    upper_half = (*_person(0.5)[:3], 0.52, 0.8)

    ids = _follow(Tracker(), [_frame(_person(0.5), upper_half)] * 10, 0.2)

    assert ids[-1] == [1, 0]


def test_each_camera_counts_its_own_ids_from_one() -> None:
    first, second = Tracker(), Tracker()

    assert _follow(first, [_frame(_person(0.2), _person(0.8))] * 2, 0.2)[-1] == [1, 2]
    assert _follow(second, [_frame(_person(0.5))] * 2, 0.2)[-1] == [1]


def test_boxes_without_extent_or_number_are_given_back_uncounted() -> None:
    odd = Detections.of(
        [[0.5, 0.5, 0.5, 0.9], [np.nan, 0.1, 0.2, 0.3], _person(0.5)[:4], [0.9, 0.9, 0.8, 0.8]], [0.9] * 4
    )

    ids = _follow(Tracker(), [odd] * 3, 0.2)

    assert ids[-1] == [0, 0, 1, 0]


def test_a_time_that_goes_back_and_an_impossible_aspect_are_refused() -> None:
    tracker = Tracker()
    tracker.update(_frame(), 10.0, ASPECT)

    with pytest.raises(ValueError, match=r"after 10\.0 s came 9\.9 s"):
        tracker.update(_frame(), 9.9, ASPECT)
    with pytest.raises(ValueError, match="must not decrease"):
        tracker.update(_frame(), float("nan"), ASPECT)
    with pytest.raises(ValueError, match="aspect must be positive, got 0"):
        tracker.update(_frame(), 10.0, 0.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("strong_score", 1.1), ("confirm_hits", 0), ("lost_s", -1.0), ("gate", 0.0), ("weak_gate", float("nan"))],
)
def test_impossible_settings_are_refused_with_their_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        replace(TrackerSettings(), **{name: value})  # type: ignore[arg-type] # the wrong value is the test


def test_an_impossible_kalman_setting_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"KalmanSettings\.box_noise must be positive, got 0"):
        KalmanSettings(box_noise=0.0)


def _random_frames(seed: int, count: int) -> list[Detections]:
    """People on random walks, some missed, some clutter: enough to exercise every branch."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.1, 0.9, (int(rng.integers(1, 7)), 2))
    frames = []
    for _ in range(count):
        places = np.clip(places + rng.normal(0, 0.02, places.shape), 0.0, 1.0)
        people = [_person(x, y, float(rng.uniform(0.1, 1))) for x, y in places if rng.random() > 0.2]
        clutter = rng.uniform(0.1, 0.7, (rng.poisson(0.5), 3))
        people += [_person(x, y, score) for x, y, score in clutter.tolist()]
        frames.append(_frame(*people))
    return frames


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.04, 0.2, 0.5, 1.5]))
def test_ids_are_unique_in_a_frame_never_reborn_and_the_rest_is_left_as_it_came(seed: int, step_s: float) -> None:
    tracker = Tracker()
    highest = 0
    for index, frame in enumerate(_random_frames(seed, 25)):
        people = tracker.update(frame, index * step_s, ASPECT)
        given_ids = people.tracked.track_ids.tolist()
        assert len(set(given_ids)) == len(given_ids)
        fresh = sorted(number for number in given_ids if number > highest)
        assert fresh == list(range(highest + 1, highest + 1 + len(fresh)))
        highest = max([highest, *given_ids])
        np.testing.assert_array_equal(people.boxes_xyxyn, frame.boxes_xyxyn)
        np.testing.assert_array_equal(people.scores, frame.scores)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_detections_changes_nothing(seed: int) -> None:
    straight, shuffled = Tracker(), Tracker()
    rng = np.random.default_rng(seed)
    for index, frame in enumerate(_random_frames(seed, 20)):
        order = rng.permutation(len(frame))
        mixed = Detections(frame.boxes_xyxyn[order], frame.scores[order], frame.track_ids[order])
        first = straight.update(frame, index * 0.2, ASPECT).track_ids
        second = shuffled.update(mixed, index * 0.2, ASPECT).track_ids
        np.testing.assert_array_equal(first[order], second)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_same_frames_give_the_same_ids(seed: int) -> None:
    frames = _random_frames(seed, 15)

    assert _follow(Tracker(), frames, 0.2) == _follow(Tracker(), frames, 0.2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_picture_s_shape_is_no_part_of_what_happens(seed: int) -> None:
    """The same scene on a picture twice as wide, half of it empty: the same ids."""
    narrow, wide = Tracker(), Tracker()
    for index, frame in enumerate(_random_frames(seed, 15)):
        squeezed = Detections.of(frame.boxes_xyxyn * [0.5, 1, 0.5, 1], frame.scores)
        first = narrow.update(frame, index * 0.2, ASPECT).track_ids
        second = wide.update(squeezed, index * 0.2, 2 * ASPECT).track_ids
        np.testing.assert_array_equal(first, second)


@settings(deadline=None)
@given(st.floats(0.05, 3.0), st.integers(1, 6))
def test_waiting_in_parts_is_as_uncertain_as_waiting_at_once(wait_s: float, parts: int) -> None:
    """What makes the Kalman filter one of time and not of frames."""
    once, often = _bank_that_walks(), _bank_that_walks()
    once.predict(wait_s)
    for _ in range(parts):
        often.predict(wait_s / parts)

    np.testing.assert_allclose(once.position, often.position, rtol=1e-9)
    np.testing.assert_allclose(_variances(once), _variances(often), rtol=1e-7)


def test_long_after_its_last_box_a_track_is_expected_to_stand_with_a_walkers_uncertainty() -> None:
    settings = KalmanSettings()
    bank = _bank_that_walks()
    bank.predict(100 * settings.speed_memory_s)

    np.testing.assert_allclose(bank.velocity, 0.0, atol=1e-12)
    walkers = np.array([[settings.speed_x, settings.speed_y]]) * 0.3
    np.testing.assert_allclose(np.sqrt(bank.speed_variance), walkers, rtol=1e-6)


def _bank_that_walks() -> KalmanBank:
    bank = KalmanBank(KalmanSettings())
    bank.append(_measured(0.5))
    for step in range(1, 6):
        bank.predict(0.2)
        bank.correct(np.array([0]), _measured(0.5 + 0.05 * step), np.ones(1))
    return bank


def _measured(x: float) -> npt.NDArray[np.float64]:
    return np.array([[x, 0.5, np.log(0.12), np.log(0.3)]])


def _variances(bank: KalmanBank) -> npt.NDArray[np.float64]:
    return np.concatenate((bank._covariance.reshape(-1, 2), bank._size_var))
