from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from contract.clock import SystemClock
from contract.errors import ErrorKind
from contract.event import Event, Phase
from contract.heartbeat import Heartbeat
from edge.outbox import Attachment
from edge.sender import IngestClient
from tests.support.delivery import Delivery, delivering, sender_of, server_config
from tests.support.events import building, clip_file, thumbnail_file
from tests.support.ingest import TOKEN, IngestServer, answering, problem
from tests.support.outboxes import open_outbox

CLIP = bytes(range(256)) * 4096  # 1 MiB


def test_events_go_first_and_in_order_then_thumbnails_then_clips(device: Delivery, server: IngestServer) -> None:
    with_clip = _commit_with_clip(device)
    thumbnail, reference = thumbnail_file(device.folder, b"\xff\xd8\xff jpeg")
    with_thumbnail = device.outbox.commit(building(thumbnail=reference), [thumbnail])
    device.outbox.commit(building())
    device.run()
    assert server.sequences() == [1, 2, 3]
    assert server.thumbnails == {with_thumbnail.id: b"\xff\xd8\xff jpeg"}
    assert _clip_of(server, with_clip) == CLIP
    kinds = [request.split("/")[1] for request in server.requests]
    assert kinds == ["events"] * 3 + ["heartbeats", "events"] + ["clips"] * (len(kinds) - 5)
    stats = device.outbox.stats()
    assert (stats.pending_events, stats.pending_thumbnails, stats.pending_clips, stats.parked) == (0, 0, 0, 0)
    status = device.sender.status()
    assert (status.events_sent, status.thumbnails_sent, status.clips_sent, status.fault) == (3, 1, 1, None)


def test_nothing_is_lost_nor_doubled_when_the_server_is_down_for_two_minutes(
    device: Delivery, server: IngestServer
) -> None:
    device.outbox.commit(building())
    device.run()
    server.stop()
    clip_event = _commit_with_clip(device)
    for _ in range(24):
        device.outbox.commit(building())
        device.run(for_s=5.0)
    assert server.sequences() == [1]
    fault = device.sender.status().fault
    assert fault is not None
    assert fault.startswith("no connection")
    assert device.sender.status().failures < 24  # it backs off
    server.start()
    device.run(for_s=60.0)  # the longest wait between two tries
    assert server.sequences() == list(range(1, 27))
    assert _clip_of(server, clip_event) == CLIP
    assert device.sender.status().fault is None


def test_a_server_killed_during_a_clip_upload_goes_on_where_it_stopped(device: Delivery, server: IngestServer) -> None:
    event = _commit_with_clip(device)
    while server.clip_bytes_received < len(CLIP) // 2:
        device.sender.run_once()
    server.stop(abruptly=True)
    device.run(for_s=10.0)
    before = server.clip_bytes_received
    server.start()
    device.run(for_s=60.0)
    assert _clip_of(server, event) == CLIP
    assert server.clip_bytes_received - before < len(CLIP)
    assert server.clip_bytes_received == len(CLIP)


def test_a_sender_killed_during_a_clip_upload_goes_on_where_it_stopped(tmp_path: Path, server: IngestServer) -> None:
    with delivering(tmp_path, server.url) as first:
        event = _commit_with_clip(first)
        while server.clip_bytes_received < len(CLIP) // 2:
            first.sender.run_once()
    with delivering(tmp_path, server.url) as second:
        second.run()
    assert _clip_of(server, event) == CLIP
    assert server.clip_bytes_received == len(CLIP)


def test_an_event_goes_out_between_two_chunks_of_a_clip(device: Delivery, server: IngestServer) -> None:
    _commit_with_clip(device)
    while server.clip_bytes_received == 0:
        device.sender.run_once()
    device.outbox.commit(building())
    device.sender.run_once()
    assert server.sequences() == [1, 2]
    assert server.clip_bytes_received < len(CLIP)


def test_a_reply_that_comes_too_late_leads_to_one_event_only(tmp_path: Path, server: IngestServer) -> None:
    late = threading.Event()

    def answer_late(_request: Request, body: bytes) -> Response | None:
        event = Event.model_validate_json(body)
        server.events[event.id] = event
        late.wait(30.0)  # the sender gives up long before
        return Response(status_code=504)

    with delivering(tmp_path, server.url, reply_timeout_s=0.2) as device:
        device.outbox.commit(building())
        server.faults.append(answer_late)
        wait_s = device.sender.run_once()
        late.set()
        assert wait_s > 0.0
        assert "ReadTimeout" in str(device.sender.status().fault)
        assert device.outbox.stats().pending_events == 1
    with delivering(tmp_path, server.url) as device:
        device.outbox.commit(building())
        device.run(for_s=60.0)
        assert server.sequences() == [1, 2]
        assert device.outbox.stats().pending_events == 0


