"""Verdicts reach the device whatever the server replies, and keep confirmed events out of what is learned as usual."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs

from contract.clock import ManualClock
from contract.errors import ErrorKind
from contract.event import Rule
from contract.verdict import AlertVerdict, VerdictKind, VerdictPage
from edge.learned.confirmed import keep_out
from edge.learned.state import CameraLearned, Pending
from edge.sender import IngestClient, Sender, VerdictInbox
from edge.sender.verdicts import FETCH_EVERY_S
from tests.support.delivery import Delivery, sender_of, server_config
from tests.support.events import NOON, building
from tests.support.ingest import Fault, IngestServer, problem

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
BEGAN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def verdict(cursor: int = 1, kind: VerdictKind = VerdictKind.USEFUL, **changes: object) -> AlertVerdict:
    fields: dict[str, object] = {
        "cursor": cursor,
        "signal_id": f"signal-{cursor}",
        "camera_id": "gate",
        "zone_id": "gang",
        "rule": Rule.OCCUPANCY,
        "began_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=10),
        "verdict": kind,
        "decided_at": BEGAN + timedelta(hours=2),
    }
    return AlertVerdict.model_validate(fields | changes)


def page(*verdicts: AlertVerdict, more: bool = False, cursor: int | None = None) -> Response:
    ends = verdicts[-1].cursor if cursor is None else cursor
    body = VerdictPage(verdicts=verdicts, cursor=ends, more=more).model_dump_json()
    return Response(body, 200, media_type="application/json")


@pytest.fixture
def inbox(device: Delivery) -> VerdictInbox:
    return VerdictInbox(device.folder / "verdicts.json", device.clock)


@pytest.fixture
def sender(device: Delivery, server: IngestServer, inbox: VerdictInbox) -> Iterator[Sender]:
    with IngestClient(server_config(server.url)) as client:
        sender = sender_of(device.outbox, client, device.clock, inbox)
        yield sender


def run(device: Delivery, sender: Sender) -> None:
    replace(device, sender=sender).run()


def paging(*pages: Response) -> Fault:
    """Replies to requests for verdicts with one page after the other, then with the last again."""
    left = list(pages)

    def answer(request: Request, _body: bytes) -> Response | None:
        if not request.url.path.endswith("/verdicts"):
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def fetches(server: IngestServer) -> int:
    return sum(request.endswith("verdicts") for request in server.requests)


def test_pages_are_taken_in_order_until_there_is_no_more(
    device: Delivery, server: IngestServer, inbox: VerdictInbox, sender: Sender
) -> None:
    server.always = paging(page(verdict(3), more=True), page(verdict(7)))
    run(device, sender)
    assert [one.cursor for one in inbox.take()] == [3, 7]
    assert inbox.take() == []
    assert fetches(server) == 2
    assert not inbox.is_due(device.clock.mono_s() + FETCH_EVERY_S - 1)
    assert inbox.is_due(device.clock.mono_s() + FETCH_EVERY_S + 1)


def test_events_do_not_wait_for_verdicts(device: Delivery, server: IngestServer, sender: Sender) -> None:
    device.outbox.commit(building())
    device.outbox.commit(building())
    run(device, sender)
    kinds = [request.split("/")[1] for request in server.requests]
    assert kinds == ["events", "events", "heartbeats", "verdicts"]


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>log in to the hotspot</html>", 200, media_type="text/html"),
        Response('{"verdicts": [{"cursor": "soon"}], "cursor": 1, "more": true}', 200, media_type="application/json"),
        Response("x" * 200_000, 200, media_type="application/json"),
        problem(404, ErrorKind.NOT_FOUND),
        Response("gateway", 502),
    ],
    ids=["portal", "garbage", "too long", "older server", "gateway"],
)
def test_a_reply_that_is_no_page_changes_nothing_and_delays_no_event(
    device: Delivery, server: IngestServer, inbox: VerdictInbox, sender: Sender, answer: Response
) -> None:
    server.always = paging(answer)
    run(device, sender)
    device.outbox.commit(building())
    run(device, sender)
    assert inbox.take() == []
    assert fetches(server) == 1
    assert server.sequences() == [1]
    assert sender.status().fault is None


def newer(cursor: int) -> dict[str, object]:
    """A verdict of a rule that this software does not know."""
    return verdict(cursor).model_dump(mode="json") | {"rule": "climbing"}


def test_verdicts_of_a_newer_rule_are_skipped_and_logged_once(
    device: Delivery, server: IngestServer, inbox: VerdictInbox, sender: Sender
) -> None:
    def answered(*verdicts: dict[str, object], cursor: int, more: bool) -> Response:
        body = json.dumps({"verdicts": verdicts, "cursor": cursor, "more": more, "hint": "of a newer server"})
        return Response(body, 200, media_type="application/json")

    known = verdict(3).model_dump(mode="json") | {"severity": "of a newer server"}
    server.always = paging(
        answered(newer(1), newer(2), cursor=2, more=True),
        answered(known, newer(4), cursor=4, more=False),
    )
    with capture_logs() as logs:
        run(device, sender)
    assert inbox.take() == [verdict(3)]
    assert fetches(server) == 2  # no verdict of the first page could be parsed, and the next was fetched at once
    skipped = [line for line in logs if line["event"] == "verdicts_skipped"]
    assert [line["fields"] for line in skipped] == ["rule"]
    inbox.save_cursor()
    assert json.loads((device.folder / "verdicts.json").read_bytes()) == {"cursor": 4}


def test_a_page_whose_cursor_goes_backwards_is_rejected(tmp_path: Path, server: IngestServer) -> None:
    (tmp_path / "verdicts.json").write_text('{"cursor": 9}', "utf-8")
    inbox = VerdictInbox(tmp_path / "verdicts.json", ManualClock(NOON))
    server.always = paging(page(verdict(4)))
    with IngestClient(server_config(server.url)) as client:
        assert "no page of verdicts after 9" in inbox.fetch(client).reason
    assert inbox.take() == []


def test_verdicts_taken_without_a_saved_cursor_are_fetched_again_after_a_crash(
    tmp_path: Path, server: IngestServer
) -> None:
    path, clock = tmp_path / "verdicts.json", ManualClock(NOON)
    server.always = paging(page(verdict(5)))
    with IngestClient(server_config(server.url)) as client:
        first = VerdictInbox(path, clock)
        first.fetch(client)
        first.save_cursor()
        assert not path.exists()
        first.take()
        again = VerdictInbox(path, clock)
        again.fetch(client)
        assert [one.cursor for one in again.take()] == [5]
        again.save_cursor()
    assert json.loads(path.read_bytes()) == {"cursor": 5}


@pytest.mark.parametrize("stored", ["", "[]", '{"cursor": -3}', '{"cursor": "a"}', '{"other": 1}'])
def test_a_damaged_cursor_file_starts_at_the_first_verdict(tmp_path: Path, server: IngestServer, stored: str) -> None:
    (tmp_path / "verdicts.json").write_text(stored, "utf-8")
    server.always = paging(page(verdict(1)))
    with IngestClient(server_config(server.url)) as client:
        inbox = VerdictInbox(tmp_path / "verdicts.json", ManualClock(NOON))
        inbox.fetch(client)
    assert [one.cursor for one in inbox.take()] == [1]


def test_only_what_was_seen_during_a_confirmed_alert_is_kept_out() -> None:
    learned = CameraLearned()
    zone = learned.zone("gang", SQUARE)
    for minute in range(-10, 30):
        zone.see(Pending((BEGAN + timedelta(minutes=minute)).timestamp(), "count", 12, 0, 9.0))
    assert keep_out(learned, verdict(kind=VerdictKind.NORMAL_ACTIVITY)) == 0
    assert keep_out(learned, verdict(zone_id="pasar")) == 0
    assert keep_out(learned, verdict()) == 14  # from two minutes before to one after
    assert keep_out(learned, verdict()) == 0
    assert len(zone.pending) == 26


def test_an_alert_without_an_end_lasted_until_it_was_judged() -> None:
    learned = CameraLearned()
    zone = learned.zone("gang", SQUARE)
    zone.see(Pending((BEGAN + timedelta(minutes=100)).timestamp(), "count", 13, 0, 9.0))
    assert keep_out(learned, verdict(ended_at=None)) == 1
