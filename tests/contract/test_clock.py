from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contract.clock import Instant, ManualClock, SystemClock

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
NAIVE = datetime(2026, 11, 24, 5, 0)  # noqa: DTZ001 - that it is naive is the point


def test_an_instant_moves_on_both_clocks_and_stays_as_uncertain() -> None:
    later = Instant(10.0, NOON, 0.5).shifted(2.5)
    assert later == Instant(12.5, NOON + timedelta(seconds=2.5), 0.5)
    assert later.shifted(-2.5) == Instant(10.0, NOON, 0.5)


@pytest.mark.parametrize("uncertainty_s", [-0.1, float("nan")])
def test_an_instant_refuses_an_uncertainty_below_zero(uncertainty_s: float) -> None:
    with pytest.raises(ValueError, match="uncertainty_s must be >= 0"):
        Instant(0.0, NOON, uncertainty_s)


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="must be timezone-aware"):
        Instant(0.0, NAIVE)
    with pytest.raises(ValueError, match="needs a timezone-aware time"):
        ManualClock(NAIVE)


def test_a_manual_clock_passes_time_on_both_and_steps_only_one() -> None:
    clock = ManualClock(NOON, mono_s=5.0)
    clock.advance(10.0)
    assert (clock.mono_s(), clock.utc()) == (15.0, NOON + timedelta(seconds=10))
    clock.step_wall(-3600.0)
    assert (clock.mono_s(), clock.utc()) == (15.0, NOON - timedelta(seconds=3590))


def test_time_does_not_pass_backwards() -> None:
    with pytest.raises(ValueError, match="use step_wall"):
        ManualClock(NOON).advance(-1.0)


def test_the_system_clock_is_in_utc_and_its_other_half_never_steps_back() -> None:
    clock = SystemClock()
    assert clock.utc().utcoffset() == timedelta(0)
    readings = [clock.mono_s() for _ in range(100)]
    assert readings == sorted(readings)
