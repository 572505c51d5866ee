from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from contract.event import Phase, Rule
from contract.reasons import Reason, sentence
from edge.config.rules import LoiteringConfig
from edge.rules.engine import CameraBehaviours
from tests.support.scenes import (
    MIDNIGHT_WIB,
    Someone,
    instant,
    observations,
    run,
    standing,
    walking,
    zone_of,
)

LOITERING: dict[str, object] = {"loitering": {}}


def behaviours(rules: dict[str, object] = LOITERING, **more: object) -> CameraBehaviours:
    return CameraBehaviours([zone_of(rules, **more)])


def test_a_person_who_stays_over_the_threshold_alerts_once_and_the_signal_ends_when_she_has_left() -> None:
    signals = run(behaviours(), observations([Someone(standing(0.5, 0.5, 10, 400))], 450))

    assert [signal.phase for signal in signals] == [Phase.BEGAN, Phase.ENDED]
    began, ended = signals
    assert began.rule is Rule.LOITERING
    assert began.key == ended.key
    assert began.began.mono_s == pytest.approx(10, abs=0.3)
    assert began.captured.mono_s == pytest.approx(130, abs=1.5)
    assert began.people_count == 1
    assert began.track_ids == (1,)
    assert began.score > 0.5
    assert ended.captured.mono_s == pytest.approx(412, abs=1)
    assert sentence(ended.reasons, "en") == "Stayed in the zone for 6 min 30 s, left the zone"


def test_the_reasons_are_words_that_a_stranger_understands() -> None:
    began = run(behaviours(), observations([Someone(standing(0.5, 0.5))], 140))[0]

    assert sentence(began.reasons, "en").startswith("Stayed in the zone for 2 min")
    assert "longer than the limit of 2 min" in sentence(began.reasons, "en")
    assert "hardly moved from the spot" in sentence(began.reasons, "en")
    assert sentence(began.reasons, "id").startswith("Berada di zona selama 2 mnt")


def test_by_night_the_threshold_is_a_minute_and_in_a_market_five() -> None:
    person = [Someone(standing(0.5, 0.5))]

    by_night = run(behaviours(), observations(person, 100, starts_at=MIDNIGHT_WIB))
    in_market = run(behaviours({"loitering": {"place": "market"}}), observations(person, 320))

    assert by_night[0].captured.mono_s == pytest.approx(60, abs=1.5)
    assert in_market[0].captured.mono_s == pytest.approx(300, abs=1.5)


def test_a_threshold_holds_in_its_hours_and_on_its_days_in_local_time() -> None:
    hours = [{"from": "12:00", "to": "13:00", "days": ["wed"], "threshold_s": 20}]
    rules: dict[str, object] = {"loitering": {"hours": hours}}
    person = [Someone(standing(0.5, 0.5))]

    wednesday = run(behaviours(rules), observations(person, 60, starts_at=datetime(2026, 3, 4, 5, 0, tzinfo=UTC)))
    thursday = run(behaviours(rules), observations(person, 60, starts_at=datetime(2026, 3, 5, 5, 0, tzinfo=UTC)))

    assert wednesday[0].captured.mono_s == pytest.approx(20, abs=1.5)
    assert thursday == []


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 12.5])
def test_the_frame_rate_does_not_change_the_time_to_alert(fps: float) -> None:
    signals = run(behaviours(), observations([Someone(standing(0.5, 0.5))], 140, fps=fps))

    assert signals[0].captured.mono_s == pytest.approx(120, abs=1.5)


def test_skipped_frames_do_not_stretch_time() -> None:
    person = [Someone(standing(0.5, 0.5))]
    sparse = (one for number, one in enumerate(observations(person, 140)) if number % 7 in (0, 1) or number < 50)

    assert run(behaviours(), sparse)[0].captured.mono_s == pytest.approx(120, abs=2)


