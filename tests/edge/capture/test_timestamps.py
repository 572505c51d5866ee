"""Grades of a camera's timestamps, and capture times that preserve durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from contract.clock import ManualClock
from edge.capture.timestamps import (
    CLOCK_DOUBT_S,
    FORWARD_JUMP_MAX_S,
    JITTER_MAX_S,
    LATE_MAX_S,
    LATE_RUN_MAX,
    UNSEEN_DELAY_S,
    CaptureClock,
    TimestampGrade,
    TimestampGrader,
)

START = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
TICK_S = 1 / 90_000


def grader_for(*, reorders: bool = False) -> TimestampGrader:
    return TimestampGrader(tick_s=TICK_S, reorders=reorders)


def grades(grader: TimestampGrader, pts_s: list[float | None], interval_s: float = 0.1) -> list[TimestampGrade]:
    return [grader.grade(pts, index * interval_s).grade for index, pts in enumerate(pts_s)]


def test_even_timestamps_are_accepted_unchanged() -> None:
    grader = grader_for()
    graded = [grader.grade(index * 0.1, index * 0.1) for index in range(20)]
    assert {graded.grade for graded in graded} == {TimestampGrade.ACCEPT}
    assert [graded.pts_s for graded in graded] == [index * 0.1 for index in range(20)]


def test_a_missing_timestamp_continues_from_the_one_before() -> None:
    grader = grader_for()
    grader.grade(10.0, 0.0)
    graded = grader.grade(None, 0.2, duration_s=0.2)
    assert graded.grade is TimestampGrade.REPAIR
    assert graded.pts_s == pytest.approx(10.2)
    assert "no timestamp" in graded.reason


@pytest.mark.parametrize("back_s", [0.0, 0.01, JITTER_MAX_S])
def test_a_small_step_back_is_repaired_to_just_after_the_newest(back_s: float) -> None:
    grader = grader_for()
    grader.grade(10.0, 0.0)
    graded = grader.grade(10.0 - back_s, 0.1)
    assert graded.grade is TimestampGrade.REPAIR
    assert graded.pts_s == pytest.approx(10.0 + TICK_S)


def test_a_late_packet_is_dropped_and_the_stream_goes_on() -> None:
    assert grades(grader_for(), [10.0, 10.1, 10.1 - LATE_MAX_S, 10.2]) == [
        TimestampGrade.ACCEPT, TimestampGrade.ACCEPT, TimestampGrade.DROP, TimestampGrade.ACCEPT,
    ]  # fmt: skip


def test_a_large_jump_back_ends_the_session() -> None:
    grader = grader_for()
    grader.grade(4000.0, 0.0)
    graded = grader.grade(400.0, 0.1)
    assert graded.grade is TimestampGrade.END
    assert graded.reason == "the camera's clock jumped back by 3600.0 s"


def test_a_run_of_late_packets_means_a_clock_set_back_and_ends_the_session() -> None:
    late: list[float | None] = [10.0 - 2.0 + index * 0.1 for index in range(LATE_RUN_MAX + 1)]
    assert grades(grader_for(), [10.0, *late]) == [
        TimestampGrade.ACCEPT,
        *[TimestampGrade.DROP] * LATE_RUN_MAX,
        TimestampGrade.END,
    ]


def test_a_large_jump_ahead_ends_the_session_unless_as_much_time_passed() -> None:
    jumped = grader_for()
    jumped.grade(0.0, 100.0)
    graded = jumped.grade(FORWARD_JUMP_MAX_S + 1.0, 100.1)
    assert graded.grade is TimestampGrade.END
    assert "jumped ahead by 6.0 s while 0.1 s passed" in graded.reason
    stalled = grader_for()
    stalled.grade(0.0, 100.0)
    assert stalled.grade(30.0, 130.0).grade is TimestampGrade.ACCEPT


def test_a_pause_inside_a_file_is_as_recorded() -> None:
    grader = grader_for()
    grader.grade(0.0, None)
    assert grader.grade(3000.0, None).grade is TimestampGrade.ACCEPT


def test_timestamps_out_of_order_are_accepted_only_with_b_frames() -> None:
    order: list[float | None] = [0.0, 0.3, 0.1, 0.2, 0.6, 0.4, 0.5]
    assert set(grades(grader_for(reorders=True), order)) == {TimestampGrade.ACCEPT}
    assert TimestampGrade.REPAIR in grades(grader_for(), order)


def test_the_same_timestamp_twice_is_repaired_with_b_frames_too() -> None:
    assert grades(grader_for(reorders=True), [0.0, 0.3, 0.1, 0.1])[-1] is TimestampGrade.REPAIR


@given(
    pts_s=st.lists(st.none() | st.floats(-20, 20), max_size=60),
    waits_s=st.lists(st.floats(0, 8), min_size=60, max_size=60),
)
def test_accepted_timestamps_increase_for_any_input(pts_s: list[float | None], waits_s: list[float]) -> None:
    grader = grader_for()
    arrived_s = 0.0
    accepted: list[float] = []
    for pts, wait_s in zip(pts_s, waits_s, strict=False):
        arrived_s += wait_s
        graded = grader.grade(pts, arrived_s)
        assert bool(graded.reason) == (graded.grade is not TimestampGrade.ACCEPT)
        if graded.grade is TimestampGrade.END:
            break
        if graded.grade is not TimestampGrade.DROP:
            accepted.append(graded.pts_s)
    assert all(before < after for before, after in pairwise(accepted))


def test_a_tick_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a tick lasts"):
        TimestampGrader(tick_s=0.0, reorders=False)


class Camera:
    """A camera whose frames take at least `delay_s` to arrive and whose clock runs `ppm` too fast."""

    def __init__(self, *, interval_s: float = 0.1, delay_s: float = 0.2, ppm: float = 0.0) -> None:
        self.clock = ManualClock(START, mono_s=1000.0)
        self.capture = CaptureClock(self.clock)
        self._interval_s = interval_s
        self._delay_s = delay_s
        self._rate = 1.0 + ppm / 1e6
        self.taken_mono_s: list[float] = []
        self._arrived_mono_s = 0.0

    def take(self, late_s: float = 0.0) -> float:
        """Capture the next frame and let it arrive `late_s` after `delay_s`; return its timestamp in seconds."""
        taken_mono_s = 1000.0 + len(self.taken_mono_s) * self._interval_s
        self.taken_mono_s.append(taken_mono_s)
        pts_s = 77.0 + (taken_mono_s - 1000.0) * self._rate
        self._arrived_mono_s = max(self._arrived_mono_s, taken_mono_s + self._delay_s + late_s)
        self.clock.advance(max(0.0, self._arrived_mono_s - self.clock.mono_s()))
        self.capture.observe(pts_s, self._arrived_mono_s)
        return pts_s


@given(late_s=st.lists(st.floats(0, 3), min_size=2, max_size=80))
def test_capture_times_increase_and_durations_are_true_within_one_percent(late_s: list[float]) -> None:
    camera = Camera()
    warm_up = [camera.take(late) for late in [*late_s[:3], 0.0]]
    pts_s = warm_up + [camera.take(late) for late in late_s[3:]]
    instants = [camera.capture.instant(pts) for pts in pts_s]
    for (pts, instant), (next_pts, following) in pairwise(zip(pts_s, instants, strict=True)):
        assert following.mono_s - instant.mono_s == pytest.approx(next_pts - pts, rel=0.0101)


@given(late_s=st.lists(st.floats(0, 2), min_size=1, max_size=60), delay_s=st.floats(0.0, UNSEEN_DELAY_S))
def test_the_moment_of_capture_lies_inside_its_stated_uncertainty(late_s: list[float], delay_s: float) -> None:
    camera = Camera(delay_s=delay_s)
    camera.take(0.0)
    for late in late_s:
        instant = camera.capture.instant(camera.take(late))
        taken_mono_s = camera.taken_mono_s[-1]
        assert abs(instant.mono_s - taken_mono_s) <= instant.uncertainty_s + 1e-6
        taken_utc = START + timedelta(seconds=taken_mono_s - 1000.0)
        assert abs((instant.utc - taken_utc).total_seconds()) <= instant.uncertainty_s + 1e-6


def test_a_burst_at_the_start_does_not_shift_what_follows() -> None:
    camera = Camera(delay_s=0.1)
    for index in range(10):
        camera.take(late_s=1.0 - 0.1 * index)
    live = [camera.take() for _ in range(5)]
    instants = [camera.capture.instant(pts) for pts in live[-3:]]
    for instant, taken_mono_s in zip(instants, camera.taken_mono_s[-3:], strict=True):
        assert instant.mono_s == pytest.approx(taken_mono_s + 0.1, abs=0.001)


@pytest.mark.parametrize("ppm", [-150.0, 150.0])
def test_a_drifting_camera_clock_is_followed_for_hours(ppm: float) -> None:
    camera = Camera(interval_s=0.5, delay_s=0.0, ppm=ppm)
    worst_s = 0.0
    for index in range(2 * 3600 * 2):
        instant = camera.capture.instant(camera.take(late_s=0.05 * (index % 7 != 0)))
        worst_s = max(worst_s, abs(instant.mono_s - camera.taken_mono_s[-1]))
    assert worst_s < 0.05, "unfollowed it would be 1.08 s"


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0, 86_400.0, -0.7])
def test_a_step_of_the_wall_clock_changes_no_duration_and_is_stated_as_uncertainty(step_s: float) -> None:
    camera = Camera(delay_s=0.1)
    before = [camera.capture.instant(camera.take()) for _ in range(20)]
    camera.clock.step_wall(step_s)
    with capture_logs() as logged:
        after = [camera.capture.instant(camera.take()) for _ in range(20)]
    assert [(entry["log_level"], entry["by_s"]) for entry in logged] == [("warning", pytest.approx(step_s, abs=0.01))]
    monos = [instant.mono_s for instant in before + after]
    assert [later - earlier for earlier, later in pairwise(monos)] == pytest.approx([0.1] * 39)
    first = after[0]
    by_old_clock = before[-1].utc + timedelta(seconds=0.1)
    for reading in (by_old_clock, by_old_clock + timedelta(seconds=step_s)):
        assert abs((first.utc - reading).total_seconds()) <= first.uncertainty_s
    assert first.uncertainty_s == pytest.approx(UNSEEN_DELAY_S + abs(step_s), abs=0.01)
    assert before[-1].uncertainty_s == pytest.approx(UNSEEN_DELAY_S, abs=0.01)


def test_the_uncertainty_of_a_step_expires() -> None:
    camera = Camera(interval_s=1.0, delay_s=0.1)
    camera.capture.instant(camera.take())
    camera.clock.step_wall(-3600.0)
    instants = [camera.capture.instant(camera.take()) for _ in range(int(CLOCK_DOUBT_S) + 3)]
    assert instants[-6].uncertainty_s > 3600.0
    last = instants[-1]
    assert last.uncertainty_s == pytest.approx(UNSEEN_DELAY_S, abs=0.01)
    assert last.utc == camera.clock.utc()


def test_steps_forth_and_back_keep_both_readings_inside_the_uncertainty() -> None:
    camera = Camera(delay_s=0.1)
    camera.capture.instant(camera.take())
    for step_s in (-3600.0, 3600.0):
        camera.clock.step_wall(step_s)
        instant = camera.capture.instant(camera.take())
    assert instant.uncertainty_s >= 7200.0


def test_a_capture_time_before_the_first_arrival_is_refused() -> None:
    with pytest.raises(RuntimeError, match="before observe"):
        CaptureClock(ManualClock(START)).instant(0.0)
