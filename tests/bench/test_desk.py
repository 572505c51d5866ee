"""The desk's benchmark: what it counts, and that it counts it on the server's own path."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bench.behaviours import desk
from bench.behaviours.desk import MIDNIGHT, scored
from bench.behaviours.desk_hours import ACTS, QUIET, Said, camera_hour
from bench.behaviours.desk_server import DeskAlert, Listed, through_the_server
from contract.event import Rule, Severity
from server.settings import AlertBudget


def alert(
    at_s: float,
    kampung: int = 0,
    *,
    severity: Severity = Severity.WARNING,
    rule: Rule = Rule.LOITERING,
    true: bool = False,
    late_s: float = 2.0,
) -> DeskAlert:
    at = MIDNIGHT + timedelta(hours=18, seconds=at_s)
    return DeskAlert(kampung, 0, at, at + timedelta(seconds=late_s), rule, severity, 0.5, true)


async def listed(folder: Path, alerts: list[DeskAlert]) -> list[Listed]:
    return await through_the_server(alerts, folder, 12, 1, AlertBudget())


async def test_a_busy_hour_is_cut_to_the_budget_and_what_it_cost_is_counted(tmp_path: Path) -> None:
    warnings = [alert(n, kampung=n, true=n >= 7) for n in range(9)]
    again = [alert(100.0 + n, kampung=n) for n in range(9)]
    critical = [alert(200.0, 10, severity=Severity.CRITICAL, rule=Rule.DISPERSAL, true=True)]

    day = scored(await listed(tmp_path, [*warnings, *again, *critical]))

    assert (day.alerts, day.shown, day.digest, day.worst_hour, day.beyond_budget) == (19, 7, 3, 7, 1)
    assert (day.asked_worst_hour, day.false_shown, day.true_digest) == (10, 6, 2)
    assert (day.critical, day.critical_shown) == (1, 1)


async def test_what_a_broken_link_held_back_counts_in_the_hour_in_which_it_arrives(tmp_path: Path) -> None:
    late = [alert(60.0 * n, kampung=n, late_s=2 * 3600 - 60.0 * n) for n in range(8)]

    day = scored(await listed(tmp_path, late))

    assert (day.shown, day.digest, day.worst_hour) == (6, 2, 6)


def test_an_act_is_found_and_only_what_is_said_of_it_in_its_time_is_true() -> None:
    said = camera_hour(950, QUIET["night"], ACTS["dispersal"])

    assert {Rule.DISPERSAL} <= {one.rule for one in said if one.true}
    assert all(1500.0 <= one.at_s <= 1700.0 for one in said if one.true)
    assert camera_hour(950, QUIET["night"]) == []


def test_a_day_has_the_acts_that_its_kind_names_each_in_a_kampung_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    staged: list[str] = []

    def said(seed: int, street: object, act: object) -> list[Said]:
        del seed, street
        staged.append(next(name for name, one in ACTS.items() if one is act))
        return [Said(1500.0, Rule.DISPERSAL, Severity.CRITICAL, 0.5, true=True)]

    monkeypatch.setattr(desk, "camera_hour", said)
    monkeypatch.setattr(desk, "_library", lambda *_: ((),))
    alerts = list(desk._dealt(1, desk.BUSY_DAY, 1))

    assert sorted(staged) == ["dispersal"] * 4 + ["gathering"] * 6 + ["loiterer"] * 9
    assert len({one.kampung for one in alerts}) == 19
