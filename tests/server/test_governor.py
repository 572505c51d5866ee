"""The alert budget: joining, what is shown, what waits, and that nothing is lost or taken back."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from contract.event import Rule, Severity
from server.alerts.governor import AlertFacts, DeskView, Source, govern

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def alert(
    at_s: float, camera: str = "c", severity: Severity = Severity.WARNING, *, score: float = 0.5, late_s: float = 0.0
) -> AlertFacts:
    at = NOON + timedelta(seconds=at_s)
    source = Source("k", camera, "z", Rule.LOITERING)
    return AlertFacts(f"{camera}-{at_s}-{score}", source, at, at + timedelta(seconds=late_s), severity, score)


def random_day(seed: int) -> list[AlertFacts]:
    rng = random.Random(seed)
    severities = [Severity.NOTICE] * 6 + [Severity.WARNING] * 3 + [Severity.CRITICAL]
    return [
        alert(
            rng.uniform(0, 20_000), f"c{rng.randrange(12)}", rng.choice(severities),
            score=rng.random(), late_s=rng.choice([0.5, 40.0, 4000.0]),
        )
        for _ in range(150)
    ]  # fmt: skip


def ids(view: DeskView) -> tuple[list[str], list[str]]:
    return [one.id for one in view.shown], [one.id for one in view.digest]


def test_alerts_of_one_source_within_ten_minutes_of_the_last_are_one_incident() -> None:
    view = govern([alert(0), alert(500), alert(1000), alert(1601), alert(10, "other")])

    assert [[one.captured_at for one in incident.alerts] for incident in view.shown] == [
        [NOON, NOON + timedelta(seconds=500), NOON + timedelta(seconds=1000)],
        [NOON + timedelta(seconds=10)],
        [NOON + timedelta(seconds=1601)],
    ]


@pytest.mark.parametrize("seed", range(20))
def test_every_alert_is_in_exactly_one_incident_and_every_critical_one_is_shown(seed: int) -> None:
    day = random_day(seed)
    view = govern(day)

    held = [one.id for incident in [*view.shown, *view.digest] for one in incident.alerts]
    assert sorted(held) == sorted(one.id for one in day)
    assert all(one.worst.severity is not Severity.CRITICAL for one in view.digest)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_alerts_are_given_changes_nothing(seed: int) -> None:
    day = random_day(seed)
    shuffled = random.Random(seed).sample(day, len(day))

    assert ids(govern(shuffled)) == ids(govern(day))


@pytest.mark.parametrize("seed", range(5))
def test_an_incident_once_shown_stays_shown_whatever_arrives_later(seed: int) -> None:
    day = sorted(random_day(seed), key=lambda one: (one.received_at, one.id))
    before: set[str] = set()
    for count in range(1, len(day) + 1):
        now = set(ids(govern(day[:count]))[0])
        assert before <= now
        before = now


def test_warnings_beyond_the_budget_wait_in_the_digest_strongest_first_until_the_next_hour() -> None:
    view = govern([alert(n, f"c{n}", score=n / 10) for n in range(9)] + [alert(3600, "later")])

    assert [one.worst.source.camera_id for one in view.shown] == ["c0", "c1", "c2", "c3", "c4", "c5", "later"]
    assert [one.worst.source.camera_id for one in view.digest] == ["c8", "c7", "c6"]


def test_notices_leave_half_of_the_places_to_what_is_more_severe() -> None:
    notices = [alert(n, f"n{n}", Severity.NOTICE) for n in range(10)]
    warnings = [alert(60 + n, f"w{n}") for n in range(10)]

    shown = [one.worst.severity for one in govern([*notices, *warnings]).shown]

    assert shown == [Severity.NOTICE] * 3 + [Severity.WARNING] * 3


def test_a_digested_incident_is_shown_once_it_becomes_critical() -> None:
    full = [alert(n, f"c{n}") for n in range(7)]

    view = govern([*full, alert(100, "c6", Severity.CRITICAL)])

    assert view.shown[-1].id == full[6].id
    assert len(view.shown[-1].alerts) == 2
    assert view.digest == []


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        govern([], 0)
