"""Events: stored once, whatever a device does."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection
from sqlalchemy.event import listen

from contract.event import Event, Phase, Severity
from contract.reasons import Reason
from server.ingest.batch import EventBatch, Receipt, ReceivedEvent
from tests.support.events import NOON, new_id
from tests.support.server import API, LiveServer, consistency_findings, event_of, following, problem, send


def listed(server: LiveServer, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.log_in("operator-bahari").get(f"{API}/alerts", params=query).json()["items"]
    return items


def test_an_event_opens_an_alert_that_its_operator_sees(live_server: LiveServer) -> None:
    receipt = send(live_server.device(), event_of())
    assert receipt.status_code == 201, receipt.text
    (alert,) = listed(live_server)
    assert alert["id"] == receipt.json()["alert_id"]
    assert alert["sentence_id"] == "Berada di zona selama 2 mnt 10 dtk"
    assert (alert["kampung_name"], alert["camera_name"], alert["zone_name"]) == (
        "Kampung Bahari",
        "Gerbang",
        "Pos ronda",
    )
    assert (alert["state"], alert["ongoing"], alert["version"]) == ("new", True, 1)


def test_the_same_event_twice_is_one_event(live_server: LiveServer) -> None:
    device, event = live_server.device(), event_of()
    first, second = send(device, event), send(device, event)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == {**first.json(), "duplicate": True}
    assert len(listed(live_server)) == 1


def test_the_same_event_with_other_white_space_is_the_same_event(live_server: LiveServer) -> None:
    device, event = live_server.device(), event_of()
    send(device, event)
    spaced = json.dumps(json.loads(event.to_json()), indent=4)
    assert device.post(f"{API}/ingest/events", content=spaced).status_code == 200


def test_a_known_id_with_other_content_is_a_conflict(live_server: LiveServer) -> None:
    device, event = live_server.device(), event_of()
    send(device, event)
    other = Event.wrap(event.id, event.data.model_copy(update={"people_count": 9}))
    problem(send(device, other), 409, "conflict")
    assert listed(live_server)[0]["people_count"] == 1


def test_another_devices_event_id_is_a_conflict_and_changes_nothing(live_server: LiveServer) -> None:
    event = event_of()
    send(live_server.device("box-1"), event)
    before = seen_by_everyone(live_server)
    stolen = Event.wrap(event.id, event_of(1, "kenanga", people_count=9).data)
    problem(send(live_server.device("box-2"), stolen), 409, "conflict")
    assert seen_by_everyone(live_server) == before
    assert send(live_server.device("box-1"), event).json()["duplicate"] is True
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def seen_by_everyone(server: LiveServer) -> dict[str, Any]:
    """Both kampung's alerts in full, and the audit log of what devices did."""
    seen: dict[str, Any] = {}
    for kampung in ("bahari", "kenanga"):
        operator = server.log_in(f"operator-{kampung}")
        ids = [alert["id"] for alert in operator.get(f"{API}/alerts").json()["items"]]
        seen[kampung] = [operator.get(f"{API}/alerts/{alert_id}").json() for alert_id in ids]
    audit = server.log_in("auditor").get(f"{API}/audit").json()["items"]
    seen["audit"] = [entry for entry in audit if entry["actor"].startswith("device:")]
    assert seen["bahari"]
    assert seen["audit"]
    return seen


def test_two_devices_may_use_the_same_signal_id(live_server: LiveServer) -> None:
    signal = new_id()
    first = send(live_server.device("box-1"), event_of(1, signal_id=signal))
    second = send(live_server.device("box-2"), event_of(1, "kenanga", signal_id=signal))
    assert first.json()["alert_id"] != second.json()["alert_id"]


def test_events_of_one_signal_are_one_alert(live_server: LiveServer) -> None:
    device, began = live_server.device(), event_of(1)
    first = send(device, began)
    second = send(device, following(began, 2, phase=Phase.CONTINUES, severity=Severity.CRITICAL))
    ended_at = NOON.replace(minute=9)
    third = send(device, following(began, 3, phase=Phase.ENDED, captured_at=ended_at))
    assert {answer.json()["alert_id"] for answer in (first, second, third)} == {first.json()["alert_id"]}
    (alert,) = listed(live_server)
    assert (alert["ongoing"], alert["ended_at"]) == (False, "2026-11-24T05:09:00Z")
    assert alert["severity"] == "critical"
    assert alert["captured_at"] == "2026-11-24T05:00:00Z"


