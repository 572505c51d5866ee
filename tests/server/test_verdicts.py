"""What a device learns of the decisions about its alerts, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import httpx
import pytest

from contract.clock import SystemClock
from contract.event import Rule
from contract.verdict import AlertVerdict, VerdictPage
from edge.learned.confirmed import keep_out
from edge.learned.state import CameraLearned, Pending
from edge.sender import IngestClient, VerdictInbox, verdict_page
from edge.sender.client import DeliveryOutcome
from tests.support.delivery import server_config
from tests.support.server import API, LiveServer, problem

URL = f"{API}/ingest/verdicts"


def close(client: httpx.Client, alert_id: str, verdict: str, note: str | None = None) -> None:
    to = "resolved" if verdict == "useful" else "dismissed"
    body = {"to": to, "expected_version": 1, "verdict": verdict, "note": note}
    assert client.post(f"{API}/alerts/{alert_id}/transitions", json=body).status_code == 200


def verdicts_of(client: httpx.Client, **query: int) -> VerdictPage:
    answer = client.get(URL, params=query)
    assert answer.status_code == 200, answer.text
    return VerdictPage.model_validate_json(answer.content)


def test_a_verdict_reaches_the_device_whose_alert_it_is(live_server: LiveServer) -> None:
    operator = live_server.log_in("operator-bahari")
    alert_id = live_server.new_alert()
    close(operator, alert_id, "useful")
    shown = operator.get(f"{API}/alerts/{alert_id}").json()
    (told,) = verdicts_of(live_server.device()).verdicts
    assert (told.verdict, told.camera_id, told.zone_id, told.rule) == (
        "useful", shown["camera_id"], shown["zone_id"], shown["rule"],
    )  # fmt: skip
    assert told.began_at.isoformat() == shown["began_at"].replace("Z", "+00:00")


def test_neither_the_person_nor_the_note_goes_to_the_device(live_server: LiveServer) -> None:
    close(live_server.log_in("operator-bahari"), live_server.new_alert(), "useful", note="Pak Budi melapor")
    text = live_server.device().get(URL).text
    assert '"useful"' in text
    assert "operator" not in text
    assert "Budi" not in text


def test_a_device_of_another_kampung_is_told_only_about_its_own(live_server: LiveServer) -> None:
    close(live_server.log_in("operator-bahari"), live_server.new_alert(), "useful")
    assert verdicts_of(live_server.device("box-2")).verdicts == ()
    market = live_server.new_alert(kampung_id="kenanga")
    close(live_server.log_in("operator-kenanga"), market, "camera_fault")
    assert [told.camera_id for told in verdicts_of(live_server.device("box-2")).verdicts] == ["market"]
    assert [told.camera_id for told in verdicts_of(live_server.device()).verdicts] == ["gate"]


def test_an_alert_without_verdict_or_only_taken_on_is_not_told(live_server: LiveServer) -> None:
    alert_id = live_server.new_alert()
    operator = live_server.log_in("operator-bahari")
    operator.post(f"{API}/alerts/{alert_id}/transitions", json={"to": "acknowledged", "expected_version": 1})
    page = verdicts_of(live_server.device())
    assert (page.verdicts, page.cursor, page.more) == ((), 0, False)


def test_pages_go_on_without_gap_or_repeat_in_the_order_of_decisions(live_server: LiveServer) -> None:
    operator = live_server.log_in("operator-bahari")
    alerts = [live_server.new_alert(sequence) for sequence in (1, 2, 3)]
    wanted = ["detector_error", "useful", "normal_activity"]
    for alert_id, verdict in zip(reversed(alerts), wanted, strict=True):
        close(operator, alert_id, verdict)
    device = live_server.device()
    first = verdicts_of(device, limit=2)
    second = verdicts_of(device, limit=2, after=first.cursor)
    assert [told.verdict for told in first.verdicts + second.verdicts] == wanted
    assert (first.more, second.more) == (True, False)
    assert verdicts_of(device, after=second.cursor) == VerdictPage(verdicts=(), cursor=second.cursor, more=False)
    assert verdicts_of(device, limit=2) == first


@pytest.mark.parametrize("query", ["after=-1", "after=soon", "limit=0", "limit=101", f"after={2**53}"])
def test_a_question_that_makes_no_sense_is_refused(live_server: LiveServer, query: str) -> None:
    problem(live_server.device().get(f"{URL}?{query}"), 422, "bad-input")


def test_a_confirmed_crowd_is_kept_out_of_what_the_device_learns(live_server: LiveServer, tmp_path: Path) -> None:
    close(live_server.log_in("operator-bahari"), live_server.new_alert(), "useful")
    inbox = VerdictInbox(tmp_path / "verdicts.json", SystemClock())
    with IngestClient(server_config(live_server.base_url, live_server.tokens["box-1"])) as client:
        assert inbox.fetch(client).outcome is DeliveryOutcome.DELIVERED
    (told,) = inbox.take()
    learned = CameraLearned()
    zone = learned.zone(told.zone_id, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    zone.see(Pending(told.began_at.timestamp(), "count", 12, 0, 30.0))
    zone.see(Pending(told.began_at.timestamp() - 3600.0, "count", 11, 0, 3.0))
    assert keep_out(learned, told) == 1
    assert [sample.value for sample in zone.pending] == [3.0]


class OlderVerdict(AlertVerdict):
    """A verdict as a device reads it that knows only one rule."""

    rule: Literal[Rule.OCCUPANCY]


def test_a_device_that_does_not_know_a_rule_takes_the_verdicts_before_and_behind_it(
    live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = live_server.log_in("operator-bahari")
    rules = (Rule.OCCUPANCY, Rule.RUNNING, Rule.OCCUPANCY)
    for sequence, rule in enumerate(rules, 1):
        close(operator, live_server.new_alert(sequence, rule=rule), "useful")
    monkeypatch.setattr(verdict_page, "AlertVerdict", OlderVerdict)
    inbox = VerdictInbox(tmp_path / "verdicts.json", SystemClock())
    with IngestClient(server_config(live_server.base_url, live_server.tokens["box-1"])) as client:
        assert inbox.fetch(client).outcome is DeliveryOutcome.DELIVERED
        taken = inbox.take()
        assert [told.rule for told in taken] == [Rule.OCCUPANCY, Rule.OCCUPANCY]
        inbox.fetch(client)
        assert inbox.take() == []  # what was skipped is not asked for again
    inbox.save_cursor()
    assert json.loads((tmp_path / "verdicts.json").read_bytes()) == {"cursor": taken[-1].cursor}
