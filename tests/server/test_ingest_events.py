"""Events: stored once, whatever a device does."""

from __future__ import annotations

from tests.support.server import API, LiveServer, event_of, send


def test_an_event_opens_an_alert_that_its_operator_sees(live_server: LiveServer) -> None:
    event = event_of()
    receipt = send(live_server.device(), event)
    assert receipt.status_code == 201, receipt.text
    listed = live_server.log_in("operator-bahari").get(f"{API}/alerts").json()["items"]
    assert [alert["id"] for alert in listed] == [receipt.json()["alert_id"]]
    detail = live_server.log_in("operator-bahari").get(f"{API}/alerts/{listed[0]['id']}")
    assert detail.status_code == 200, detail.text
    assert detail.json()["sentence_id"] == "Berada di zona selama 2 mnt 10 dtk"
