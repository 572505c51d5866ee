from __future__ import annotations

import math
from functools import partial

import pytest

from contract.event import Phase, Rule, Severity
from contract.reasons import Reason, sentence
from edge.calibration.solve import CalibrationError
from edge.config.calibration import CalibrationConfig
from edge.config.hours import CalendarConfig
from edge.geometry import FramePlane, Located, Polygon
from edge.presence.episodes import Presence
from edge.rules.base import RuleContext
from edge.rules.engine import CameraBehaviours, build_behaviours
from edge.rules.moment import PersonMotion, ZoneMoment
from edge.rules.running import RunningRule
from tests.support.scenes import ASPECT, HEIGHT, Someone, Where, instant, observations, run, standing, walking, zone_of


class FlatPlane(FramePlane):
    """A plane on which the zone of these scenes has two square metres."""

    metric = True

    def area_m2(self, polygon: Polygon) -> float | None:  # noqa: ARG002 -- part of the protocol
        return 2.0

    def locate(self, people: object, aspect: float) -> Located:
        return super().locate(people, aspect)  # type: ignore[arg-type]


def around(count: int, radius: float, starts_s: float = 0.0, ends_s: float = 1e9, first_id: int = 1) -> list[Someone]:
    """People on a circle around the zone's middle; radius in body heights."""
    found = []
    for number in range(count):
        angle = 2 * math.pi * number / count
        x = 0.5 + radius * HEIGHT / ASPECT * math.cos(angle)
        y = 0.5 + radius * HEIGHT * math.sin(angle)
        found.append(Someone(standing(x, y, starts_s, ends_s), first_id + number))
    return found


def test_density_over_the_limit_is_one_critical_incident() -> None:
    camera = CameraBehaviours([zone_of({"density": {"limit_per_m2": 2.0}})], plane=FlatPlane())

    signals = run(camera, observations(around(5, 1.0, 0, 40), 90))

    assert [one.phase for one in signals] == [Phase.BEGAN, Phase.ENDED]
    assert signals[0].severity is Severity.CRITICAL
    assert sentence(signals[0].reasons, "en").startswith("2.5 people per m², the limit is 2.0")
    assert signals[1].reasons[0].code == "below_density"


def test_a_few_close_people_are_no_dense_crowd() -> None:
    camera = CameraBehaviours([zone_of({"density": {"limit_per_m2": 1.0, "min_people": 5}})], plane=FlatPlane())

    assert run(camera, observations(around(4, 1.0), 60)) == []


def test_density_without_calibration_is_refused_and_says_why() -> None:
    with pytest.raises(CalibrationError, match="zone 'gang': density needs square metres, and the camera is not"):
        build_behaviours([zone_of({"density": {}})])


def test_density_on_a_zone_above_the_horizon_is_refused() -> None:
    people = [
        {"foot": [0.4, 0.9], "head": [0.4, 0.55], "height_m": 1.65},
        {"foot": [0.6, 0.7], "head": [0.6, 0.5], "height_m": 1.65},
        {"foot": [0.5, 0.62], "head": [0.5, 0.49], "height_m": 1.65},
    ]
    calibration = CalibrationConfig.model_validate({"people": people})

    with pytest.raises(CalibrationError, match="reaches above the horizon"):
        build_behaviours([zone_of({"density": {}})], calibration=calibration)


def test_three_who_stand_together_for_a_minute_are_a_group_and_two_are_not() -> None:
    three = run(CameraBehaviours([zone_of({"group": {}})]), observations(around(3, 0.6, 0, 100), 150))
    two = run(CameraBehaviours([zone_of({"group": {}})]), observations(around(2, 0.6), 150))

    assert [one.phase for one in three] == [Phase.BEGAN, Phase.ENDED]
    assert three[0].rule is Rule.GROUP
    assert three[0].captured.mono_s == pytest.approx(60.5, abs=1)
    assert three[0].people_count == 3
    assert sentence(three[0].reasons, "en") == "3 people within 1.5 body heights of each other, lasted 1 min"
    assert two == []


