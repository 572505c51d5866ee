"""Lists, details and decisions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from contract.errors import ErrorKind, KentonganError
from contract.event import Phase, Rule, Severity, TimedBox, TrackSummary
from server.alerts.states import check_transition
from tests.support.events import NOON
from tests.support.server import API, LiveServer, consistency_findings, event_of, following, problem, send


def decide(client: httpx.Client, alert_id: str, version: int, to: str, **more: str) -> httpx.Response:
    body = {"to": to, "expected_version": version, **more}
    return client.post(f"{API}/alerts/{alert_id}/transitions", json=body)


def test_an_alert_is_acknowledged_and_resolved_with_a_verdict(live_server: LiveServer) -> None:
    alert_id, client = live_server.new_alert(), live_server.log_in("operator-bahari")
    taken = decide(client, alert_id, 1, "acknowledged").json()
    assert (taken["state"], taken["acknowledged_by"], taken["version"]) == ("acknowledged", "operator-bahari", 2)
    closed = decide(client, alert_id, 2, "resolved", verdict="useful", note="Patroli dikirim").json()
    assert (closed["state"], closed["verdict"], closed["version"]) == ("resolved", "useful", 3)
    assert [(entry["kind"], entry["to_state"]) for entry in closed["history"]] == [
        ("opened", "new"),
        ("transition", "acknowledged"),
        ("transition", "resolved"),
    ]
    assert [note["note"] for note in closed["notes"]] == ["Patroli dikirim"]


def test_every_decision_writes_one_audit_entry(live_server: LiveServer) -> None:
    alert_id, client = live_server.new_alert(), live_server.log_in("operator-bahari")
    decide(client, alert_id, 1, "acknowledged")
    client.post(f"{API}/alerts/{alert_id}/notes", json={"note": "ramai", "expected_version": 2})
    decide(client, alert_id, 3, "dismissed", verdict="normal_activity")
    audit = live_server.log_in("auditor-bahari").get(f"{API}/audit", params={"actor": "user:operator-bahari"}).json()
    assert [item["action"] for item in audit["items"]] == ["alert.dismissed", "alert.noted", "alert.acknowledged"]
    assert audit["items"][0]["detail"]["verdict"] == "normal_activity"
    assert "ramai" not in str(audit)
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


@pytest.mark.parametrize(
    ("before", "to", "verdict"),
    [
        ("new", "acknowledged", None),
        ("new", "resolved", "useful"),
        ("new", "dismissed", "detector_error"),
        ("acknowledged", "resolved", "camera_fault"),
        ("acknowledged", "dismissed", "normal_activity"),
    ],
)
def test_an_alert_takes_the_documented_ways_between_states(
    live_server: LiveServer, before: str, to: str, verdict: str | None
) -> None:
    client, alert_id = live_server.log_in("operator-bahari"), live_server.new_alert()
    version = 1
    if before == "acknowledged":
        version = decide(client, alert_id, 1, "acknowledged").json()["version"]
    more = {} if verdict is None else {"verdict": verdict}
    answer = decide(client, alert_id, version, to, **more)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["verdict"]) == (to, verdict)


@pytest.mark.parametrize(
    ("before", "to", "verdict", "kind", "words"),
    [
        ("new", "new", None, ErrorKind.CONFLICT, "that is new cannot become new"),
        ("acknowledged", "acknowledged", None, ErrorKind.CONFLICT, "that is acknowledged cannot become acknowledged"),
        ("acknowledged", "new", None, ErrorKind.CONFLICT, "that is acknowledged cannot become new"),
        ("resolved", "dismissed", "useful", ErrorKind.CONFLICT, "that is resolved cannot become dismissed"),
        ("dismissed", "acknowledged", None, ErrorKind.CONFLICT, "that is dismissed cannot become acknowledged"),
        ("new", "resolved", None, ErrorKind.BAD_INPUT, "becomes resolved only with a verdict"),
        ("new", "acknowledged", "useful", ErrorKind.BAD_INPUT, "not to acknowledged"),
    ],
)
def test_every_other_way_between_states_is_refused_with_its_reason(
    before: str, to: str, verdict: str | None, kind: ErrorKind, words: str
) -> None:
    with pytest.raises(KentonganError, match=words) as refused:
        check_transition(before, to, verdict)
    assert refused.value.kind is kind


def test_closing_without_a_verdict_is_refused(live_server: LiveServer) -> None:
    client, alert_id = live_server.log_in("operator-bahari"), live_server.new_alert()
    problem(decide(client, alert_id, 1, "resolved"), 422, "bad-input")


def test_a_closed_alert_stays_closed(live_server: LiveServer) -> None:
    client, alert_id = live_server.log_in("operator-bahari"), live_server.new_alert()
    decide(client, alert_id, 1, "dismissed", verdict="useful")
    problem(decide(client, alert_id, 2, "acknowledged"), 409, "conflict")


def test_a_decision_on_a_stale_version_is_refused_and_names_the_present_one(live_server: LiveServer) -> None:
    client, alert_id = live_server.log_in("operator-bahari"), live_server.new_alert()
    decide(client, alert_id, 1, "acknowledged")
    body = problem(decide(client, alert_id, 1, "resolved", verdict="useful"), 409, "conflict")
    assert "version 2" in body["detail"]


def test_of_two_operators_who_acknowledge_at_once_exactly_one_wins(live_server: LiveServer) -> None:
    clients = [live_server.log_in("operator-bahari") for _ in range(8)]
    for number in range(1, 6):
        alert_id = live_server.new_alert(number)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda c, a=alert_id: decide(c, a, 1, "acknowledged").status_code, clients))
        assert sorted(answers) == [200] + [409] * 7
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def test_what_the_device_reports_meanwhile_makes_no_decision_stale(live_server: LiveServer) -> None:
    began = event_of(1)
    alert_id = send(live_server.device(), began).json()["alert_id"]
    send(live_server.device(), following(began, 2, phase=Phase.ENDED))
    answer = decide(live_server.log_in("operator-bahari"), alert_id, 1, "acknowledged")
    assert (answer.status_code, answer.json()["ongoing"]) == (200, False)


def test_a_note_changes_no_state(live_server: LiveServer) -> None:
    client, alert_id = live_server.log_in("operator-bahari"), live_server.new_alert()
    body = client.post(f"{API}/alerts/{alert_id}/notes", json={"note": "Dua orang", "expected_version": 1}).json()
    assert (body["state"], body["version"], body["notes"][0]["note"]) == ("new", 2, "Dua orang")
    assert body["notes"][0]["actor"] == "user:operator-bahari"


@pytest.mark.parametrize("note", ["", " \n\t ", "x" * 2001])
def test_a_note_has_one_to_two_thousand_characters(live_server: LiveServer, note: str) -> None:
    client, alert_id = live_server.log_in("operator-bahari"), live_server.new_alert()
    answer = client.post(f"{API}/alerts/{alert_id}/notes", json={"note": note, "expected_version": 1})
    problem(answer, 422, "bad-input")


def _open(server: LiveServer, number: int, **changes: object) -> str:
    moment = NOON + timedelta(minutes=number)
    times = {"captured_at": moment, "began_at": moment - timedelta(minutes=2)}
    return server.new_alert(number, "bahari", **{**times, **changes})


def test_a_list_is_newest_first_and_its_pages_neither_repeat_nor_lose(live_server: LiveServer) -> None:
    opened = [_open(live_server, number) for number in range(1, 8)]
    same_moment = [live_server.new_alert(number) for number in range(20, 25)]
    client, seen, cursor = live_server.log_in("operator-bahari"), list[str](), None
    for _ in range(10):
        page = client.get(f"{API}/alerts", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [alert["id"] for alert in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen[:7] == opened[::-1]
    assert sorted(seen[7:]) == sorted(same_moment)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"severity": "critical"}, [2]),
        ({"rule": "occupancy"}, [3]),
        ({"camera": "alley"}, [4]),
        ({"state": "acknowledged"}, [1]),
        ({"since": "2026-11-24T05:03:00Z"}, [4, 3]),
        ({"until": "2026-11-24T12:02:00+07:00"}, [1]),
        ({"kampung": "bahari"}, [4, 3, 2, 1]),
        ({"kampung": "kenanga"}, []),
        ({"severity": "critical", "camera": "alley"}, []),
    ],
)
def test_a_list_is_narrowed_by_what_is_asked(
    live_server: LiveServer, query: dict[str, str], expected: list[int]
) -> None:
    opened = {
        _open(live_server, 1): 1,
        _open(live_server, 2, severity=Severity.CRITICAL): 2,
        _open(live_server, 3, rule=Rule.OCCUPANCY): 3,
        _open(live_server, 4, camera_id="alley"): 4,
    }
    client = live_server.log_in("operator-bahari")
    decide(client, next(iter(opened)), 1, "acknowledged")
    found = client.get(f"{API}/alerts", params=query).json()["items"]
    assert [opened[alert["id"]] for alert in found] == expected


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "2026-11-24T05:00:00"},
        {"state": "open"},
        {"cursor": "x"},
        {"cursor": "!" * 32},
        {"kampng": "bahari"},
        {"kampung": "Bahari!"},
        {"state": ["new"] * 17},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(live_server: LiveServer, query: dict[str, str | list[str]]) -> None:
    problem(live_server.log_in("operator-bahari").get(f"{API}/alerts", params=query), 422, "bad-input")


def test_a_detail_puts_the_boxes_of_all_events_on_one_time_line(live_server: LiveServer) -> None:
    def track(*boxes: tuple[float, float]) -> tuple[TrackSummary, ...]:
        timed = tuple(TimedBox(offset_s=offset_s, box=(x, 0.2, x + 0.1, 0.6)) for offset_s, x in boxes)
        return (TrackSummary(track_id=7, boxes=timed),)

    began = event_of(1, tracks=track((-2.0, 0.1), (0.0, 0.2)))
    alert_id = send(live_server.device(), began).json()["alert_id"]
    later = NOON + timedelta(seconds=10)
    send(live_server.device(), following(began, 2, phase=Phase.CONTINUES, captured_at=later, tracks=track((-5.0, 0.3))))
    detail = live_server.log_in("operator-bahari").get(f"{API}/alerts/{alert_id}").json()
    (path,) = detail["tracks"]
    assert [(box["offset_s"], box["box"][0]) for box in path["boxes"]] == [(-2.0, 0.1), (0.0, 0.2), (5.0, 0.3)]
    assert [box[0] for box in detail["trigger_boxes"]] == [0.2]
    assert detail["zone_polygon"][0] == [0.1, 0.1]
    assert [event["phase"] for event in detail["events"]] == ["began", "continues"]


def test_neighbours_are_of_the_same_camera_and_time(live_server: LiveServer) -> None:
    first, second = _open(live_server, 1), _open(live_server, 5, zone_id="porch")
    _open(live_server, 3, camera_id="alley")
    _open(live_server, 59)
    detail = live_server.log_in("operator-bahari").get(f"{API}/alerts/{first}").json()
    assert [alert["id"] for alert in detail["neighbours"]] == [second]


def test_an_administrator_is_shown_no_picture(live_server: LiveServer) -> None:
    live_server.new_alert()
    alert = live_server.log_in("administrator").get(f"{API}/alerts").json()["items"][0]
    assert (alert["has_thumbnail"], alert["has_clip"]) == (False, False)


def test_a_kampungs_open_alerts_are_counted_by_severity(live_server: LiveServer) -> None:
    client = live_server.log_in("operator-bahari")
    closed = live_server.new_alert(1)
    live_server.new_alert(2)
    live_server.new_alert(3, severity=Severity.CRITICAL)
    live_server.new_alert(4, "kenanga")
    decide(client, closed, 1, "dismissed", verdict="useful")
    (kampung,) = client.get(f"{API}/kampung").json()
    assert (kampung["id"], kampung["open_alerts"]) == ("bahari", {"critical": 1, "warning": 1, "notice": 0})
    assert [camera["id"] for camera in kampung["cameras"]] == ["alley", "gate"]
