from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from contract.event import Phase
from edge.config.hours import CalendarConfig
from edge.learned.counts import CountBaseline, negative_binomial_quantile
from edge.learned.dwell import MAX_SLOTS, DwellMap, UsualStays, cell_of
from edge.learned.flow import FlowMap, direction_of
from edge.learned.state import MAX_PENDING, CameraLearned, Pending, ZoneLearned
from edge.learned.store import LearnedStore
from edge.presence.episodes import Presence
from edge.rules.engine import CameraBehaviours
from edge.rules.learner import ZoneLearner
from edge.rules.moment import ZoneMoment
from tests.support.scenes import NOON_WIB, Someone, instant, observations, run, standing, walking, zone_of

POLYGON = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
DAY_S = 86_400.0


def test_the_quantile_of_a_negative_binomial_agrees_with_samples() -> None:
    rng = np.random.default_rng(1)
    mean, dispersion = 8.0, 0.3
    samples = rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean), 200_000)

    for quantile in (0.5, 0.9, 0.99, 0.999):
        assert negative_binomial_quantile(mean, dispersion, quantile) == pytest.approx(
            np.quantile(samples, quantile), abs=1.5
        )


def test_an_empty_place_has_the_limit_zero() -> None:
    assert negative_binomial_quantile(0.0, 0.1, 0.999) == 0
    assert CountBaseline().limit(5, 0.999) == 0


def test_each_hour_learns_its_own_count_and_borrows_from_its_neighbours_at_first() -> None:
    baseline = CountBaseline()
    for minute in range(60):
        baseline.learn(18, 20.0, minute * 60.0)
        baseline.learn(3, 1.0, minute * 60.0)
    tuesday = baseline.mean(24 + 18)

    assert 1.0 < baseline.mean(3) < 5.0 < baseline.mean(18) < 20.0
    assert tuesday > baseline.mean(24 + 10)
    for week in range(1, 8):
        for minute in range(60):
            baseline.learn(18, 20.0, week * 7 * DAY_S + minute * 60.0)
    assert baseline.mean(18) == pytest.approx(20.0, abs=1.5)


def test_counts_that_swing_widen_the_limit() -> None:
    rng = np.random.default_rng(2)
    steady, swinging = CountBaseline(), CountBaseline()
    for week in range(4):
        for hour in range(168):
            level = float(rng.lognormal(0, 0.6))
            for minute in range(60):
                utc_s = (week * 168 + hour) * 3600.0 + minute * 60
                steady.learn(hour, float(rng.poisson(10)), utc_s)
                swinging.learn(hour, float(rng.poisson(10 * level)), utc_s)

    assert steady.dispersion() < 0.05
    assert swinging.dispersion() > 0.2
    assert swinging.limit(40, 0.999) > 1.5 * steady.limit(40, 0.999)


def test_a_place_where_people_stay_teaches_a_longer_dwell_there_and_nowhere_else() -> None:
    dwell = DwellMap()
    stall, road = cell_of(0.5, 0.5), cell_of(0.1, 0.9)
    for number in range(200):
        dwell.learn(stall, number % 168, 200.0 + number)
        dwell.learn(road, number % 168, 8.0)

    assert dwell.usual(cell_of(0.9, 0.1), 10) is None
    at_stall, on_road = dwell.usual(stall, 10), dwell.usual(road, 10)
    assert at_stall is not None
    assert on_road is not None
    assert 350 < at_stall.limit_s(0.99) < 550
    assert on_road.limit_s(0.99) < 12
    assert (at_stall.share_longer(120), on_road.share_longer(120)) == (1.0, 0.0)
    assert at_stall.share_longer(300) == pytest.approx(0.5, abs=0.06)


def test_the_share_of_longer_stays_falls_evenly_and_ends_at_an_hour() -> None:
    usual = UsualStays((0.0,) * 10 + (3.0, 1.0) + (0.0,) * 16)
    shares = [usual.share_longer(float(dwell_s)) for dwell_s in range(5, 4000)]

    assert shares[0] == 1.0
    assert shares[-1] == 0.0
    assert max(np.diff(shares)) <= 0.0
    assert min(np.diff(shares)) > -0.06
    assert usual.share_longer(usual.limit_s(0.75)) == pytest.approx(0.25)


