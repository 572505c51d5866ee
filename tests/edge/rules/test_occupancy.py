from __future__ import annotations

import pytest
from pydantic import ValidationError

from contract.event import Phase, Rule
from contract.reasons import Reason, sentence
from edge.config.rules import OccupancyConfig
from edge.rules.engine import CameraBehaviours
from tests.support.scenes import Someone, Where, instant, observations, run, standing, zone_of


def behaviours(**config: object) -> CameraBehaviours:
    return CameraBehaviours([zone_of({"occupancy": {"capacity": 3, **config}})])


def crowd(count: int, starts_s: float = 0.0, ends_s: float = 1e9, first_id: int = 1) -> list[Someone]:
    return [
        Someone(standing(0.25 + 0.09 * number, 0.5, starts_s, ends_s), first_id + number) for number in range(count)
    ]


def test_a_crowd_over_capacity_is_one_incident_from_its_delay_to_its_end() -> None:
    signals = run(behaviours(), observations(crowd(5, 5, 65), 120))

    assert [signal.phase for signal in signals] == [Phase.BEGAN, Phase.ENDED]
    began, ended = signals
    assert began.rule is Rule.OCCUPANCY
    assert began.captured.mono_s == pytest.approx(15.5, abs=0.5)
    assert began.began.mono_s == pytest.approx(5.5, abs=0.5)
    assert (began.people_count, began.track_ids) == (5, (1, 2, 3, 4, 5))
    assert ended.key == began.key
    assert ended.people_count == 5
    assert ended.captured.mono_s == pytest.approx(87, abs=1.5)
    assert sentence(began.reasons, "en") == "5 people in the zone, the limit is 3, lasted 10 s"


def test_exactly_the_capacity_is_no_crowd() -> None:
    assert run(behaviours(), observations(crowd(3), 60)) == []


def test_jitter_at_the_threshold_makes_one_incident() -> None:
    def flickering(where: Where) -> Where:
        return lambda at_s: None if at_s % 40 > 25 else where(at_s)

    people = [*crowd(3), Someone(flickering(standing(0.6, 0.6)), 9)]

    assert len(run(behaviours(clear_below=2), observations(people, 400))) == 1


def test_a_dip_shorter_than_the_detectors_blink_does_not_restart_the_delay() -> None:
    def blinking(where: Where) -> Where:
        return lambda at_s: None if at_s % 5 < 1.5 else where(at_s)

    people = [*crowd(3), Someone(blinking(standing(0.6, 0.6)), 9)]

    signals = run(behaviours(), observations(people, 30))

    assert signals[0].captured.mono_s == pytest.approx(12.2, abs=1)


def test_a_pause_of_the_picture_proves_no_crowd() -> None:
    seen = (one for one in observations(crowd(5), 62) if not 4 < one.captured.mono_s < 60)

    assert run(behaviours(), seen) == []


def test_people_outside_the_zone_and_tentative_tracks_are_not_counted() -> None:
    outside = [Someone(standing(0.9, 0.3 + 0.1 * number), 20 + number) for number in range(4)]
    tentative = [Someone(standing(0.4, 0.3 + 0.1 * number), 0) for number in range(4)]

    assert run(behaviours(), observations([*crowd(3), *outside, *tentative], 60)) == []


def test_after_it_ended_it_rests_for_its_cool_down() -> None:
    people = [*crowd(5, 0, 30), *crowd(5, 60, 1e9, first_id=11)]

    signals = run(behaviours(cooldown_s=120), observations(people, 300))

    assert [round(one.captured.mono_s) for one in signals] == [11, 52, 182]


def test_closing_ends_the_incident_and_a_new_one_needs_its_delay() -> None:
    camera = behaviours(cooldown_s=0)
    run(camera, observations(crowd(5), 20))

    ended = camera.close(instant(21), Reason(code="worker_restarted"))
    again = run(camera, (one for one in observations(crowd(5), 60) if one.captured.mono_s > 30))

    assert [one.reasons[0].code for one in ended] == ["worker_restarted"]
    assert camera.people_count == 5
    assert again[0].captured.mono_s == pytest.approx(40.5, abs=0.6)


def test_a_clear_level_above_the_capacity_is_refused() -> None:
    with pytest.raises(ValidationError, match="clear_below must be at most the capacity 3, got 4"):
        OccupancyConfig(capacity=3, clear_below=4)