@pytest.mark.parametrize(
    "refusal",
    [
        problem(422, ErrorKind.UNKNOWN_CAMERA),
        problem(422, ErrorKind.BAD_INPUT),
        problem(409, ErrorKind.CONFLICT),
        problem(413, ErrorKind.TOO_LARGE),
        Response("<html>Request Entity Too Large", 413),
    ],
    ids=["unknown camera", "malformed", "conflict", "too large", "too large for a proxy"],
)
def test_an_event_that_is_refused_for_good_is_parked_with_the_reason_and_blocks_no_other(
    device: Delivery, server: IngestServer, refusal: Response
) -> None:
    refused = device.outbox.commit(building())
    device.outbox.commit(building())
    server.faults.append(answering(refusal))
    device.run()
    assert server.sequences() == [2]
    (parked,) = device.outbox.parked()
    assert parked.event_id == refused.id
    assert parked.reason.startswith(f"status {refusal.status_code}")
    assert device.outbox.stats().parked == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_holds_everything_back_visibly_and_loses_nothing(
    device: Delivery, server: IngestServer, status: int
) -> None:
    event = _commit_with_clip(device)
    server.always = answering(problem(status, ErrorKind.FORBIDDEN))
    device.run(for_s=1800.0)
    assert len(server.requests) < 15
    fault = device.sender.status().fault
    assert fault is not None
    assert fault.startswith(f"the server does not accept this device: status {status}")
    server.always = answering(Response(), "no such path")
    device.run(for_s=900.0)
    assert _clip_of(server, event) == CLIP
    assert device.sender.status().fault is None


def test_the_wait_that_the_server_asks_for_is_kept(device: Delivery, server: IngestServer) -> None:
    device.outbox.commit(building())
    server.faults.append(answering(problem(429, ErrorKind.RATE_LIMITED, {"Retry-After": "120"})))
    assert device.sender.run_once() == 120.0
    device.run(for_s=119.0)
    assert server.sequences() == []
    device.run(for_s=1.0)
    assert server.sequences() == [1]


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>Please log in to the hotspot", 200),
        Response(status_code=302, headers={"Location": "http://127.0.0.1/"}),
        Response("<html>Not Found", 404),
        Response("<html>Bad Gateway", 502),
        problem(503, ErrorKind.UNAVAILABLE),
    ],
    ids=["captive portal", "redirect", "proxy without route", "bad gateway", "unavailable"],
)
def test_a_reply_that_is_not_the_servers_own_is_neither_success_nor_refusal(
    device: Delivery, server: IngestServer, answer: Response
) -> None:
    device.outbox.commit(building())
    server.always = answering(answer, "/events")
    device.run(for_s=300.0)
    stats = device.outbox.stats()
    assert (stats.pending_events, stats.parked) == (1, 0)
    server.always = answering(Response(), "no such path")
    device.run(for_s=60.0)
    assert server.sequences() == [1]


def test_an_event_that_makes_the_server_fail_repeatedly_is_parked_while_the_server_accepts_heartbeats(
    device: Delivery, server: IngestServer
) -> None:
    poison = device.outbox.commit(building())
    device.outbox.commit(building())

    def crash(_request: Request, body: bytes) -> Response | None:
        return Response("oops", 500) if str(poison.id).encode() in body else None

    server.always = crash
    device.run(for_s=3600.0)
    assert server.sequences() == [2]
    assert [item.event_id for item in device.outbox.parked()] == [poison.id]


def test_a_server_that_answers_500_to_everything_makes_nothing_parked(device: Delivery, server: IngestServer) -> None:
    device.outbox.commit(building())
    server.always = answering(Response("oops", 500))
    device.run(for_s=7200.0)
    assert device.outbox.stats().parked == 0
    server.always = answering(Response(), "no such path")
    device.run(for_s=60.0)
    assert server.sequences() == [1]