def test_where_few_stays_are_known_they_are_borrowed_from_a_wider_circle_but_not_from_afar() -> None:
    dwell = DwellMap()
    row, column = 9, 16
    for number in range(50):
        dwell.learn(row * 32 + column, number, 60.0)

    assert dwell.usual(row * 32 + column + 4, 5) is not None
    assert dwell.usual(row * 32 + column + 5, 5) is None


def test_an_hour_with_its_own_stays_differs_from_the_others() -> None:
    dwell = DwellMap()
    cell = cell_of(0.5, 0.5)
    for _ in range(100):
        dwell.learn(cell, 10, 20.0)
        dwell.learn(cell, 20, 600.0)

    morning, evening = dwell.usual(cell, 10), dwell.usual(cell, 20)

    assert morning is not None
    assert evening is not None
    assert morning.limit_s(0.8) < 30 < 500 < evening.limit_s(0.8)


def test_the_dwell_map_is_bounded_and_forgets_slowly() -> None:
    dwell = DwellMap()
    for cell in range(100):
        for hour in range(60):
            dwell.learn(cell, hour, 30.0)
    for _ in range(3000):
        dwell.learn(5, 3, 30.0)

    assert len(dwell.slots) <= MAX_SLOTS
    assert sum(dwell.cells[5]) <= 2001


def test_a_flow_knows_its_direction_only_after_a_minute_of_movement() -> None:
    flow = FlowMap()
    flow.learn(7, (1.0, 0.0), 30.0)
    assert flow.share(7, (1.0, 0.0)) is None
    assert flow.usual_speed() is None
    flow.learn(7, (1.0, 0.1), 40.0)

    assert flow.share(7, (1.0, 0.0)) == 1.0
    assert flow.share(7, (-1.0, 0.0)) == 0.0
    assert flow.usual_speed() == pytest.approx(1.0, abs=0.01)
    assert [direction_of(1, 0), direction_of(0, 1), direction_of(-1, -0.01)] == [0, 2, 4]


def test_what_was_seen_is_learned_a_day_later_unless_it_was_a_confirmed_event() -> None:
    zone = ZoneLearned(POLYGON)
    for minute in range(120):
        zone.see(Pending(minute * 60.0, "count", 10, 0, 50.0 if 30 <= minute <= 40 else 2.0))

    zone.settle(DAY_S / 2)
    assert zone.counts.hours[10].count == 0
    assert zone.exclude(30 * 60.0, 40 * 60.0) == 11
    zone.settle(2 * DAY_S)

    assert zone.counts.hours[10].mean == 2.0
    assert zone.pending == []


def test_too_many_pending_samples_are_learned_early() -> None:
    zone = ZoneLearned(POLYGON)
    for number in range(MAX_PENDING + 10):
        zone.see(Pending(float(number), "dwell", 10, 5, 30.0))

    assert len(zone.pending) == MAX_PENDING
    assert sum(zone.dwell.cells[5]) == 10


def test_learned_state_survives_being_written_and_read(tmp_path: Path) -> None:
    store = LearnedStore(tmp_path / "learned")
    camera = CameraBehaviours([zone_of({"loitering": {}})], learned=store.load("kamera", calibration_version=0).state)
    stream = [Someone(walking((0.02, 0.5), (0.98, 0.5), 2.0 * n, 2.0 * n + 10), n + 1) for n in range(60)]
    run(camera, observations(stream, 130))

    store.save("kamera", camera.learned)
    again = store.load("kamera", calibration_version=0)

    assert again.fault is None
    assert again.state == camera.learned
    assert again.state.zones["gang"].flow.speed_seconds > 60
    assert len(again.state.zones["gang"].pending) > 50
    assert not list((tmp_path / "learned").glob("*.tmp"))


