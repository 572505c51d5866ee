"""From events to an alert: its opening facts are the first to arrive, its course is the same in every order."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.event import Event, Phase, Severity
from contract.reasons import Reason
from server.ingest.apply import Change, continue_alert, open_alert
from server.store.tables import Alert
from tests.support.events import NOON, new_id
from tests.support.server import event_of, following, with_clip

OPENING_FACTS = {
    "id", "opening_event_id", "received_at", "updated_at", "first_sequence", "trigger_event_id", "config_sha256",
    "began_at", "captured_at", "time_uncertainty_s", "reasons", "trigger_boxes",
}  # fmt: skip


def content(alert: Alert) -> dict[str, Any]:
    return {
        column.key: getattr(alert, column.key) for column in Alert.__table__.columns if column.key not in OPENING_FACTS
    }


def arrive(events: tuple[Event, ...]) -> Alert:
    alert = open_alert(new_id(), events[0], NOON)
    sealed = events[0].data.clip is not None
    for event in events[1:]:
        continue_alert(alert, event, NOON, clip_is_sealed=sealed)
        sealed = sealed or event.data.clip is not None
    return alert


def story(severities: list[Severity], scores: list[float], *, silent_end: bool) -> list[Event]:
    """A signal's events: began, some that continue it (the last seals the clip), ended."""
    began = event_of(10, clip_id=new_id(), severity=severities[0], score=scores[0])
    events = [began]
    for number, (severity, score) in enumerate(zip(severities[1:], scores[1:], strict=True), 1):
        moment = NOON + timedelta(seconds=10 * number)
        dwell = (Reason(code="stayed", params={"dwell_s": 130.0 + 10 * number}),)
        events.append(
            following(
                began,
                10 + number,
                phase=Phase.CONTINUES,
                captured_at=moment,
                severity=severity,
                score=score,
                reasons=dwell,
            )
        )
    if len(events) > 1:
        events[-1] = with_clip(events[-1], b"clip")
    ended_at = NOON + timedelta(minutes=5)
    reasons = () if silent_end else (Reason(code="left_zone"),)
    events.append(following(began, 99, phase=Phase.ENDED, captured_at=ended_at, reasons=reasons))
    return events


@given(
    severities=st.lists(st.sampled_from(Severity), min_size=1, max_size=3),
    scores=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    silent_end=st.booleans(),
)
def test_the_same_events_give_the_same_course_in_every_order(
    severities: list[Severity], scores: list[float], silent_end: bool
) -> None:
    events = story(severities, scores[: len(severities)], silent_end=silent_end)
    expected = content(arrive(tuple(events)))
    for order in itertools.permutations(events):
        assert content(arrive(order)) == expected


def opening_of(alert: Alert) -> dict[str, Any]:
    return {key: getattr(alert, key) for key in OPENING_FACTS - {"updated_at"}}


def test_opening_facts_are_those_of_the_first_event_and_the_course_is_that_of_all() -> None:
    events = story([Severity.NOTICE, Severity.CRITICAL], [0.4, 0.9], silent_end=False)
    alert = arrive(tuple(events))
    assert (alert.captured_at, alert.trigger_event_id) == (NOON, events[0].id)
    assert (alert.severity, alert.score) == ("critical", 0.9)
    assert alert.ended_at == NOON + timedelta(minutes=5)
    assert alert.clip_id == events[0].data.clip_id
    assert alert.reasons == [reason.model_dump() for reason in events[0].data.reasons]
    assert alert.reasons
    assert (alert.state, alert.version) == ("new", 1)


def test_an_earlier_event_that_comes_later_changes_no_opening_fact_and_stands_in_the_history() -> None:
    alert = arrive((event_of(10),))
    before = opening_of(alert)
    forged = following(event_of(10), 3, captured_at=NOON - timedelta(hours=2), began_at=NOON - timedelta(hours=3))
    assert continue_alert(alert, forged, NOON, clip_is_sealed=False) == [Change.LATE_FACTS]
    assert opening_of(alert) == before


def test_a_promised_clip_may_be_replaced_and_a_sealed_one_stays() -> None:
    began = event_of(1, clip_id=new_id())
    alert = arrive((began,))
    sealed = with_clip(following(began, 2, phase=Phase.CONTINUES, clip_id=new_id()), b"clip")
    assert continue_alert(alert, sealed, NOON, clip_is_sealed=False) == []
    assert alert.clip_id == sealed.data.clip_id
    alert.clip_stored = True
    other = with_clip(following(began, 4, phase=Phase.CONTINUES, clip_id=new_id()), b"another")
    assert continue_alert(alert, other, NOON, clip_is_sealed=True) == [Change.OTHER_CLIP]
    assert (alert.clip_id, alert.clip_stored) == (sealed.data.clip_id, True)


@pytest.mark.parametrize("state", ["resolved", "dismissed"])
def test_a_closed_alert_comes_back_once_when_it_turns_critical(state: str) -> None:
    began = event_of(1, severity=Severity.WARNING)
    alert = arrive((began,))
    alert.state, alert.verdict, alert.version = state, "normal_activity", 2
    milder = following(began, 2, phase=Phase.CONTINUES, severity=Severity.WARNING)
    assert continue_alert(alert, milder, NOON, clip_is_sealed=False) == []
    assert alert.state == state
    worse = following(began, 3, phase=Phase.CONTINUES, severity=Severity.CRITICAL)
    assert continue_alert(alert, worse, NOON, clip_is_sealed=False) == [Change.REOPENED]
    assert (alert.state, alert.version) == ("new", 3)
    assert not alert.verdict
    alert.state = state
    again = following(began, 4, phase=Phase.CONTINUES, severity=Severity.CRITICAL)
    assert continue_alert(alert, again, NOON, clip_is_sealed=False) == []