def test_a_signal_whose_began_is_missing_still_opens_an_alert(live_server: LiveServer) -> None:
    device, began = live_server.device(), event_of(1)
    ended = send(device, following(began, 3, phase=Phase.ENDED, captured_at=NOON.replace(minute=9)))
    assert ended.status_code == 201
    (alert,) = listed(live_server)
    assert (alert["state"], alert["ongoing"]) == ("new", False)
    late = send(device, began)
    assert late.json()["alert_id"] == alert["id"]
    (alert,) = listed(live_server)
    # People may have decided about what they were shown: the event that comes late stands beside it.
    assert (alert["captured_at"], alert["ongoing"]) == ("2026-11-24T05:09:00Z", False)
    detail = live_server.log_in("operator-bahari").get(f"{API}/alerts/{alert['id']}").json()
    assert [entry["kind"] for entry in detail["history"]] == ["opened", "late_facts"]
    assert [event["captured_at"] for event in detail["events"]] == ["2026-11-24T05:00:00Z", "2026-11-24T05:09:00Z"]


def test_a_signal_cannot_move_to_another_camera(live_server: LiveServer) -> None:
    device, began = live_server.device(), event_of(1)
    send(device, began)
    problem(send(device, following(began, 2, camera_id="alley")), 409, "conflict")


@pytest.mark.parametrize("camera_id", ["attic", "market"], ids=["nobody's", "another device's"])
def test_an_unknown_camera_is_refused(live_server: LiveServer, camera_id: str) -> None:
    body = problem(send(live_server.device(), event_of(camera_id=camera_id)), 422, "unknown-camera")
    assert camera_id in body["detail"]


def test_a_camera_under_another_kampungs_name_is_unknown(live_server: LiveServer) -> None:
    event = event_of(kampung_id="kenanga").data.model_copy(update={"camera_id": "gate", "device_id": "box-1"})
    problem(send(live_server.device(), Event.wrap(new_id(), event)), 422, "unknown-camera")


def test_a_device_cannot_speak_in_anothers_name(live_server: LiveServer) -> None:
    problem(send(live_server.device("box-2"), event_of()), 403, "forbidden")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"score": 1.5}, "/data/score"),
        ({"zone_polygon": [[0.1, 0.1], [0.9, 0.9]]}, "/data/zone_polygon"),
        ({"phase": "paused"}, "/data/phase"),
        ({"colour": "red"}, "/data/colour"),
        ({"device_sequence": 2**63}, "/data/device_sequence"),
        ({"reasons": [{"code": "looked_odd", "params": {}}]}, "/data/reasons/0"),
        ({"signal_id": "not-a-uuid"}, "/data/signal_id"),
    ],
)
def test_a_malformed_event_is_refused_with_a_pointer(
    live_server: LiveServer, change: dict[str, Any], pointer: str
) -> None:
    body = json.loads(event_of().to_json())
    body["data"] |= change
    answer = problem(live_server.device().post(f"{API}/ingest/events", json=body), 422, "bad-input")
    assert pointer in [fault["pointer"] for fault in answer["errors"]]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"data": NaN}', b"[" * 5000])
def test_what_is_no_event_at_all_is_refused(live_server: LiveServer, body: bytes) -> None:
    problem(live_server.device().post(f"{API}/ingest/events", content=body), 422, "bad-input")


def test_times_beyond_the_calendar_are_refused(live_server: LiveServer) -> None:
    body = json.loads(event_of().to_json())
    body["data"]["began_at"] = "0001-01-01T00:00:00+14:00"
    problem(live_server.device().post(f"{API}/ingest/events", json=body), 422, "bad-input")


