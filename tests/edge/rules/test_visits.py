from __future__ import annotations

import pytest
from pydantic import ValidationError

from contract.event import Phase, Rule
from contract.reasons import sentence
from edge.config.rules import BriefContactConfig
from edge.rules.engine import CameraBehaviours
from tests.support.scenes import Someone, Where, observations, run, standing, zone_of


def visiting(stays: list[tuple[float, float]]) -> Where:
    """In the zone during each stay, beside it and in the picture otherwise."""

    def where(at_s: float) -> tuple[float, float]:
        inside = any(since <= at_s <= until for since, until in stays)
        x, y = standing(0.7, 0.5)(at_s) or (0.7, 0.5)
        return (x, y) if inside else (x + 0.2, y)

    return where


def test_the_third_visit_of_one_person_is_told_once_the_dwell_of_all_is_enough() -> None:
    stays = [(10.0, 60.0), (120.0, 170.0), (240.0, 330.0)]

    signals = run(CameraBehaviours([zone_of({"revisit": {}})]), observations([Someone(visiting(stays))], 400))

    assert [one.phase for one in signals] == [Phase.BEGAN, Phase.ENDED]
    assert signals[0].rule is Rule.REVISIT
    assert signals[0].captured.mono_s == pytest.approx(260, abs=1.5)
    assert sentence(signals[0].reasons, "en") == "Came 3 times within 4 min 10 s, 2 min in the zone in all"


@pytest.mark.parametrize(
    ("stays", "why"),
    [
        ([(10.0, 100.0), (160.0, 250.0)], "two visits are too few"),
        ([(10.0, 60.0), (70.0, 120.0), (130.0, 200.0)], "absences of ten seconds make one visit"),
        ([(10.0, 25.0), (90.0, 105.0), (170.0, 185.0)], "forty-five seconds in all are too little"),
        ([(10.0, 100.0), (160.0, 250.0), (900.0, 960.0)], "after eleven minutes it is a new beginning"),
    ],
)
def test_what_is_no_revisit(stays: list[tuple[float, float]], why: str) -> None:
    signals = run(CameraBehaviours([zone_of({"revisit": {}})]), observations([Someone(visiting(stays))], 1000, fps=2))

    assert signals == [], why


def test_who_left_the_picture_comes_back_as_a_stranger() -> None:
    visits = [Someone(standing(0.5, 0.5, 100.0 * number, 100.0 * number + 60), number + 1) for number in range(5)]

    assert run(CameraBehaviours([zone_of({"revisit": {}})]), observations(visits, 500, fps=2)) == []


def contact(starts_s: float, seconds: float, track_id: int) -> Someone:
    """Stands aside in the zone, steps up to the stander for a while, and steps back."""

    def where(at_s: float) -> tuple[float, float] | None:
        if not starts_s - 10 <= at_s <= starts_s + seconds + 10:
            return None
        near = starts_s <= at_s <= starts_s + seconds
        return standing(0.53 if near else 0.72, 0.5)(at_s)

    return Someone(where, track_id)


def test_brief_contacts_are_an_entry_for_review_and_never_an_alert() -> None:
    camera = CameraBehaviours([zone_of({"brief_contact": {}})])
    stander = Someone(standing(0.5, 0.5), 1)
    contacts = [contact(100.0 + 60 * number, 15, 10 + number) for number in range(4)]

    alerts = run(camera, observations([stander, *contacts], 400))

    assert alerts == []
    assert [(one.rule, one.phase, one.track_ids) for one in camera.shadow.take()] == [
        (Rule.BRIEF_CONTACT, Phase.BEGAN, (1,))
    ]


def test_a_companion_who_stays_and_those_who_pass_are_no_brief_contacts() -> None:
    camera = CameraBehaviours([zone_of({"brief_contact": {}})])
    stander, companion = Someone(standing(0.5, 0.5), 1), Someone(standing(0.53, 0.5), 2)
    passers = [contact(100.0 + 60 * number, 1.0, 10 + number) for number in range(4)]

    run(camera, observations([stander, companion, *passers], 400))

    assert camera.shadow.take() == ()


def test_brief_contact_in_alert_mode_is_refused() -> None:
    with pytest.raises(ValidationError, match="only ever logged for review: mode must be shadow, got alert"):
        BriefContactConfig.model_validate({"mode": "alert"})
