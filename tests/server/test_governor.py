"""The alert budget: joining, what is shown, what waits, and that nothing is lost or taken back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contract.event import Severity
from server.alerts.governor import (
    DailyBudget,
    Placement,
    PlacementReason,
    PlacementRequest,
    day_of,
    day_start,
    matching_incident,
)

NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)
"""Noon in Jakarta."""
TODAY = day_of(NOON)


def ask(number: int, incident: int, at_s: float, severity: Severity = Severity.WARNING) -> PlacementRequest:
    return PlacementRequest(number, UUID(int=incident), NOON + timedelta(seconds=at_s), severity)


def in_turn(*asked: tuple[int, float, Severity]) -> list[PlacementRequest]:
    """Asks numbered from 1: incident, seconds after noon, severity."""
    return [ask(number, *one) for number, one in enumerate(asked, 1)]


def random_day(seed: int) -> list[PlacementRequest]:
    rng = random.Random(seed)
    severities = [Severity.NOTICE] * 6 + [Severity.WARNING] * 3 + [Severity.CRITICAL]
    times_s = sorted(rng.uniform(0, 40_000) for _ in range(200))
    return in_turn(*((rng.randrange(80), at_s, rng.choice(severities)) for at_s in times_s))


def dealt(asks: Sequence[PlacementRequest], per_hour: int = 6) -> DailyBudget:
    day = DailyBudget(TODAY, per_hour)
    day.apply(asks)
    return day


def shown(day: DailyBudget) -> list[int]:
    granted = [one for one in day.placements.values() if one.shown_by is not None]
    assert all(one.placement is Placement.SHOWN for one in granted)
    return [one.incident_id.int for one in sorted(granted, key=lambda one: one.shown_by or 0)]


def waiting(day: DailyBudget) -> list[int]:
    return [one.incident_id.int for one in day.placements.values() if one.placement is Placement.DIGEST]


def test_an_alert_joins_the_incident_of_the_nearest_alert_within_ten_minutes_of_it() -> None:
    first, second = UUID(int=1), UUID(int=2)
    others = [(NOON, first), (NOON + timedelta(minutes=15), second)]

    assert matching_incident(NOON + timedelta(minutes=10), others) == second
    assert matching_incident(NOON + timedelta(minutes=7), others) == first
    assert matching_incident(NOON + timedelta(minutes=7.5), others) == first
    assert matching_incident(NOON - timedelta(minutes=10), others) == first
    assert matching_incident(NOON + timedelta(minutes=25, seconds=1), others) is None
    assert matching_incident(NOON, []) is None


@pytest.mark.parametrize("seed", range(20))
def test_every_incident_is_shown_or_waits_and_every_critical_one_is_shown(seed: int) -> None:
    asks = random_day(seed)
    day = dealt(asks)

    assert sorted(shown(day) + waiting(day)) == sorted({one.incident_id.int for one in asks})
    critical = {one.incident_id.int for one in asks if one.severity is Severity.CRITICAL}
    assert critical <= set(shown(day))


@pytest.mark.parametrize("seed", range(20))
def test_asks_taken_piece_by_piece_or_twice_give_what_a_replay_from_midnight_gives(seed: int) -> None:
    asks = random_day(seed)
    rng = random.Random(seed)
    pieces = DailyBudget(TODAY, 6)
    for _ in range(30):
        pieces.apply(asks[: rng.randrange(len(asks))])
    pieces.apply(asks)

    assert pieces.placements == dealt(asks).placements


@pytest.mark.parametrize("seed", range(5))
def test_an_incident_once_shown_stays_shown_whatever_arrives_later(seed: int) -> None:
    day, before = DailyBudget(TODAY, 6), set[int]()
    for one in random_day(seed):
        day.apply([one])
        now = set(shown(day))
        assert before <= now
        before = now
    assert before


def test_warnings_beyond_the_budget_wait_until_they_ask_again_in_another_hour() -> None:
    asks = in_turn(*((n, n, Severity.WARNING) for n in range(9)), (8, 3600, Severity.WARNING))
    day = dealt(asks)

    assert shown(day) == [0, 1, 2, 3, 4, 5, 8]
    assert waiting(day) == [6, 7]
    assert day.placements[UUID(int=6)].reason is PlacementReason.BUDGET_SPENT
    assert day.placements[UUID(int=8)].raised_by([10])
    assert not day.placements[UUID(int=0)].raised_by([1])


def test_notices_leave_half_of_the_places_to_what_is_more_severe() -> None:
    notices = [(n, float(n), Severity.NOTICE) for n in range(10)]
    warnings = [(10 + n, 60.0 + n, Severity.WARNING) for n in range(10)]
    day = dealt(in_turn(*notices, *warnings))

    assert shown(day) == [0, 1, 2, 10, 11, 12]
    assert day.placements[UUID(int=3)].reason is PlacementReason.NOTICES_SPENT


def test_a_waiting_incident_is_shown_once_it_becomes_critical_beyond_any_budget() -> None:
    full = [(n, float(n), Severity.WARNING) for n in range(7)]
    day = dealt(in_turn(*full, (6, 100, Severity.CRITICAL)))

    assert shown(day)[-1] == 6
    assert waiting(day) == []
    assert day.placements[UUID(int=6)].reason is PlacementReason.CRITICAL


def test_what_asks_again_after_its_day_is_over_is_shown_only_if_it_is_critical() -> None:
    full = [(n, float(n), Severity.WARNING) for n in range(8)]
    tomorrow_s = (day_start(TODAY + 1) - NOON).total_seconds() + 60
    late = [(6, tomorrow_s, Severity.WARNING), (7, tomorrow_s, Severity.CRITICAL)]

    assert waiting(dealt(in_turn(*full, *late))) == [6]


def test_a_day_begins_at_midnight_in_jakarta() -> None:
    midnight = datetime(2026, 11, 23, 17, tzinfo=UTC)

    assert day_start(TODAY) == midnight
    assert day_of(midnight) == TODAY
    assert day_of(midnight - timedelta(microseconds=1)) == TODAY - 1


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        DailyBudget(TODAY, 0)
