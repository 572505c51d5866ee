"""When a periodic job runs, on a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.clock import ManualClock
from edge.system.periodic import Periodic


def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC), mono_s=100.0)


def run_times(periodic: Periodic, time: ManualClock, waits_s: list[float]) -> list[bool]:
    """Whether the job ran after each wait."""
    ran = []
    for wait_s in waits_s:
        time.advance(wait_s)
        ran.append(periodic.run_if_due())
    return ran


def test_the_first_run_is_due_at_once_and_the_next_after_the_interval() -> None:
    runs: list[float] = []
    time = clock()
    periodic = Periodic(10.0, lambda: runs.append(time.mono_s()), time)
    assert run_times(periodic, time, [0.0, 9.9, 0.1, 0.0, 10.0]) == [True, False, True, False, True]
    assert runs == pytest.approx([100.0, 110.0, 120.0])


def test_the_first_run_can_be_put_off() -> None:
    time = clock()
    periodic = Periodic(10.0, lambda: None, time, first_after_s=60.0)
    assert run_times(periodic, time, [0.0, 59.9, 0.1, 9.9, 0.1]) == [False, False, True, False, True]


def test_a_loop_that_comes_late_runs_the_job_once_and_counts_on_from_there() -> None:
    time = clock()
    periodic = Periodic(10.0, lambda: None, time)
    assert run_times(periodic, time, [0.0, 35.0, 0.0, 9.9, 0.1]) == [True, True, False, False, True]


def test_a_step_of_the_wall_clock_changes_nothing() -> None:
    time = clock()
    periodic = Periodic(10.0, lambda: None, time)
    assert periodic.run_if_due()
    time.step_wall(3600.0)
    assert not periodic.is_due


def test_a_job_that_fails_reaches_the_caller_and_is_due_again_after_the_interval() -> None:
    def fail() -> None:
        raise OSError("no space left on device")

    time = clock()
    periodic = Periodic(10.0, fail, time)
    with pytest.raises(OSError, match="no space"):
        periodic.run_if_due()
    assert run_times(periodic, time, [9.9]) == [False]
    time.advance(0.1)
    assert periodic.is_due


@pytest.mark.parametrize(("interval_s", "first_after_s"), [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1), (float("nan"), 0.0)])
def test_an_interval_without_length_and_a_first_run_in_the_past_are_refused(
    interval_s: float, first_after_s: float
) -> None:
    with pytest.raises(ValueError, match=r"seconds, got"):
        Periodic(interval_s, lambda: None, clock(), first_after_s=first_after_s)
