"""Stays shown as a spot check: who is told of them, what verdicts on them tell, and how often that is true."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from contract.event import Event, Phase, Rule, Severity, SpotCheck
from contract.reasons import Reason
from edge.config.rules import ZoneRules
from server.precision.lowering import MIN_JUDGED, lowerings
from server.precision.recall import MIN_SPOT_CHECKS, Evidence, Seen, evidence, recall_of
from server.precision.suggestions import Setting
from server.store.precision import Course
from tests.server.test_thresholds import judged
from tests.server.test_verdicts import close, verdicts_of
from tests.support.events import NOON
from tests.support.feed import FeedReader
from tests.support.server import API, LiveServer, consistency_findings, event_of, following, problem, send

SHORT = (
    Reason(code="stayed", params={"dwell_s": 90.0}),
    Reason(code="shorter_than_threshold", params={"threshold_s": 120.0}),
)


def spot_check_of(sequence: int, kampung_id: str = "bahari", **changes: object) -> Event:
    at = datetime.now(UTC) - timedelta(seconds=30)
    fields: dict[str, object] = {
        "captured_at": at,
        "began_at": at - timedelta(seconds=90),
        "severity": Severity.NOTICE,
        "reasons": SHORT,
        "spot_check": SpotCheck(chance=0.03),
    }
    return event_of(sequence, kampung_id, **(fields | changes))


def shown(server: LiveServer, event: Event) -> str:
    answer = send(server.device("box-1" if event.data.kampung_id == "bahari" else "box-2"), event)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["alert_id"])


def ids(client: httpx.Client, **query: str | bool) -> list[str]:
    answer = client.get(f"{API}/alerts", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_spot_check_is_in_no_list_count_or_digest_but_in_a_list_of_its_own(
    live_server: LiveServer,
) -> None:
    spot_check_id = shown(live_server, spot_check_of(1))
    alert_id = live_server.new_alert(2)
    operator = live_server.log_in("operator-bahari")

    assert ids(operator) == ids(operator, placement="shown") == [alert_id]
    assert ids(operator, placement="digest") == []
    assert ids(operator, spot_check=True) == [spot_check_id]
    (kampung,) = operator.get(f"{API}/kampung").json()
    assert kampung["open_alerts"] == {"critical": 0, "warning": 1, "notice": 0}
    assert [one["id"] for one in operator.get(f"{API}/alerts/{alert_id}").json()["neighbours"]] == []
    detail = operator.get(f"{API}/alerts/{spot_check_id}").json()
    assert detail["spot_check_chance"] == 0.03
    assert detail["incident"]["reason"] == "spot_check"
    assert operator.get(f"{API}/alerts/{alert_id}").json()["spot_check_chance"] is None


def test_no_console_hears_of_a_spot_check_when_it_arrives_or_is_judged(
    live_server: LiveServer,
) -> None:
    operator = live_server.log_in("operator-bahari")
    with FeedReader(live_server.log_in("operator-bahari"), after=0) as feed:
        spot_check_id = shown(live_server, spot_check_of(1))
        close(operator, spot_check_id, "useful")
        alert_id = live_server.new_alert(2)
        assert feed.next().data["alert"]["id"] == alert_id


def test_an_alert_beside_a_spot_check_begins_an_incident_of_its_own(live_server: LiveServer) -> None:
    at = datetime.now(UTC) - timedelta(minutes=2)
    spot_check_id = shown(live_server, spot_check_of(1, captured_at=at))
    alert_id = live_server.new_alert(2, captured_at=at, began_at=at)
    mate_id = live_server.new_alert(3, captured_at=at, began_at=at)
    operator = live_server.log_in("operator-bahari")
    details = [operator.get(f"{API}/alerts/{one}").json() for one in (spot_check_id, alert_id, mate_id)]
    incidents = {one["id"]: one["incident"]["id"] for one in details}
    assert incidents == {spot_check_id: spot_check_id, alert_id: alert_id, mate_id: alert_id}
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def test_what_is_shown_as_a_spot_check_stays_so_and_an_alert_never_becomes_it(live_server: LiveServer) -> None:
    device = live_server.device()
    spot_check = spot_check_of(1)
    shown(live_server, spot_check)
    problem(send(device, following(spot_check, 2, spot_check=None)), 409, "conflict")
    alert = event_of(3)
    send(device, alert)
    problem(send(device, following(alert, 4, spot_check=SpotCheck(chance=0.03))), 409, "conflict")
    assert send(device, following(spot_check, 5, phase=Phase.ENDED)).status_code == 201


def test_a_verdict_on_a_spot_check_reaches_the_device_but_counts_for_no_precision(live_server: LiveServer) -> None:
    operator = live_server.log_in("operator-bahari")
    close(operator, shown(live_server, spot_check_of(1)), "useful")
    shown(live_server, spot_check_of(2))
    assert [told.verdict for told in verdicts_of(live_server.device()).verdicts] == ["useful"]
    (zone,) = operator.get(f"{API}/precision").json()["zones"]
    assert (zone["alerts"], zone["judged"], zone["precision"], zone["open_spot_checks"]) == (0, 0, None, 1)
    assert zone["recall"] == {"share": None, "spot_checked": 1, "needed": MIN_SPOT_CHECKS - 1, "missed": 0.0}


def test_another_kampung_learns_nothing_of_a_spot_check(live_server: LiveServer) -> None:
    spot_check_id = shown(live_server, spot_check_of(1))
    there = live_server.log_in("operator-kenanga")
    assert ids(there, spot_check=True) == []
    problem(there.get(f"{API}/alerts/{spot_check_id}"), 404, "not-found")
    assert there.get(f"{API}/precision").json()["zones"] == []
    body = {"to": "resolved", "verdict": "useful", "expected_version": 1}
    problem(there.post(f"{API}/alerts/{spot_check_id}/transitions", json=body), 404, "not-found")


def test_recall_is_told_once_enough_spot_checks_are_judged(live_server: LiveServer) -> None:
    operator = live_server.log_in("operator-bahari")
    since = datetime.now(UTC) - timedelta(days=5)
    sequence = 0
    for number in range(MIN_SPOT_CHECKS + 1):
        sequence += 1
        close(
            operator,
            shown(live_server, spot_check_of(sequence, captured_at=since + timedelta(hours=number))),
            "useful" if number in {3, 7} else "normal_activity",
        )
    for number in range(9):
        sequence += 1
        at = since + timedelta(hours=number, minutes=30)
        close(operator, live_server.new_alert(sequence, captured_at=at, began_at=at), "useful")

    (zone,) = operator.get(f"{API}/precision").json()["zones"]

    assert zone["recall"]["needed"] == 0
    assert zone["recall"]["missed"] == pytest.approx(2 / 0.03)
    share = zone["recall"]["share"]
    assert share["low"] < 9 / (9 + 2 / 0.03) < share["high"]


def zone_seen(rng: random.Random, found: float, missed: float, others: float, chance: float) -> Evidence:
    """A zone in which so many useful stays alert and so many do not, on average; four fifths of all are judged."""
    alerts = [_seen(rng, useful=True) for _ in range(_poisson(rng, found))]
    short = [True] * _poisson(rng, missed) + [False] * _poisson(rng, others)
    spot_checks = [_seen(rng, useful=useful, chance=chance) for useful in short if rng.random() < chance]
    return evidence(alerts, spot_checks)


def _seen(rng: random.Random, *, useful: bool, chance: float = 1.0) -> Seen:
    at = NOON + timedelta(hours=rng.uniform(0.0, 720.0))
    return Seen(at, useful if rng.random() < 0.8 else None, chance)


def _poisson(rng: random.Random, expected: float) -> int:
    count, at = 0, rng.expovariate(1.0)
    while at < expected:
        count, at = count + 1, at + rng.expovariate(1.0)
    return count


@pytest.mark.parametrize(("found", "missed"), [(60.0, 20.0), (60.0, 180.0), (20.0, 2.0)])
def test_the_interval_of_recall_holds_the_truth_about_as_often_as_it_says(found: float, missed: float) -> None:
    rng = random.Random(7)
    truth = found / (found + missed)
    shares = [
        share
        for _ in range(300)
        if (recall := recall_of([zone_seen(rng, found, missed, 1500.0, 0.03)])) and (share := recall.share)
    ]
    assert len(shares) == 300
    assert 0.84 <= sum(one.low <= truth <= one.high for one in shares) / 300 <= 0.99


def test_zones_that_are_spot_checked_at_different_rates_are_summed_by_what_each_stay_stands_for() -> None:
    rng = random.Random(8)
    means = []
    for _ in range(200):
        recall = recall_of([zone_seen(rng, 300.0, 400.0, 500.0, 0.05), zone_seen(rng, 300.0, 2000.0, 500.0, 0.02)])
        assert recall is not None
        assert recall.share is not None
        means.append(recall.share.mean)
    assert sum(means) / 200 == pytest.approx(600 / 3000, abs=0.02)


def test_alerts_from_before_and_after_the_time_of_spot_checks_do_not_count() -> None:
    spot_checks = [Seen(NOON + timedelta(hours=hour), useful=hour == 5, chance=0.03) for hour in range(12)]
    inside = [Seen(NOON + timedelta(hours=2), useful=True)]
    outside = [Seen(NOON + timedelta(hours=hour), useful=True) for hour in (-2, 20) for _ in range(50)]
    assert evidence(inside + outside, spot_checks) == evidence(inside, spot_checks)
    assert recall_of([]) is None
    assert recall_of([evidence(inside, [])]) is None


def test_without_any_useful_spot_check_a_recall_of_one_is_not_excluded_and_nothing_is_certain() -> None:
    spot_checks = [Seen(NOON + timedelta(hours=hour), useful=False, chance=0.03) for hour in range(40)]
    recall = recall_of([evidence([Seen(NOON + timedelta(hours=2), useful=True)] * 5, spot_checks)])
    assert recall is not None
    assert recall.share is not None
    assert recall.share.high == 1.0
    assert recall.share.low < 0.5
    assert math.isclose(recall.missed, 0.0)


def stays(dwells_s: list[float], verdict: str, **changes: object) -> list[Course]:
    return [
        judged(
            verdict,
            spot_check_chance=0.03,
            reasons=[
                {"code": "stayed", "params": {"dwell_s": dwell_s}},
                {"code": "shorter_than_threshold", "params": {"threshold_s": 120.0}},
            ],
            **changes,
        )
        for dwell_s in dwells_s
    ]


def test_a_limit_is_lowered_to_where_most_is_gained_and_the_snippet_is_valid() -> None:
    useful = stays([91.0 + number for number in range(25)], "useful")
    others = stays([61.0 + number for number in range(28)], "normal_activity")
    (made,) = lowerings(Rule.LOITERING, useful + others)
    assert (made.setting, made.present) == (Setting.THRESHOLD_S, 120.0)
    assert made.suggested == 90.0
    assert (made.added_useful, made.added_other) == (25, 0)
    assert made.more == pytest.approx(25 / 0.03)
    rules = ZoneRules.model_validate(yaml.safe_load(made.snippet))
    assert rules.loitering is not None
    assert rules.loitering.threshold_s == 90.0


def test_few_spot_checks_or_doubtful_ones_suggest_no_lower_limit() -> None:
    assert lowerings(Rule.LOITERING, stays([100.0] * (MIN_JUDGED - 1), "useful")) == []
    assert lowerings(Rule.LOITERING, stays([100.0] * 20, "useful") + stays([100.0] * 16, "normal_activity")) == []
    assert lowerings(Rule.LOITERING, [replace(one, verdict=None) for one in stays([100.0] * 40, "useful")]) == []


def test_a_lower_score_is_suggested_from_stays_that_were_long_enough() -> None:
    reasons: list[dict[str, Any]] = [
        {"code": "stayed", "params": {"dwell_s": 300.0}},
        {"code": "looked_like_passing", "params": {"score": 0.22, "needed": 0.3}},
    ]
    spot_checks = [judged("useful", spot_check_chance=0.03, score=0.22, reasons=reasons) for _ in range(25)]
    (made,) = lowerings(Rule.LOITERING, spot_checks)
    assert (made.setting, made.present, made.suggested) == (Setting.MIN_SCORE, 0.3, 0.2)