def test_heartbeats_are_sent_every_30_seconds_also_during_a_long_backlog_of_events(
    device: Delivery, server: IngestServer
) -> None:
    device.run(for_s=90.0)
    assert len(server.heartbeats) == 4
    assert server.heartbeats[-1].device_id == "box-1"
    for _ in range(200):
        device.outbox.commit(building())
    before = len(server.heartbeats)
    for _ in range(200):
        device.clock.advance(1.0)  # each event takes a second on this link
        device.sender.run_once()
    assert len(server.heartbeats) - before >= 3


def test_a_refused_heartbeat_does_not_hold_events_back(device: Delivery, server: IngestServer) -> None:
    server.always = answering(problem(422, ErrorKind.BAD_INPUT), "/heartbeats")
    device.run(for_s=60.0)
    device.outbox.commit(building())
    device.run()
    assert server.sequences() == [1]


def test_a_commit_reaches_the_server_within_milliseconds(tmp_path: Path, server: IngestServer) -> None:
    clock = SystemClock()
    stop = threading.Event()
    with open_outbox(tmp_path, clock) as outbox, IngestClient(server_config(server.url)) as client:
        sender = sender_of(outbox, client, clock)
        thread = threading.Thread(target=sender.run, args=(stop,))
        thread.start()
        try:
            outbox.commit(building())
            _until(lambda: server.sequences() == [1] and bool(server.heartbeats))
            took_s = []
            for count in range(2, 7):
                started_s = clock.mono_s()
                outbox.commit(building(phase=Phase.ENDED))
                _until(lambda count=count: len(server.events) == count)  # type: ignore[misc] # binds the loop's value
                took_s.append(clock.mono_s() - started_s)
        finally:
            stop.set()
            sender.wake()
            thread.join()
    assert min(took_s) < 0.1  # the best of five, because a test machine has other things to do


def test_what_was_refused_is_tried_again_when_the_sender_starts(device: Delivery, server: IngestServer) -> None:
    device.outbox.commit(building())
    server.faults.append(answering(problem(422, ErrorKind.UNKNOWN_CAMERA)))
    device.run()
    assert device.outbox.stats().parked == 1
    stop = threading.Event()
    thread = threading.Thread(target=device.sender.run, args=(stop,))
    thread.start()
    try:
        _until(lambda: server.sequences() == [1])
    finally:
        stop.set()
        device.sender.wake()
        thread.join()
    assert device.outbox.stats().parked == 0


def test_a_bug_in_one_step_does_not_end_all_delivery(
    device: Delivery, server: IngestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([ZeroDivisionError("a bug")])
    heartbeat = device.sender._heartbeat

    def heartbeat_with_a_bug() -> Heartbeat:
        for failure in failures:
            raise failure
        return heartbeat()

    monkeypatch.setattr(device.sender, "_heartbeat", heartbeat_with_a_bug)
    stop = threading.Event()
    thread = threading.Thread(target=device.sender.run, args=(stop,))
    thread.start()
    try:
        _until(lambda: device.sender.status().fault is not None)
        device.clock.advance(120.0)
        device.outbox.commit(building())
        _until(lambda: server.sequences() == [1] and bool(server.heartbeats))
    finally:
        stop.set()
        device.sender.wake()
        thread.join()
    assert device.sender.status().fault is None


def test_the_token_is_in_no_fault_and_no_log_line(
    tmp_path: Path, server: IngestServer, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with delivering(tmp_path, server.url) as device:
        device.outbox.commit(building())
        server.token = "another-token-0123456789"
        device.run(for_s=60.0)
        server.stop()
        device.run(for_s=1800.0)
        assert "no connection" in str(device.sender.status().fault)
        assert TOKEN not in str(device.sender.status())
    assert TOKEN not in caplog.text
    printed = capsys.readouterr()
    assert "delivery_held_back" in printed.out + printed.err + caplog.text
    assert TOKEN not in printed.out + printed.err


def _until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.001)


def _commit_with_clip(device: Delivery, content: bytes = CLIP) -> Event:
    attachment, event = _clip_and_event(device, content)
    assert attachment.path.exists()
    return event


def _clip_and_event(device: Delivery, content: bytes) -> tuple[Attachment, Event]:
    clip, reference = clip_file(device.folder, content)
    return clip, device.outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])


def _clip_of(server: IngestServer, event: Event) -> bytes:
    assert event.data.clip_id is not None
    return bytes(server.clips[event.data.clip_id])