def test_people_who_stand_apart_or_only_meet_briefly_are_no_group() -> None:
    apart = run(CameraBehaviours([zone_of({"group": {}})]), observations(around(3, 1.4), 150))
    brief = run(CameraBehaviours([zone_of({"group": {}})]), observations(around(3, 0.6, 0, 40), 150))

    assert apart == []
    assert brief == []


def test_one_who_joins_a_group_makes_no_second_group_and_counts_at_its_end() -> None:
    joined = [*around(3, 0.6, 0, 200), Someone(standing(0.5, 0.5, 90, 200), 9)]

    signals = run(CameraBehaviours([zone_of({"group": {}})]), observations(joined, 260))

    assert [one.phase for one in signals] == [Phase.BEGAN, Phase.ENDED]
    assert signals[1].people_count == 4


def test_a_crowd_that_comes_together_is_told_after_it_has_held() -> None:
    arrivals = [
        Someone(one.where, one.track_id) for number in range(6) for one in around(6, 0.9, 60 + 4 * number)[number:][:1]
    ]

    signals = run(CameraBehaviours([zone_of({"gathering": {}})]), observations(arrivals, 120))

    assert [one.phase for one in signals] == [Phase.BEGAN]
    assert signals[0].captured.mono_s == pytest.approx(72 + 20 + 2, abs=3)
    assert sentence(signals[0].reasons, "en").startswith("From 0 to 6 people within 2 min, people moved closer")


def test_a_gathering_ends_when_the_crowd_has_thinned_out() -> None:
    crowd = around(6, 0.9, 60, 150)

    signals = run(CameraBehaviours([zone_of({"gathering": {}})]), observations(crowd, 260))

    assert [one.phase for one in signals] == [Phase.BEGAN, Phase.ENDED]
    assert signals[1].captured.mono_s == pytest.approx(150 + 10 + 2 + 30, abs=5)
    assert signals[1].reasons[0].code == "crowd_parted"


def test_a_crowd_that_was_there_from_the_start_did_not_gather() -> None:
    assert run(CameraBehaviours([zone_of({"gathering": {}})]), observations(around(8, 0.9), 200)) == []


