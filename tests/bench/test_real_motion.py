"""Real walkers sped up: how running is scored on them, and that it holds."""

from __future__ import annotations

import numpy as np

from bench.behaviours.real_motion import MotionAlert, Moved, _score, running
from bench.crowds.sprites import SPARSE
from tests.support.data import DataFile
from tests.support.footage import mot_set

RATE_HZ = 5.0


def speeds(*values: float) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Person 1 at these speeds, each for two seconds."""
    return {1: np.repeat(np.array(values), 10)}


def test_somebody_who_runs_on_is_told_once_for_both_his_stretches() -> None:
    scored = _score([MotionAlert(12, 45, 1)], speeds(1.0, 4.0, 3.0, 4.0, 1.0), RATE_HZ)

    assert scored == Moved(true=2, hit=2, false=0, unscored=0, still=0)


def test_an_alert_about_a_walker_is_false_and_one_about_nobody_annotated_is_not_scored() -> None:
    scored = _score([MotionAlert(12, 20, 1), MotionAlert(12, 20, None)], speeds(1.0, 1.2, 1.0), RATE_HZ)

    assert scored == Moved(true=0, hit=0, false=1, unscored=1, still=1)


def test_between_the_limits_nothing_is_scored() -> None:
    assert _score([MotionAlert(12, 20, 1)], speeds(3.0, 3.0, 3.0), RATE_HZ) == Moved(0, 0, 0, 1, 0)
    assert _score([], speeds(3.0, 3.0, 3.0), RATE_HZ) == Moved(0, 0, 0, 0, 0)


def test_real_people_shown_three_times_as_fast_run_and_at_their_own_speed_do_not(data_file: DataFile) -> None:
    mot_set(data_file, SPARSE)
    data_file("tracks/pets2009/calibration/View_001.xml")
    fast, own = running(3, calibrated=True), running(1, calibrated=True)

    assert fast.hit >= 0.9 * fast.true > 0
    assert (fast.false, own.false, own.unscored) == (0, 0, 0)