def test_broken_track_ids_are_one_stay_and_one_alert() -> None:
    def seen(at_s: float) -> tuple[float, float] | None:
        return None if at_s % 25 > 18 else standing(0.5, 0.5)(at_s)

    broken = Someone(seen, track_id=lambda at_s: 1 + int(at_s // 25))
    signals = run(behaviours(), observations([broken], 300))

    assert [signal.phase for signal in signals] == [Phase.BEGAN]
    assert signals[0].captured.mono_s == pytest.approx(120, abs=1.5)
    assert signals[0].track_ids == (1, 2, 3, 4, 5)


def test_passers_by_one_after_another_are_no_loiterer() -> None:
    there = [
        Someone(walking((0.02, 0.5), (0.98, 0.5), start, start + 8), track_id=number)
        for number, start in enumerate(itertools.takewhile(lambda one: one < 590, itertools.count(0, 5)), start=1)
    ]

    assert run(behaviours({"loitering": {"threshold_s": 20}}), observations(there, 600)) == []


def test_a_person_who_walks_through_a_large_zone_for_longer_than_the_threshold_is_none_either() -> None:
    rules: dict[str, object] = {"loitering": {"threshold_s": 20}}
    slow = Someone(walking((0.21, 0.21), (0.79, 0.79), 0, 40), height=0.05)

    assert run(behaviours(rules), observations([slow], 60)) == []


def test_a_tentative_track_is_never_counted() -> None:
    assert run(behaviours(), observations([Someone(standing(0.5, 0.5), track_id=0)], 200)) == []


def test_a_parked_motorbike_seen_as_a_person_never_alerts() -> None:
    parked = Someone(standing(0.5, 0.5, sway=0.001))

    assert run(behaviours(), observations([parked], 2000, fps=2)) == []


def test_a_stay_is_closed_as_resident_like_after_half_an_hour_and_its_place_alerts_no_more() -> None:
    stays = [
        Someone(standing(0.5, 0.5, 0, 2000), track_id=1),
        Someone(standing(0.5, 0.51, 2100, 2600), track_id=2),
        Someone(standing(0.3, 0.4, 2100, 2400), track_id=3),
    ]

    signals = run(behaviours(), observations(stays, 2500, fps=2))

    assert [signal.phase for signal in signals] == [Phase.BEGAN, Phase.ENDED, Phase.BEGAN, Phase.ENDED]
    assert signals[1].captured.mono_s == pytest.approx(1800, abs=2)
    assert signals[1].reasons[1].code == "resident_like"
    assert signals[2].track_ids == (3,)


def test_an_area_of_expected_dwell_asks_for_more_time_or_for_nothing() -> None:
    stall = {"name": "warung", "polygon": [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]}
    at_stall, beside = Someone(standing(0.5, 0.5), 1), Someone(standing(0.3, 0.3), 2)

    never = run(behaviours(expected_dwell=[stall]), observations([at_stall, beside], 400))
    later = run(behaviours(expected_dwell=[{**stall, "threshold_s": 300}]), observations([at_stall], 400))
    evening = {**stall, "hours": [{"from": "18:00", "to": "22:00"}]}
    by_day = run(behaviours(expected_dwell=[evening]), observations([at_stall], 400))

    assert [signal.track_ids for signal in never] == [(2,)]
    assert later[0].captured.mono_s == pytest.approx(300, abs=1.5)
    assert by_day[0].captured.mono_s == pytest.approx(120, abs=1.5)


def test_the_foot_point_must_leave_clearly_before_the_stay_ends() -> None:
    def at_the_edge(at_s: float) -> tuple[float, float]:
        return 0.5 + 0.004 * ((at_s * 0.37) % 1.0), 0.79 + (0.025 if at_s % 10 < 2 else 0.0)

    signals = run(behaviours(), observations([Someone(at_the_edge)], 300))

    assert [signal.phase for signal in signals] == [Phase.BEGAN]
    assert signals[0].captured.mono_s == pytest.approx(120, abs=5)


def test_the_rule_begins_only_in_its_hours_and_after_its_cool_down() -> None:
    active = [{"from": "12:05", "to": "13:00"}]
    late = run(behaviours({"loitering": {"active": active}}), observations([Someone(standing(0.5, 0.5))], 400))
    two = [Someone(standing(0.3, 0.3, 0, 150), 1), Someone(standing(0.6, 0.6, 20), 2)]
    cooled = run(behaviours({"loitering": {"cooldown_s": 60, "threshold_s": 145}}), observations(two, 400))

    assert late[0].captured.mono_s == pytest.approx(300, abs=1.5)
    assert [(one.phase, round(one.captured.mono_s)) for one in cooled[:2]] == [(Phase.BEGAN, 145), (Phase.ENDED, 162)]
    assert cooled[2].captured.mono_s == pytest.approx(222, abs=2)


def test_closing_ends_what_is_open_and_whoever_is_there_begins_anew() -> None:
    camera = behaviours()
    person = [Someone(standing(0.5, 0.5))]
    run(camera, observations(person, 130))

    ended = camera.close(instant(131), Reason(code="camera_lost"))
    after = run(camera, (one for one in observations(person, 400) if one.captured.mono_s > 140))

    assert [(signal.phase, signal.reasons[0].code) for signal in ended] == [(Phase.ENDED, "camera_lost")]
    assert after[0].captured.mono_s == pytest.approx(260, abs=2)
    assert after[0].key != ended[0].key


def test_a_rule_in_shadow_alerts_nobody() -> None:
    assert run(behaviours({"loitering": {"mode": "shadow"}}), observations([Someone(standing(0.5, 0.5))], 400)) == []


def test_time_that_runs_backwards_is_refused() -> None:
    camera = behaviours()
    seen = list(observations([Someone(standing(0.5, 0.5))], 1))
    camera.observe(seen[3])

    with pytest.raises(ValueError, match="must not go back in time"):
        camera.observe(seen[2])


def test_an_own_threshold_by_day_that_is_shorter_than_the_nights_holds_by_night_too() -> None:
    assert LoiteringConfig(threshold_s=20).night_s == 20
    assert LoiteringConfig(threshold_s=200).night_s == 60
    assert LoiteringConfig(threshold_s=20, night_threshold_s=90).night_s == 90