def test_learned_state_holds_numbers_and_names_of_zones_only() -> None:
    camera = CameraBehaviours([zone_of({"loitering": {}})])
    run(camera, observations([Someone(standing(0.5, 0.5, 0, 20))], 60))

    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for one in value.values() for leaf in leaves(one)]
        if isinstance(value, list):
            return [leaf for one in value for leaf in leaves(one)]
        return [value]

    words = {leaf for leaf in leaves(json.loads(camera.learned.encode())) if isinstance(leaf, str)}

    assert words == {"count", "dwell"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "learned state must be JSON of format 1"),
        (b'{"format": 2, "zones": {}}', "format"),
        (b'{"zones": {"gang": {"polygon": [[0, 0]], "counts": {"hours": []}}}}', "tables of the wrong size"),
        (b'{"zones": {"gang": {"polygon": [[0, 0]], "flow": {"cells": {"3": ["x"]}}}}}', "flow"),
    ],
)
def test_damaged_learned_state_is_dropped_with_the_reason_and_begun_anew(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "kamera.json").write_bytes(content)

    loaded = LearnedStore(tmp_path).load("kamera", calibration_version=3)

    assert loaded.fault is not None
    assert says in loaded.fault
    assert loaded.state == CameraLearned(3)


def test_a_new_calibration_and_a_new_polygon_begin_anew(tmp_path: Path) -> None:
    store = LearnedStore(tmp_path)
    state = CameraLearned(1)
    state.zone("gang", POLYGON).dwell.learn(3, 4, 50.0)
    store.save("kamera", state)

    other = store.load("kamera", calibration_version=2)

    assert other.fault is not None
    assert "learned under calibration 1, now it is 2" in other.fault
    assert state.zone("gang", POLYGON).dwell.cells != {}
    assert state.zone("gang", (*POLYGON, (0.1, 0.5))).dwell.cells == {}


def test_a_camera_can_be_made_to_forget(tmp_path: Path) -> None:
    store = LearnedStore(tmp_path)
    store.save("kamera", CameraLearned())

    assert store.reset("kamera")
    assert not store.reset("kamera")


def test_a_disk_that_will_not_take_it_leaves_the_old_state(tmp_path: Path) -> None:
    store = LearnedStore(tmp_path)
    store.save("kamera", CameraLearned(7))
    (tmp_path / "kamera.json.tmp").mkdir()

    with pytest.raises(IsADirectoryError):
        store.save("kamera", CameraLearned(7))

    assert store.load("kamera", calibration_version=7).fault is None


def test_a_learned_place_of_staying_asks_for_more_time_and_says_so() -> None:
    learned = CameraLearned()
    zone = zone_of({"loitering": {}})
    dwell = learned.zone("gang", zone.polygon).dwell
    for number in range(100):
        dwell.learn(cell_of(0.5, 0.5), number, 290.0)
    people = [Someone(standing(0.5, 0.5), 1), Someone(standing(0.25, 0.25), 2)]

    signals = run(CameraBehaviours([zone], learned=learned), observations(people, 420, fps=2))

    assert [(one.track_ids, round(one.captured.mono_s / 10)) for one in signals] == [((2,), 12), ((1,), 34)]
    assert [reason.code for reason in signals[1].reasons][2] == "longer_than_usual_here"


def test_where_a_minority_stays_the_same_stay_must_look_more_like_staying() -> None:
    def alerted(share_of_long_stays: float) -> list[int]:
        learned = CameraLearned()
        zone = zone_of({"loitering": {"threshold_s": 60}})
        dwell = learned.zone("gang", zone.polygon).dwell
        for number in range(200):
            dwell.learn(cell_of(0.5, 0.5), number % 168, 290.0 if number < 200 * share_of_long_stays else 15.0)
        signals = run(CameraBehaviours([zone], learned=learned), observations([Someone(strolls, 1)], 420, fps=2))
        return [round(one.captured.mono_s) for one in signals[:1]]

    def strolls(at_s: float) -> tuple[float, float] | None:
        """Stands, as a person does, and then walks a few steps to the next spot and back."""
        there = standing(0.5, 0.5)(at_s)
        return there and (there[0] + (0.12 if at_s % 40 > 20 else 0.0), there[1])

    usual_nowhere, usual_for_some = alerted(0.0), alerted(0.3)

    assert usual_nowhere == [60]
    assert usual_for_some != [60], "a third of the people here stay that long"
    assert usual_for_some == [] or usual_for_some[0] < 345, "yet it is no place for staying: it need not take longest"


