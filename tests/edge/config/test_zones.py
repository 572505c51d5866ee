from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
import yaml
from pydantic import ValidationError

from edge.config.hours import CalendarConfig, Hours
from edge.config.rules import LoiteringConfig, ZoneRules
from edge.config.zones import ZoneConfig

ZONE = {"id": "gang", "name": "Gang", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], "rules": {"loitering": {}}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def holds(hours: Mapping[str, object], when: str, **calendar: object) -> bool:
    known = CalendarConfig.model_validate(calendar)
    return Hours.model_validate(hours).contain(known.local(at(when)), known)


def test_a_zone_with_two_points_is_refused_with_reason_and_location() -> None:
    with pytest.raises(ValidationError) as refused:
        ZoneConfig.model_validate({**ZONE, "polygon": [[0.1, 0.1], [0.9, 0.9]]})

    (fault,) = refused.value.errors()
    assert fault["loc"] == ("polygon",)
    assert "a polygon needs at least 3 points, got 2 points" in fault["msg"]


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        ({"id": "Gang Masuk"}, "id", "should match pattern"),
        ({"name": ""}, "name", "at least 1 character"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
        ({"rules": {}}, "rules", "a zone needs at least one rule; known: loitering, revisit"),
        ({"rules": {"loitering": {"treshold_s": 9}}}, "rules/loitering/treshold_s", "Extra inputs are not permitted"),
        ({"rules": {"loitering": {"threshold_s": 1}}}, "rules/loitering/threshold_s", "greater than or equal to 5"),
        ({"rules": {"occupancy": {}}}, "rules/occupancy/capacity", "Field required"),
        (
            {"rules": {"density": {"limit_per_m2": 1, "clear_per_m2": 2}}},
            "rules/density",
            "at most limit_per_m2",
        ),
        (
            {"expected_dwell": [{"name": "warung", "polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}]},
            "expected_dwell/0/polygon",
            "crosses or touches",
        ),
    ],
)
def test_a_fault_in_a_zone_is_reported_at_its_location(change: dict[str, object], where: str, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ZoneConfig.model_validate({**ZONE, **change})

    faults = {"/".join(str(part) for part in fault["loc"]): fault["msg"] for fault in refused.value.errors()}
    assert says in faults[where]


@pytest.mark.parametrize(
    ("when", "inside"),
    [
        ("2026-03-04T21:59+07:00", False),
        ("2026-03-04T22:00+07:00", True),
        ("2026-03-05T04:59+07:00", True),
        ("2026-03-05T05:00+07:00", False),
    ],
)
def test_hours_over_midnight_apply_on_both_sides_of_it(when: str, inside: bool) -> None:
    assert holds({"from": "22:00", "to": "05:00"}, when) is inside


def test_hours_over_midnight_belong_to_the_day_on_which_they_start() -> None:
    friday_night = {"from": "22:00", "to": "05:00", "days": ["fri"]}

    assert holds(friday_night, "2026-03-07T03:00+07:00")
    assert not holds(friday_night, "2026-03-06T03:00+07:00")


def test_equal_times_mean_the_whole_day_and_no_times_do_too() -> None:
    assert holds({"days": ["wed"]}, "2026-03-04T00:00+07:00")
    assert holds({"from": "06:00", "to": "06:00", "days": ["wed"]}, "2026-03-05T05:59+07:00")
    assert not holds({"days": ["wed"]}, "2026-03-05T00:00+07:00")


def test_hours_are_local_and_a_holiday_is_a_day_of_its_own() -> None:
    holiday = {"days": ["holiday"]}

    assert holds({"from": "12:00", "to": "13:00"}, "2026-03-04T05:30+00:00")
    assert not holds({"from": "12:00", "to": "13:00"}, "2026-03-04T05:30+00:00", timezone="Asia/Jayapura")
    assert holds(holiday, "2026-03-20T10:00+07:00", holidays=["2026-03-20"])
    assert not holds(holiday, "2026-03-21T10:00+07:00", holidays=["2026-03-20"])


def test_a_time_that_yaml_reads_as_a_number_is_parsed_as_minutes() -> None:
    hours = Hours.model_validate(yaml.safe_load("{from: 22:30, to: 05:00}"))

    assert (hours.starts.hour, hours.starts.minute, hours.ends.hour) == (22, 30, 5)


@pytest.mark.parametrize("wrong", ["25:00", "7", "7:5", "noon", 1440, -1, True, "22:00:00"])
def test_an_invalid_time_of_day_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="a time of day is written as 22:30"):
        Hours.model_validate({"from": wrong})


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="unknown time zone 'Asia/Jakrta'; expected an IANA name"):
        CalendarConfig(timezone="Asia/Jakrta")


def test_an_override_applies_between_its_ends_and_in_its_hours() -> None:
    ramadan = {
        "name": "Ramadan",
        "starts_at": "2026-02-18T00:00:00+07:00",
        "ends_at": "2026-03-20T00:00:00+07:00",
        "hours": [{"from": "18:00", "to": "22:00"}],
    }
    calendar = CalendarConfig.model_validate({"overrides": [ramadan]})

    evening = calendar.override_at(at("2026-03-04T19:00+07:00"))
    assert evening is not None
    assert evening.name == "Ramadan"
    assert calendar.override_at(at("2026-03-04T12:00+07:00")) is None
    assert calendar.override_at(at("2026-03-20T19:00+07:00")) is None


def test_an_override_that_ends_before_it_starts_is_refused() -> None:
    backwards = {"name": "x", "starts_at": "2026-03-20T00:00:00+07:00", "ends_at": "2026-03-19T00:00:00+07:00"}

    with pytest.raises(ValidationError, match="override 'x' must end after it starts"):
        CalendarConfig.model_validate({"overrides": [backwards]})


def test_no_rule_is_on_unless_it_is_named() -> None:
    rules = ZoneRules.model_validate({"loitering": {}})

    assert [name for name in ZoneRules.model_fields if getattr(rules, name) is not None] == ["loitering"]


def test_the_place_sets_the_thresholds() -> None:
    street, market = LoiteringConfig(), LoiteringConfig.model_validate({"place": "market"})

    assert (street.day_s, street.night_s) == (120, 60)
    assert (market.day_s, market.night_s) == (300, 300)