def test_people_who_come_but_stand_far_apart_did_not_gather() -> None:
    spread = [
        Someone(standing(0.25 + 0.25 * (number % 3), 0.35 + 0.4 * (number // 3), 60), number + 1) for number in range(5)
    ]
    far = [Someone(one.where, one.track_id, height=0.08) for one in spread]

    assert run(CameraBehaviours([zone_of({"gathering": {}})]), observations(far, 150)) == []


def running(angle: float, starts_s: float, speed: float) -> Where:
    """Stands near the middle, then goes outwards; speed in body heights per second."""

    def where(at_s: float) -> tuple[float, float] | None:
        way = (0.4 + max(0.0, at_s - starts_s) * speed) * HEIGHT
        x, y = 0.5 + way / ASPECT * math.cos(angle), 0.5 + way * math.sin(angle)
        return (x, y) if 0.02 < x < 0.98 and 0.21 < y < 0.98 else None

    return where


def test_a_crowd_that_runs_apart_is_told_within_seconds_and_one_that_walks_apart_is_not() -> None:
    def crowd(speed: float) -> list[Someone]:
        return [Someone(running(2 * math.pi * number / 7, 20, speed), number + 1) for number in range(7)]

    ran = run(CameraBehaviours([zone_of({"dispersal": {}})]), observations(crowd(2.2), 60))
    walked = run(CameraBehaviours([zone_of({"dispersal": {}})]), observations(crowd(0.8), 60))

    assert [one.phase for one in ran] == [Phase.BEGAN, Phase.ENDED]
    assert ran[0].severity is Severity.CRITICAL
    assert 20 < ran[0].captured.mono_s < 24
    assert ran[0].people_count == 7
    assert "of the people were gone within 10 s" in sentence(ran[0].reasons, "en")
    assert walked == []


def test_four_who_run_are_no_crowd() -> None:
    few = [Someone(running(2 * math.pi * number / 4, 20, 2.2), number + 1) for number in range(4)]

    assert run(CameraBehaviours([zone_of({"dispersal": {}})]), observations(few, 60)) == []


def test_a_runner_is_told_once_and_a_walker_never() -> None:
    def crossing(seconds: float) -> list[Someone]:
        return [Someone(walking((0.05, 0.5), (0.95, 0.5), 5, 5 + seconds), 1)]

    ran = run(CameraBehaviours([zone_of({"running": {}})]), observations(crossing(3.2), 20))
    walked = run(CameraBehaviours([zone_of({"running": {}})]), observations(crossing(10), 20))

    assert [one.phase for one in ran] == [Phase.BEGAN, Phase.ENDED]
    assert ran[0].rule is Rule.RUNNING
    assert walked == []


def told_of_speeds(speeds_mps: list[float]) -> int:
    """How often running is told of somebody who has these speeds, five times a second."""
    zone = zone_of({"running": {}})
    assert zone.rules.running is not None
    rule = RunningRule(RuleContext(zone, CalendarConfig()), zone.rules.running)
    signals = []
    for number, speed_mps in enumerate(speeds_mps):
        at = instant(number / 5)
        people = (PersonMotion(1, 1, (0.0, 0.0), 1.0, (speed_mps, 0.0), (0.5, 0.5), inside=True),)
        moment = ZoneMoment(at, at.utc, Presence(at, (), (), (), ()), metric=True, load_people=partial(tuple, people))
        signals += rule.observe(moment)
    return sum(one.phase is Phase.BEGAN for one in signals)


def test_feet_that_jump_to_and_fro_behind_something_do_not_run() -> None:
    # As measured on a walker behind the signpost of PETS2009's square.
    assert told_of_speeds([1.3, 1.4, 3.1, 2.7, 2.5, 3.1, 2.5, 2.8, 0.7, 4.3, 3.8, 1.5, 1.4]) == 0
    assert told_of_speeds([1.3, 1.4, 3.1, 3.3, 2.8, 3.4, 3.6, 3.2, 3.1, 3.3, 3.8, 1.5, 1.4]) == 1


def test_against_a_learned_flow_only_the_one_who_goes_the_other_way_is_told() -> None:
    camera = CameraBehaviours([zone_of({"counter_flow": {}})])
    stream = [
        Someone(walking((0.02, 0.45), (0.98, 0.45), 2.0 * number, 2.0 * number + 10), number + 1)
        for number in range(150)
    ]
    against = Someone(walking((0.98, 0.46), (0.02, 0.46), 300, 310), 999)

    signals = run(camera, observations([*stream, against], 330))

    assert [(one.phase, one.track_ids) for one in signals] == [(Phase.BEGAN, (999,)), (Phase.ENDED, (999,))]


def test_an_unknown_flow_has_no_other_way() -> None:
    walker = Someone(walking((0.98, 0.46), (0.02, 0.46), 0, 10), 1)

    assert run(CameraBehaviours([zone_of({"counter_flow": {}})]), observations([walker], 12)) == []


@pytest.mark.parametrize("rule", ["group", "gathering", "dispersal", "running", "counter_flow", "revisit"])
def test_closing_leaves_nothing_open(rule: str) -> None:
    camera = CameraBehaviours([zone_of({rule: {}})])
    began = run(camera, observations(around(6, 0.5, 30), 120))

    ended = camera.close(instant(121), Reason(code="camera_lost"))

    assert len(ended) == sum(one.phase is Phase.BEGAN for one in began)
    assert camera.close(instant(122), Reason(code="camera_lost")) == []
