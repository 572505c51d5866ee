"""What verdicts tell of the rules: the arithmetic against closed forms, and the page's numbers over HTTP."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract.event import Rule
from contract.verdict import VerdictKind
from server.precision.estimates import CREDIBLE, beta_cdf, beta_quantile, share, surely_at_most
from server.precision.tally import Tally, together
from tests.server.test_verdicts import close
from tests.support.server import API, LiveServer, problem

URL = f"{API}/precision"


@pytest.mark.parametrize("probability", [0.001, 0.05, 0.5, 0.95, 0.999])
def test_quantiles_are_those_of_the_beta_distributions_that_have_a_formula(probability: float) -> None:
    arcsine = math.sin(math.pi * probability / 2) ** 2
    assert beta_quantile(probability, 0.5, 0.5) == pytest.approx(arcsine, rel=1e-9)
    assert beta_quantile(probability, 1.0, 30.0) == pytest.approx(1 - (1 - probability) ** (1 / 30), rel=1e-9)
    assert beta_cdf(beta_quantile(probability, 3000.5, 1200.5), 3000.5, 1200.5) == pytest.approx(probability, rel=1e-9)
    assert beta_cdf(beta_quantile(probability, 0.5, 900.5), 0.5, 900.5) == pytest.approx(probability, rel=1e-9)
    assert beta_quantile(probability, 400.5, 1.0) == pytest.approx(probability ** (1 / 400.5), rel=1e-9)


def test_the_distribution_agrees_with_sums_of_binomial_terms_and_has_its_ends() -> None:
    # P(Beta(a, b) <= x) = P(Binomial(a + b - 1, x) >= a) for whole a and b.
    for a, b, x in ((3, 5, 0.2), (40, 2, 0.9), (7, 700, 0.01), (1000, 1000, 0.51)):
        n = a + b - 1
        at_least = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1) if n < 1000) or None
        if at_least is not None:
            assert beta_cdf(x, a, b) == pytest.approx(at_least, rel=1e-9)
    assert (beta_cdf(0.0, 2, 3), beta_cdf(1.0, 2, 3)) == (0.0, 1.0)
    assert beta_cdf(0.5, 1000.5, 1000.5) == pytest.approx(0.5, abs=1e-12)


def test_a_bound_is_surely_kept_exactly_where_the_interval_ends_below_it() -> None:
    for hits, misses in ((0, 20), (1, 30), (3, 40), (0, 3), (2, 0), (0, 0), (0.4, 25.5)):
        for bound in (0.02, 0.15, 0.5, 0.9):
            assert surely_at_most(hits, misses, bound) == (share(hits, misses).high <= bound), (hits, misses, bound)


@pytest.mark.parametrize("judged", [5, 20, 100])
def test_an_interval_covers_the_truth_about_as_often_as_it_says(judged: int) -> None:
    shares = [step / 40 for step in range(1, 40)]
    estimates = [share(hits, judged - hits) for hits in range(judged + 1)]

    def covered(truth: float) -> float:
        chances = (math.comb(judged, k) * truth**k * (1 - truth) ** (judged - k) for k in range(judged + 1))
        return math.fsum(chance for chance, one in zip(chances, estimates, strict=True) if one.low <= truth <= one.high)

    assert sum(map(covered, shares)) / len(shares) == pytest.approx(CREDIBLE, abs=0.02)


def test_only_hits_do_not_exclude_that_all_are_hits_and_nothing_at_all_excludes_nothing() -> None:
    assert share(4, 0).high == 1.0
    assert share(4, 0).low > 0.5
    assert share(0, 4).low == 0.0
    assert (share(0, 0).low, share(0, 0).mean, share(0, 0).high) == (0.0, 0.5, 1.0)
    with pytest.raises(ValueError, match="not negative"):
        share(-1, 3)


def test_a_camera_fault_says_nothing_of_a_rule_unless_the_rule_reports_camera_faults() -> None:
    verdicts = {VerdictKind.USEFUL: 3, VerdictKind.DETECTOR_ERROR: 1, VerdictKind.CAMERA_FAULT: 6}
    loitering = Tally(Rule.LOITERING, 12, verdicts)
    health = Tally(Rule.CAMERA_FAULT, 12, verdicts)
    assert (loitering.right, loitering.wrong, loitering.judged) == (3, 1, 10)
    assert (health.right, health.wrong, health.judged) == (9, 1, 10)
    assert loitering.unjudged_share == pytest.approx(1 / 6)
    assert Tally(Rule.LOITERING, 6, {VerdictKind.CAMERA_FAULT: 6}).precision is None


def test_zones_of_a_rule_add_up_and_more_verdicts_than_alerts_are_refused() -> None:
    one = Tally(Rule.GROUP, 5, {VerdictKind.USEFUL: 2})
    other = Tally(Rule.GROUP, 2, {VerdictKind.USEFUL: 1, VerdictKind.NORMAL_ACTIVITY: 1})
    both = together(Rule.GROUP, [one, other])
    assert (both.alerts, both.right, both.wrong) == (7, 3, 1)
    with pytest.raises(ValueError, match="of 1 alerts"):
        Tally(Rule.GROUP, 1, {VerdictKind.USEFUL: 2})


def now_fields() -> dict[str, Any]:
    """What makes an event one of just now, for the report looks back from today."""
    at = datetime.now(UTC) - timedelta(seconds=5)
    return {"captured_at": at, "began_at": at - timedelta(seconds=130)}


def test_the_report_counts_alerts_and_verdicts_by_zone_and_rule(live_server: LiveServer) -> None:
    operator = live_server.log_in("operator-bahari")
    verdicts = ("useful", "useful", "useful", "normal_activity", "camera_fault")
    for sequence, verdict in enumerate(verdicts, 1):
        close(operator, live_server.new_alert(sequence, **now_fields()), verdict)
    live_server.new_alert(8, **now_fields())
    live_server.new_alert(9, rule=Rule.GROUP, camera_id="alley", **now_fields())

    report = operator.get(URL).json()

    alley, gate = report["zones"]
    assert [alley["camera_name"], alley["zone_name"], alley["rule"]] == ["Gang 3", "Gang", "group"]
    assert (alley["alerts"], alley["judged"], alley["precision"]) == (1, 0, None)
    assert [gate[key] for key in ("kampung_name", "camera_name", "zone_name", "rule")] == [
        "Kampung Bahari", "Gerbang", "Pos ronda", "loitering",
    ]  # fmt: skip
    assert (gate["alerts"], gate["judged"]) == (6, 5)
    assert [gate[kind.value] for kind in VerdictKind] == [3, 1, 0, 1]
    assert gate["precision"]["mean"] == pytest.approx(3.5 / 5)
    assert gate["precision"]["low"] < 0.7 < gate["precision"]["high"]
    assert gate["unjudged_share"] == pytest.approx(1 / 6)
    assert [rule["rule"] for rule in report["rules"]] == ["loitering", "group"]


def test_alerts_before_the_window_do_not_count(live_server: LiveServer) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=40)
    live_server.new_alert(1, captured_at=long_ago, began_at=long_ago)
    operator = live_server.log_in("operator-bahari")
    assert operator.get(URL).json()["zones"] == []
    assert [zone["alerts"] for zone in operator.get(URL, params={"days": 41}).json()["zones"]] == [1]


def test_nobody_learns_of_another_kampung_even_by_asking_for_it(live_server: LiveServer) -> None:
    close(live_server.log_in("operator-bahari"), live_server.new_alert(1, **now_fields()), "useful")
    live_server.new_alert(1, kampung_id="kenanga", **now_fields())
    there = live_server.log_in("operator-kenanga")
    for query in ({}, {"kampung": "kenanga"}):
        report = there.get(URL, params=query).json()
        assert [zone["kampung_id"] for zone in report["zones"]] == ["kenanga"]
        assert [(rule["alerts"], rule["judged"]) for rule in report["rules"]] == [(1, 0)]
    assert there.get(URL, params={"kampung": "bahari"}).json()["zones"] == []
    everywhere = live_server.log_in("administrator").get(URL).json()
    assert [(rule["alerts"], rule["judged"]) for rule in everywhere["rules"]] == [(2, 1)]


@pytest.mark.parametrize("query", ["days=0", "days=366", "days=soon", "kampung=../x", "zone=ronda"])
def test_a_question_for_precision_that_makes_no_sense_is_refused(live_server: LiveServer, query: str) -> None:
    problem(live_server.log_in("operator-bahari").get(f"{URL}?{query}"), 422, "bad-input")


def test_a_zone_that_the_site_does_not_know_is_shown_by_its_id(live_server: LiveServer) -> None:
    live_server.new_alert(1, zone_id="belakang", **now_fields())
    (zone,) = live_server.log_in("operator-bahari").get(URL).json()["zones"]
    assert zone["zone_name"] == "belakang"
