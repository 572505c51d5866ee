"""What judged alerts suggest: on distributions whose truth is known, and over HTTP."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import pytest
import yaml

from contract.event import Phase, Rule
from contract.reasons import Reason
from edge.config.rules import ZoneRules
from server.precision.suggestions import Setting, suggestions, verdicts_needed
from server.precision.thresholds import MAX_LOST, MIN_VERDICTS, Raise, Sample, fisher_p, split_at, suggest_raise
from server.store.precision import Course
from tests.server.test_verdicts import close
from tests.support.events import NOON
from tests.support.server import API, LiveServer, event_of, following, send

LIMIT_S = 120.0
CANDIDATES = [LIMIT_S + 15.0 * step for step in range(1, 33)]
USEFUL_S, OTHER_S = 400.0, 40.0
"""How much longer than the limit useful stays and others last on average: exponential, half of all are useful."""


def stays(rng: random.Random, count: int, useful_s: float = USEFUL_S, other_s: float = OTHER_S) -> list[Sample]:
    kinds = [rng.random() < 0.5 for _ in range(count)]
    return [Sample(LIMIT_S + rng.expovariate(1 / (useful_s if kind else other_s)), kind) for kind in kinds]


def truth(at: float) -> tuple[float, float]:
    """The true precision above `at`, and the true share of useful stays that it loses."""
    useful, other = math.exp(-(at - LIMIT_S) / USEFUL_S), math.exp(-(at - LIMIT_S) / OTHER_S)
    return useful / (useful + other), 1 - useful


def suggested(count: int, zones: int, **lasting: float) -> list[Raise]:
    rng = random.Random(1)
    return [raised for _ in range(zones) if (raised := suggest_raise(stays(rng, count, **lasting), CANDIDATES))]


@pytest.mark.parametrize("count", [30, 100, 300])
def test_where_dwell_tells_nothing_hardly_anything_is_suggested(count: int) -> None:
    assert len(suggested(count, 300, useful_s=100.0, other_s=100.0)) <= 3


@pytest.mark.parametrize(("count", "optimism"), [(40, 0.05), (100, 0.02), (300, 0.01)])
def test_the_precision_to_expect_is_near_the_true_one_and_the_loss_stays_small(count: int, optimism: float) -> None:
    made = suggested(count, 200)
    assert len(made) > 50
    assert mean(one.precision.mean - truth(one.at)[0] for one in made) < optimism
    assert mean(one.precision.low <= truth(one.at)[0] <= one.precision.high for one in made) > 0.8
    assert mean(truth(one.at)[1] for one in made) < 0.1
    assert all(one.lost.high <= MAX_LOST for one in made)


def test_of_what_is_cut_most_counts_and_then_the_least_loss() -> None:
    samples = [Sample(value, useful=False) for value in range(121, 141)]
    samples += [Sample(value, useful=True) for value in (150, *range(400, 440))]
    raised = suggest_raise(samples, [135.0, 145.0, 149.0, 160.0])
    assert raised is not None
    assert raised.at == 145.0
    assert (raised.split.kept_useful, raised.split.kept_other) == (41, 0)
    assert (raised.split.cut_useful, raised.split.cut_other) == (0, 20)


def test_too_few_verdicts_suggest_nothing_however_clear_they_are() -> None:
    clear = [Sample(130.0, useful=False)] * 15 + [Sample(500.0, useful=True)] * 15
    assert suggest_raise(clear, CANDIDATES) is not None
    assert suggest_raise(clear[1:], CANDIDATES) is None
    assert len(clear) == MIN_VERDICTS


def test_a_suggestion_that_was_taken_is_not_made_again() -> None:
    before = [Sample(130.0, useful=False, newest=False)] * 20 + [Sample(500.0, useful=True, newest=False)] * 20
    made = suggest_raise([*before, Sample(LIMIT_S + 1.0, useful=False)], CANDIDATES)
    assert made is not None
    after = [*before, Sample(made.at + 60.0, useful=True)]
    assert suggest_raise(after, [made.at]) is None


def test_fishers_test_gives_the_probabilities_of_the_lady_who_tasted_tea() -> None:
    assert fisher_p(1, 3, 3, 1) == pytest.approx(17 / 70)
    assert fisher_p(0, 4, 4, 0) == pytest.approx(1 / 70)
    assert fisher_p(4, 0, 0, 4) == 1.0


def test_a_split_keeps_what_lies_at_the_threshold() -> None:
    split = split_at([Sample(2.0, useful=True), Sample(1.9, useful=True), Sample(2.0, useful=False)], 2.0)
    assert (split.kept_useful, split.kept_other, split.cut_useful, split.cut_other) == (1, 1, 1, 0)


def judged(verdict: str, **changes: object) -> Course:
    reasons: list[dict[str, Any]] = [{"code": "stayed_over_threshold", "params": {"threshold_s": LIMIT_S}}]
    fields: dict[str, Any] = {
        "camera_id": "gate", "zone_id": "ronda", "rule": "loitering", "verdict": verdict, "captured_at": NOON,
        "began_at": NOON, "ended_at": NOON, "stayed_s": 200.0, "score": 0.5, "people_count": 1, "reasons": reasons,
        "config_sha256": "0" * 64, "spot_check_chance": None,
    }  # fmt: skip
    return Course(**(fields | changes))


def clear_stays(**changes: object) -> list[Course]:
    """Useful stays are long, all others end soon after the limit."""
    short = [judged("normal_activity", stayed_s=125.0 + number, **changes) for number in range(20)]
    return short + [judged("useful", stayed_s=400.0 + number, **changes) for number in range(20)]


def in_zone(snippet: str) -> ZoneRules:
    return ZoneRules.model_validate(yaml.safe_load(snippet))


def test_the_snippet_for_a_zone_is_valid_and_raises_the_limit_that_the_alerts_passed() -> None:
    (made,) = suggestions(Rule.LOITERING, clear_stays())
    assert (made.setting, made.present, made.suggested, made.judged) == (Setting.THRESHOLD_S, 120.0, 150.0, 40)
    rules = in_zone(made.snippet)
    assert rules.loitering is not None
    assert rules.loitering.threshold_s == 150.0


def test_nights_are_weighed_apart_from_days() -> None:
    night: list[dict[str, Any]] = [
        {"code": "stayed_over_threshold", "params": {"threshold_s": 60.0}},
        {"code": "by_night", "params": {}},
    ]
    days = [judged("useful", stayed_s=121.0 + number) for number in range(40)]
    (made,) = suggestions(Rule.LOITERING, [*days, *clear_stays(reasons=night)])
    assert (made.setting, made.present) == (Setting.NIGHT_THRESHOLD_S, 60.0)
    assert made.snippet == "loitering:\n  night_threshold_s: 150\n"


def test_stays_that_passed_a_learned_limit_tell_nothing_of_the_one_in_the_settings() -> None:
    learned: list[dict[str, Any]] = [{"code": "longer_than_usual_here", "params": {"usual_s": 300.0}}]
    assert suggestions(Rule.LOITERING, clear_stays(reasons=learned)) == []


def test_a_score_that_tells_stays_from_others_is_suggested_and_camera_faults_do_not_count() -> None:
    alerts = [judged("detector_error", score=0.31 + number / 200) for number in range(20)]
    alerts += [judged("useful", score=0.8) for _ in range(20)]
    faults = [judged("camera_fault", score=0.35) for _ in range(30)]
    (made,) = suggestions(Rule.LOITERING, alerts + faults)
    assert (made.setting, made.present, made.judged) == (Setting.MIN_SCORE, None, 40)
    rules = in_zone(made.snippet)
    assert rules.loitering is not None
    assert rules.loitering.min_score == 0.45


def test_a_crowd_has_to_exceed_the_capacity_that_is_suggested() -> None:
    reasons: list[dict[str, Any]] = [{"code": "people_over_capacity", "params": {"count": 13.0, "capacity": 12.0}}]
    alerts = [judged("normal_activity", people_count=13, reasons=reasons, rule="occupancy") for _ in range(20)]
    alerts += [judged("useful", people_count=16, reasons=reasons, rule="occupancy") for _ in range(20)]
    (made,) = suggestions(Rule.OCCUPANCY, alerts)
    assert (made.present, made.suggested) == (12.0, 13.0)
    rules = in_zone(made.snippet)
    assert rules.occupancy is not None
    assert made.raised.split.cut_other == 20


def test_a_rule_says_how_many_verdicts_it_still_needs_or_that_it_never_suggests() -> None:
    assert verdicts_needed(Rule.LOITERING, []) == MIN_VERDICTS
    assert verdicts_needed(Rule.LOITERING, clear_stays()[:12]) == MIN_VERDICTS - 12
    assert verdicts_needed(Rule.LOITERING, clear_stays()) == 0
    assert verdicts_needed(Rule.RUNNING, []) is None
    assert suggestions(Rule.RUNNING, [judged("useful", rule="running")] * 50) == []


def stay(server: LiveServer, sequence: int, dwell_s: float, began_at: datetime) -> str:
    """A stay from its alert to its end, in the order in which devices send. Returns the alert's id."""
    device = server.device()
    over = Reason(code="stayed_over_threshold", params={"threshold_s": LIMIT_S})
    at_limit = Reason(code="stayed", params={"dwell_s": LIMIT_S + 0.4})
    began = event_of(
        2 * sequence + 1,
        began_at=began_at,
        captured_at=began_at + timedelta(seconds=LIMIT_S + 0.4),
        reasons=(at_limit, over),
    )
    whole = Reason(code="stayed", params={"dwell_s": dwell_s})
    ended = following(
        began,
        2 * sequence + 2,
        phase=Phase.ENDED,
        captured_at=began_at + timedelta(seconds=dwell_s + 9.0),
        reasons=(whole, Reason(code="left_zone")),
    )
    answers = [send(device, event) for event in (began, ended)]
    assert [answer.status_code for answer in answers] == [201, 201]
    return str(answers[0].json()["alert_id"])


def test_a_zone_whose_short_stays_were_never_useful_is_suggested_a_longer_limit(live_server: LiveServer) -> None:
    operator = live_server.log_in("operator-bahari")
    since = datetime.now(UTC) - timedelta(days=10)
    for number in range(MIN_VERDICTS):
        short = number % 2 == 0
        began_at = since + timedelta(hours=number)
        alert_id = stay(live_server, number, 130.0 + number if short else 600.0 + number, began_at)
        close(operator, alert_id, "normal_activity" if short else "useful")

    (zone,) = operator.get(f"{API}/precision").json()["zones"]

    assert zone["verdicts_needed"] == 0
    (made,) = zone["suggestions"]
    assert (made["setting"], made["present"], made["suggested"]) == ("threshold_s", 120.0, 165.0)
    assert [made[key] for key in ("kept_useful", "kept_other", "cut_useful", "cut_other")] == [15, 0, 0, 15]
    assert made["precision_now"]["mean"] == pytest.approx(0.5)
    assert made["precision_then"]["low"] > 0.8
    assert made["snippet"] == "loitering:\n  threshold_s: 165\n"