def test_a_stay_is_learned_where_it_took_place_and_not_where_it_ended() -> None:
    camera = CameraBehaviours([zone_of({"loitering": {}})])

    def stays_then_leaves(at_s: float) -> tuple[float, float]:
        return standing(0.5, 0.5)(at_s) or (0.5, 0.5) if at_s < 40 else (min(0.95, 0.5 + 0.05 * (at_s - 40)), 0.5)

    run(camera, observations([Someone(stays_then_leaves, 1)], 60))
    cells = [one.cell for one in camera.learned.zones["gang"].pending if one.kind == "dwell"]

    assert cells == [cell_of(0.5, 0.5)]


def test_special_days_and_unusual_counts_are_not_learned() -> None:
    learned = ZoneLearned(POLYGON)
    learner = ZoneLearner(learned)

    def moment(at_s: float) -> ZoneMoment:
        at = instant(at_s)
        return ZoneMoment(at, CalendarConfig().local(at.utc), Presence(at, (), (), (), ()), metric=False)

    learner.observe(moment(0), unusual=False, special=False)
    learner.observe(moment(100), unusual=True, special=False)
    learner.observe(moment(200), unusual=False, special=True)
    assert len(learned.pending) == 1
    for second in range(300, 8000, 100):
        learner.observe(moment(second), unusual=True, special=False)

    assert len(learned.pending) > 1, "what lasts for hours is the new usual"


def test_an_unusual_count_is_told_after_two_weeks_of_learning_and_the_calendar_can_allow_it() -> None:
    def camera(age_days: float, overrides: list[dict[str, object]]) -> CameraBehaviours:
        learned = CameraLearned()
        zone = zone_of({"unusual_count": {}})
        counts = learned.zone("gang", zone.polygon).counts
        for hour in range(168):
            for minute in range(120):
                start_s = (NOON_WIB - timedelta(days=age_days)).timestamp()
                counts.learn(hour, float(minute % 3), start_s + hour * 3600 + minute * 30)
        calendar = CalendarConfig.model_validate({"overrides": overrides})
        return CameraBehaviours([zone], learned=learned, calendar=calendar)

    crowd = [Someone(standing(0.22 + 0.04 * n, 0.5, 0, 400), n + 1, height=0.1) for n in range(14)]
    fair = {"name": "pasar malam", "starts_at": "2026-03-04T00:00:00+07:00", "ends_at": "2026-03-05T00:00:00+07:00"}

    learning = run(camera(10, []), observations(crowd, 450, fps=2))
    known = run(camera(20, []), observations(crowd, 600, fps=2))
    allowed = run(camera(20, [{**fair, "limit_factor": 4.0}]), observations(crowd, 450, fps=2))
    resting = run(camera(20, [{**fair, "limit_factor": None}]), observations(crowd, 450, fps=2))

    assert [one.phase for one in known] == [Phase.BEGAN, Phase.ENDED]
    assert known[0].captured.mono_s == pytest.approx(301, abs=2)
    assert known[0].people_count == 14
    assert learning == allowed == resting == []


def test_a_detector_that_blinks_does_not_start_the_delay_of_an_unusual_count_anew() -> None:
    def alerted(hidden_s: float) -> list[float]:
        learned = CameraLearned()
        zone = zone_of({"unusual_count": {"learning_days": 1}})
        counts = learned.zone("gang", zone.polygon).counts
        start_s = NOON_WIB.timestamp() - 20 * DAY_S
        for sample in range(168 * 60):
            counts.learn(sample // 60, float(sample % 3), start_s + sample * 60.0)

        def seen(place: float) -> Callable[[float], tuple[float, float] | None]:
            there = standing(place, 0.5)
            return lambda at_s: None if 150 <= at_s < 150 + hidden_s else there(at_s)

        crowd = [Someone(seen(0.22 + 0.04 * n), n + 1, height=0.1) for n in range(14)]
        signals = run(CameraBehaviours([zone], learned=learned), observations(crowd, 500, fps=2))
        return [round(one.captured.mono_s) for one in signals]

    assert alerted(4.0) == [pytest.approx(301, abs=2)]
    assert alerted(12.0) == [pytest.approx(465, abs=8)]
