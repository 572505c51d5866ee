from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.motdata import FloatArray
from bench.tracking_scores import TrackedFrame, score
from models.layouts import iou_matrix


def _box(x: float) -> list[float]:
    return [x, 0.2, x + 0.1, 0.6]


def _frame(true: dict[int, float], found: dict[int, float]) -> TrackedFrame:
    def boxes(where: dict[int, float]) -> FloatArray:
        return np.array([_box(x) for x in where.values()], dtype=np.float64).reshape(-1, 4)

    return TrackedFrame(
        boxes(true), np.array(list(true), dtype=np.int64), boxes(found), np.array(list(found), dtype=np.int64)
    )


def test_a_perfect_tracker_scores_one() -> None:
    scores = score([_frame({1: 0.1, 2: 0.5}, {7: 0.1, 8: 0.5})] * 10)

    assert scores.hota == pytest.approx(1.0)
    assert scores.idf1 == pytest.approx(1.0)
    assert scores.switches == 0


def test_a_track_that_breaks_in_the_middle_scores_what_the_definitions_say() -> None:
    scores = score([_frame({1: 0.1}, {7: 0.1})] * 5 + [_frame({1: 0.1}, {8: 0.1})] * 5)

    # Every box is found, but for each only half of the true track is in its track: HOTA = sqrt(1 * 0.5).
    assert scores.hota == pytest.approx(np.sqrt(0.5))
    assert scores.idf1 == pytest.approx(0.5)
    assert scores.switches == 1


def test_half_of_the_boxes_missed_halves_detection_and_association() -> None:
    scores = score([_frame({1: 0.1}, {7: 0.1})] * 5 + [_frame({1: 0.1}, {})] * 5)

    assert scores.hota == pytest.approx(0.5)
    assert scores.idf1 == pytest.approx(2 / 3)


def test_two_people_who_swap_tracks_are_two_switches() -> None:
    scores = score([_frame({1: 0.1, 2: 0.5}, {7: 0.1, 8: 0.5}), _frame({1: 0.1, 2: 0.5}, {8: 0.1, 7: 0.5})])

    assert scores.switches == 2


def test_nobody_true_or_nobody_found_scores_nothing() -> None:
    assert score([_frame({}, {7: 0.1})]).hota == 0.0
    assert score([_frame({1: 0.1}, {})]).idf1 == 0.0


def test_scores_of_sequences_add_up() -> None:
    first, second = score([_frame({1: 0.1}, {7: 0.1})] * 4), score([_frame({1: 0.1}, {})] * 4)

    assert (first + second).idf1 == pytest.approx(2 / 3)


def _random_sequence(seed: int) -> list[TrackedFrame]:
    rng = np.random.default_rng(seed)
    names = rng.integers(1, 5, size=(12, 4))
    frames = []
    for step in range(12):
        places = {person: 0.15 * person + 0.01 * step for person in range(1, 5) if rng.random() > 0.2}
        found = {}
        for person, x in places.items():
            if rng.random() > 0.2:
                found[int(names[step, person - 1]) + 10 * (person if rng.random() > 0.3 else 1)] = x + rng.normal(
                    0, 0.02
                )
        frames.append(_frame(places, found))
    return frames


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_scores_are_those_of_trackeval(seed: int) -> None:
    metrics: Any = pytest.importorskip("trackeval", reason="needs the dependency group bench").metrics
    frames = _random_sequence(seed)

    ours = score(frames)

    data = _as_trackeval(frames)
    assert ours.hota == pytest.approx(float(metrics.HOTA().eval_sequence(data)["HOTA"].mean()), abs=1e-6)
    assert ours.idf1 == pytest.approx(float(metrics.Identity().eval_sequence(data)["IDF1"]), abs=1e-9)
    assert ours.switches == int(metrics.CLEAR().eval_sequence(data)["IDSW"])


def _as_trackeval(frames: list[TrackedFrame]) -> dict[str, Any]:
    true = np.unique(np.concatenate([frame.true_ids for frame in frames]))
    found = np.unique(np.concatenate([frame.ids for frame in frames]))
    return {
        "gt_ids": [np.searchsorted(true, frame.true_ids) for frame in frames],
        "tracker_ids": [np.searchsorted(found, frame.ids) for frame in frames],
        "similarity_scores": [
            iou_matrix(frame.true_boxes.astype(np.float32), frame.boxes.astype(np.float32)).astype(np.float64)
            for frame in frames
        ],
        "num_gt_ids": len(true),
        "num_tracker_ids": len(found),
        "num_gt_dets": sum(len(frame.true_ids) for frame in frames),
        "num_tracker_dets": sum(len(frame.ids) for frame in frames),
        "num_timesteps": len(frames),
    }
