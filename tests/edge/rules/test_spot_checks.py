"""Stays that did not alert and are shown as a spot check: which ones, how many, and by chance alone."""

from __future__ import annotations

import random
from statistics import mean

import pytest

from contract.event import Phase, Severity
from contract.reasons import sentence
from edge.learned.dwell import cell_of
from edge.learned.state import CameraLearned
from edge.rules.engine import CameraBehaviours
from edge.rules.spot_checks import HOUR_S, SpotCheckDraw
from tests.support.scenes import MIDNIGHT_WIB, Someone, instant, observations, run, standing, zone_of


class Always(random.Random):
    """Chance that picks everything."""

    def random(self) -> float:
        return 0.0


def behaviours(
    chance: random.Random | None, zone: dict[str, object] | None = None, **loitering: object
) -> CameraBehaviours:
    return CameraBehaviours([zone_of({"loitering": loitering}, **(zone or {}))], spot_checks=chance)


SHORT = [Someone(standing(0.5, 0.5, 10, 100))]
"""Ninety seconds where two minutes are the limit."""


def test_a_stay_just_short_of_the_limit_is_shown_as_over_and_dated_when_the_person_was_last_seen() -> None:
    began, ended = run(behaviours(Always()), observations(SHORT, 130))

    assert (began.phase, ended.phase) == (Phase.BEGAN, Phase.ENDED)
    assert began.key == ended.key
    assert began.spot_check_chance == ended.spot_check_chance == 0.03
    assert began.severity is Severity.NOTICE
    assert began.captured.mono_s == ended.captured.mono_s == pytest.approx(100, abs=0.3)
    assert began.began.mono_s == pytest.approx(10, abs=0.3)
    assert sentence(began.reasons, "en").startswith("Stayed in the zone for 1 min 30 s")
    assert "shorter than the limit of 2 min" in sentence(began.reasons, "en")
    assert sentence(ended.reasons, "en") == "Stayed in the zone for 1 min 30 s"


def test_without_chance_or_with_a_share_of_zero_or_in_shadow_nothing_is_shown() -> None:
    assert run(behaviours(None), observations(SHORT, 130)) == []
    assert run(behaviours(Always(), spot_check_share=0.0), observations(SHORT, 130)) == []
    shadow = behaviours(Always(), mode="shadow")
    assert run(shadow, observations(SHORT, 130)) == []
    assert shadow.shadow.take() == ()


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ([Someone(standing(0.5, 0.5, 10, 60))], "shorter than half of the limit"),
        ([Someone(standing(0.5, 0.5, 10, 100, sway=0.0))], "a thing that does not sway"),
    ],
)
def test_what_is_too_short_or_no_person_is_not_shown(people: list[Someone], why: str) -> None:
    assert run(behaviours(Always()), observations(people, 130)) == [], why


def test_who_alerted_is_not_shown_again_for_audit() -> None:
    signals = run(behaviours(Always()), observations([Someone(standing(0.5, 0.5, 10, 200))], 230))
    assert [(one.phase, one.spot_check_chance) for one in signals] == [(Phase.BEGAN, None), (Phase.ENDED, None)]


def test_a_long_stay_whose_path_looked_like_passing_is_shown_with_its_score() -> None:
    people = [Someone(standing(0.5, 0.5, 10, 200))]
    began, _ = run(behaviours(Always(), min_score=1.0), observations(people, 230))
    assert [reason.code for reason in began.reasons][-1] == "looked_like_passing"
    assert began.reasons[-1].params == {"score": pytest.approx(began.score), "needed": 1.0}


def test_a_long_stay_that_is_usual_for_its_place_is_shown_as_such() -> None:
    learned = CameraLearned()
    zone = zone_of({"loitering": {}})
    dwell = learned.zone("gang", zone.polygon).dwell
    for number in range(100):
        dwell.learn(cell_of(0.5, 0.5), number, 290.0)
    people = [Someone(standing(0.5, 0.5, 10, 200))]
    began, _ = run(CameraBehaviours([zone], learned=learned, spot_checks=Always()), observations(people, 230))
    assert began.spot_check_chance == 0.03
    assert began.reasons[-1].code == "usual_stay_here"
    assert began.reasons[-1].params["usual_s"] > 250.0


def test_where_staying_is_normal_and_outside_the_hours_of_the_rule_nothing_is_shown() -> None:
    everywhere = [{"name": "warung", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]}]
    assert run(behaviours(Always(), {"expected_dwell": everywhere}), observations(SHORT, 130)) == []
    by_day = [{"from": "08:00", "to": "17:00"}]
    night = observations([Someone(standing(0.5, 0.5, 10, 60))], 90, starts_at=MIDNIGHT_WIB)
    assert run(behaviours(Always(), active=by_day), night) == []


def test_a_stay_shown_for_audit_starts_no_cool_down_so_it_cannot_silence_an_alert() -> None:
    people = [*SHORT, Someone(standing(0.3, 0.3, 20, 300), track_id=2)]
    signals = run(behaviours(Always(), cooldown_s=600.0), observations(people, 150))
    assert [one.spot_check_chance for one in signals if one.phase is Phase.BEGAN] == [0.03, None]


def test_the_same_chance_picks_the_same_turns_whoever_stays_and_wherever() -> None:
    def picked(x: float, height: float) -> list[float]:
        people = [
            Someone(standing(x, 0.6, 120.0 * turn, 120.0 * turn + 90.0), track_id=turn + 1, height=height)
            for turn in range(20)
        ]
        camera = behaviours(random.Random(5), spot_check_share=0.05, spot_checks_per_hour=20)
        signals = run(camera, observations(people, 2420, fps=2.0))
        return [round(one.captured.mono_s / 120.0) for one in signals if one.phase is Phase.BEGAN]

    assert picked(0.4, 0.2) == picked(0.65, 0.35)
    assert 0 < len(picked(0.4, 0.2)) < 20


def test_about_the_asked_share_is_picked() -> None:
    draw = SpotCheckDraw(0.03, 20, random.Random(1))
    picks = [draw.draw(instant(HOUR_S * turn)) for turn in range(20_000)]
    assert sum(one is not None for one in picks) / 20_000 == pytest.approx(0.03, abs=0.004)


def hour_of_picks(draw: SpotCheckDraw, hour: int, stays: int) -> list[float]:
    picks = [draw.draw(instant(HOUR_S * (hour + turn / stays))) for turn in range(stays)]
    return [one for one in picks if one is not None]


def test_a_busy_hour_sends_few_more_than_its_bound() -> None:
    draw = SpotCheckDraw(0.03, 1, random.Random(2))
    counts = [len(hour_of_picks(draw, 2 * hour, 1000)) for hour in range(50)]
    assert mean(counts) < 3.5
    assert max(counts) <= 5


def test_weights_of_the_picked_add_up_to_all_stays_beyond_the_bound_too() -> None:
    draw = SpotCheckDraw(0.05, 1, random.Random(3))
    hours, stays = 4000, 60
    weights = [1.0 / chance for hour in range(hours) for chance in hour_of_picks(draw, hour, stays)]
    assert sum(weights) / (hours * stays) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("share", "per_hour"), [(0.0, 1), (1.1, 1), (0.03, 0)])
def test_a_draw_that_could_pick_nothing_or_more_than_all_is_refused(share: float, per_hour: int) -> None:
    with pytest.raises(ValueError, match="share must lie"):
        SpotCheckDraw(share, per_hour, random.Random(1))
