from __future__ import annotations

import numpy as np
import pytest

from bench.eval_tracker import measure, run
from bench.motdata import Truth
from bench.oracles import Ours
from bench.simulated_detector import SimulatedDetector
from bench.simulated_walkers import walkers
from bench.tracker_sets import WALKERS_ASPECT, TrackSequence, simulated, thinned
from edge.detections import Detections
from edge.tracker import TrackerSettings
from models.layouts import iou_matrix

SEED = 21


@pytest.fixture(scope="module")
def scene() -> TrackSequence:
    truths = walkers(WALKERS_ASPECT, seed=SEED, people=8, duration_s=20, rate_hz=10)
    return simulated("scene", 10.0, WALKERS_ASPECT, truths, SEED)


def _perfect(count: int) -> TrackSequence:
    """Two people who stand still, seen by a detector that errs never."""
    boxes = np.array([[0.1, 0.2, 0.2, 0.6], [0.5, 0.2, 0.6, 0.6]])
    truth = Truth(boxes, np.array([1, 2]), np.empty((0, 4)))
    return TrackSequence("still", 10.0, 1.5, (Detections.of(boxes, [0.9, 0.9]),) * count, (truth,) * count)


def test_standing_people_under_a_perfect_detector_cost_only_the_first_box() -> None:
    scores = run(_perfect(50), 10.0, lambda _rate: Ours(TrackerSettings()))

    assert scores.switches == 0
    assert scores.misses[0] == 2
    assert scores.false_positives.sum() == 0


def test_lower_rates_take_fewer_frames_and_phases_use_the_others() -> None:
    sequence = _perfect(50)

    assert sequence.indices(25.0, 0.0) == list(range(50))
    assert sequence.indices(5.0, 0.0) == list(range(0, 50, 2))
    assert [sequence.indices(5.0, phase)[0] for phase in sequence.phases(5.0)] == [0, 1]
    assert len(sequence.phases(2.0)) == 4


def test_the_rates_above_a_sequences_own_are_its_own_and_measured_once() -> None:
    rows = measure([_perfect(30)], {"ours": lambda _rate: Ours(TrackerSettings())})

    assert list(rows) == ["10", "5", "2"]
    assert rows["10"]["ours"]["switches"] == 0


@pytest.mark.parametrize(("rate_hz", "floor"), [(10.0, 0.7), (5.0, 0.67), (2.0, 0.6)])
def test_the_tracker_keeps_its_standard_on_a_scene_of_crossing_people(
    scene: TrackSequence, rate_hz: float, floor: float
) -> None:
    """A guard against getting worse; how it compares with others is `python -m bench.eval_tracker`."""
    scores = run(scene, rate_hz, lambda _rate: Ours(TrackerSettings()))

    assert scores.hota > floor


def test_the_simulated_detector_errs_about_as_the_default_one_does(scene: TrackSequence) -> None:
    weak, strong = _precision(scene, 0.1), _precision(scene, 0.5)

    assert 0.25 < weak < 0.55
    assert 0.88 < strong < 0.99


def _precision(sequence: TrackSequence, threshold: float) -> float:
    right = total = 0
    for found, truth in zip(sequence.detections, sequence.truths, strict=True):
        chosen = found.select(found.scores >= threshold)
        overlap = iou_matrix(truth.boxes_xyxyn.astype(np.float32), chosen.boxes_xyxyn)
        right += int((overlap.max(axis=1, initial=0) >= 0.5).sum())
        total += len(chosen)
    return right / total


def test_simulations_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    truths = walkers(WALKERS_ASPECT, seed=3, people=3, duration_s=2)

    def scores(seed: int) -> list[float]:
        detector = SimulatedDetector(WALKERS_ASPECT, 0.04, seed)
        return [float(score) for truth in truths for score in detector.see(truth).scores]

    assert scores(1) == scores(1)
    assert scores(1) != scores(2)


def test_thinning_leaves_out_about_the_share_that_was_asked_for(scene: TrackSequence) -> None:
    before = sum(len(found) for found in scene.detections)
    after = sum(len(found) for found in thinned(scene, 1, 0.2).detections)

    assert after / before == pytest.approx(0.8, abs=0.03)
