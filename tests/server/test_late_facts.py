"""A device cannot replace what people decided about: what it sends later stands beside it, dated and visible."""

from __future__ import annotations

from datetime import timedelta

from contract.event import Phase, Severity
from tests.support.events import NOON, new_id
from tests.support.server import (
    API,
    LiveServer,
    consistency_findings,
    event_of,
    following,
    send,
    upload_clip,
    with_clip,
)


def decide(server: LiveServer, alert_id: str, to: str, verdict: str) -> None:
    operator = server.log_in("operator-bahari")
    version = operator.get(f"{API}/alerts/{alert_id}").json()["version"]
    body = {"to": to, "verdict": verdict, "expected_version": version}
    answer = operator.post(f"{API}/alerts/{alert_id}/transitions", json=body)
    assert answer.status_code == 200, answer.text


def test_a_resolved_alert_keeps_its_facts_and_clip_and_shows_what_came_later(live_server: LiveServer) -> None:
    device, operator = live_server.device(), live_server.log_in("operator-bahari")
    first = with_clip(event_of(10), b"the first clip")
    alert_id = send(device, first).json()["alert_id"]
    assert first.data.clip is not None
    assert upload_clip(device, first.data.clip.clip_id, b"the first clip").status_code in (200, 201, 204)
    decide(live_server, alert_id, "resolved", "useful")
    before = operator.get(f"{API}/alerts/{alert_id}").json()

    earlier = NOON - timedelta(hours=2)
    forged = following(
        first, 3, phase=Phase.CONTINUES, captured_at=earlier, began_at=earlier, clip=None, clip_id=new_id()
    )
    forged = with_clip(forged, b"another clip")
    assert send(device, forged).status_code == 201

    after = operator.get(f"{API}/alerts/{alert_id}").json()
    for fact in ("captured_at", "began_at", "reasons", "trigger_boxes", "state", "verdict", "version"):
        assert after[fact] == before[fact], fact
    assert after["clip"]["clip_id"] == str(first.data.clip.clip_id)
    assert after["has_clip"]
    added = [(entry["kind"], entry["actor"]) for entry in after["history"][len(before["history"]) :]]
    assert added == [("late_facts", "device:box-1"), ("other_clip", "device:box-1")]
    assert operator.get(f"{API}/alerts/{alert_id}/clip").content == b"the first clip"
    assert consistency_findings(live_server.settings) == []


def test_a_dismissed_alert_that_turns_critical_comes_back_as_new(live_server: LiveServer) -> None:
    device, operator = live_server.device(), live_server.log_in("operator-bahari")
    began = event_of(1, severity=Severity.WARNING)
    alert_id = send(device, began).json()["alert_id"]
    decide(live_server, alert_id, "dismissed", "normal_activity")
    assert send(device, following(began, 2, phase=Phase.CONTINUES, severity=Severity.CRITICAL)).status_code == 201
    alert = operator.get(f"{API}/alerts/{alert_id}").json()
    assert (alert["state"], alert["verdict"], alert["severity"]) == ("new", None, "critical")
    assert alert["history"][-1]["kind"] == "reopened"
    assert consistency_findings(live_server.settings) == []