def test_a_body_over_the_limit_is_refused_by_its_declared_length(live_server: LiveServer) -> None:
    answer = live_server.device().post(f"{API}/ingest/events", content=b"x" * (1 << 20) + b"x")
    problem(answer, 413, "too-large")


def test_a_body_over_the_limit_is_refused_while_it_streams(live_server: LiveServer) -> None:
    address = httpx.URL(live_server.base_url)
    head = (
        f"POST {API}/ingest/events HTTP/1.1\r\nHost: {address.host}\r\n"
        f"Authorization: Bearer {live_server.tokens['box-1']}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536)
    with socket.create_connection((address.host, address.port or 80), timeout=20.0) as connection:
        connection.sendall(head.encode() + chunk * (live_server.settings.limits.event_bytes // 65_536))
        connection.sendall(b"1\r\nx\r\n")  # one byte beyond the limit; the body does not end here
        answer = HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())
        assert (answer.status, body["type"]) == (413, "urn:kentongan:problem:too-large")
        assert connection.recv(1) == b"", "the connection stays open for a body that was refused"
    assert listed(live_server) == []


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic Ym94LTE6eA=="])
def test_without_a_valid_token_nothing_is_taken(live_server: LiveServer, header: str) -> None:
    answer = send(live_server.client(Authorization=header), event_of())
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_hundred_events_at_once_are_all_stored(live_server: LiveServer) -> None:
    events = [event_of(number) for number in range(1, 201)]
    device = live_server.device()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda event: send(device, event).status_code, events))
    assert set(answers) == {201}
    client, seen, cursor = live_server.log_in("operator-bahari"), set[str](), ""
    while True:
        page = client.get(f"{API}/alerts", params={"limit": "60", **({"cursor": cursor} if cursor else {})}).json()
        seen |= {alert["id"] for alert in page["items"]}
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert len(seen) == 200
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def test_the_same_event_many_times_at_once_is_one_event(live_server: LiveServer) -> None:
    device, event = live_server.device(), event_of()
    with ThreadPoolExecutor(16) as pool:
        answers = [answer.status_code for answer in pool.map(lambda _: send(device, event), range(32))]
    assert sorted(answers) == [200] * 31 + [201]


def test_an_event_that_the_writer_cannot_store_hurts_no_other(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, poison = EventBatch.apply, event_of(1)

    def failing(batch: EventBatch, received: ReceivedEvent) -> Receipt:
        if received.event.id == poison.id:
            raise RuntimeError("a fault that nobody foresaw")
        return apply(batch, received)

    monkeypatch.setattr(EventBatch, "apply", failing)
    device = live_server.device()
    with ThreadPoolExecutor(8) as pool:
        bad = pool.submit(send, device, poison)
        good = list(pool.map(lambda number: send(device, event_of(number)).status_code, range(2, 30)))
    assert set(good) == {201}
    body = problem(bad.result(), 500, "internal")
    assert "nobody foresaw" not in json.dumps(body)


def test_the_longest_reason_is_a_sentence_in_both_languages(live_server: LiveServer) -> None:
    reasons = (
        Reason(code="people_over_capacity", params={"count": 7, "capacity": 4}),
        Reason(code="lasted", params={"duration_s": 3700}),
    )
    live_server.new_alert(reasons=reasons)
    (alert,) = listed(live_server)
    assert alert["sentence_en"] == "7 people in the zone, the limit is 4, lasted 1 h 1 min"
    assert [reason["code"] for reason in alert["reasons"]] == ["people_over_capacity", "lasted"]


def test_events_are_refused_while_the_database_is_full_and_taken_again_afterwards(live_server: LiveServer) -> None:
    """SQLite is allowed no more pages than it has, and answers SQLITE_FULL as it does on a full disk."""
    engine, device = live_server.services.database._writer.sync_engine, live_server.device()
    pages = 1

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    listen(engine, "begin", limit)
    events = (event_of(number) for number in range(1, 200))
    refused = next(event for event in events if send(device, event).status_code != 201)
    problem(send(device, refused), 507, "storage-full")
    pages = 1_000_000
    assert send(device, refused).status_code == 201
    live_server.stop()
    assert consistency_findings(live_server.settings) == []
