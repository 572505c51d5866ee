"""From events to an alert: the same whatever the order of arrival."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contract.event import Event, Phase, Severity
from contract.reasons import Reason
from server.ingest.apply import continue_alert, open_alert
from server.store.tables import Alert
from tests.support.events import NOON, new_id
from tests.support.server import event_of, following, with_clip

DEPENDS_ON_ARRIVAL = {"id", "opening_event_id", "received_at", "updated_at"}


def content(alert: Alert) -> dict[str, Any]:
    return {
        column.key: getattr(alert, column.key)
        for column in Alert.__table__.columns
        if column.key not in DEPENDS_ON_ARRIVAL
    }


def arrive(events: tuple[Event, ...]) -> Alert:
    alert = open_alert(new_id(), events[0], NOON)
    for event in events[1:]:
        continue_alert(alert, event, NOON)
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
def test_the_same_events_give_the_same_alert_in_every_order(
    severities: list[Severity], scores: list[float], silent_end: bool
) -> None:
    events = story(severities, scores[: len(severities)], silent_end=silent_end)
    expected = content(arrive(tuple(events)))
    for order in itertools.permutations(events):
        assert content(arrive(order)) == expected


def test_the_trigger_is_what_the_first_event_says_and_the_course_what_the_last_does() -> None:
    events = story([Severity.NOTICE, Severity.CRITICAL], [0.4, 0.9], silent_end=False)
    alert = arrive(tuple(reversed(events)))
    assert (alert.captured_at, alert.trigger_event_id) == (NOON, events[0].id)
    assert (alert.severity, alert.score) == ("critical", 0.9)
    assert alert.ended_at == NOON + timedelta(minutes=5)
    assert alert.clip_id == events[0].data.clip_id
    assert alert.reasons == [reason.model_dump() for reason in events[0].data.reasons]
    assert alert.reasons
    assert (alert.state, alert.version) == ("new", 1)


def test_a_clip_that_replaces_a_stored_one_has_yet_to_arrive() -> None:
    began = event_of(1, clip_id=new_id())
    alert = arrive((began, with_clip(following(began, 2, phase=Phase.CONTINUES), b"clip")))
    alert.clip_stored = True
    continue_alert(alert, following(began, 3, phase=Phase.CONTINUES), NOON)
    assert alert.clip_stored
    other = with_clip(following(began, 4, phase=Phase.CONTINUES, clip_id=new_id()), b"another")
    continue_alert(alert, other, NOON)
    assert (alert.clip_id, alert.clip_stored) == (other.data.clip_id, False)
