"""The live feed: at once, in order, resumable, and only what is granted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.clock import ManualClock
from contract.event import Phase, TimedBox, TrackSummary
from contract.heartbeat import CameraState
from server.alerts.placements import PlacementService
from server.auth.accounts import AccountService
from server.auth.passwords import Passwords
from server.auth.sessions import Person
from server.live.feed import FeedBatch, LiveFeed
from server.permissions import Grant, Role
from server.store import users
from server.store.database import Database
from tests.support.events import new_id
from tests.support.feed import FeedReader
from tests.support.server import (
    API,
    CHEAP_HASHER,
    LiveServer,
    Template,
    copied_server,
    event_of,
    following,
    heartbeat_of,
    problem,
    send,
)


def test_an_alert_is_told_when_it_opens_and_when_it_changes(live_server: LiveServer) -> None:
    began = event_of(1)
    with FeedReader(live_server.log_in("operator-bahari")) as feed:
        alert_id = send(live_server.device(), began).json()["alert_id"]
        created = feed.next()
        assert (created.event, created.data["kind"], created.data["alert"]["id"]) == ("alert", "created", alert_id)
        send(live_server.device(), following(began, 2, phase=Phase.ENDED))
        updated = feed.next()
        assert (updated.data["kind"], updated.data["alert"]["ongoing"]) == ("updated", False)
        body = {"to": "acknowledged", "expected_version": 1}
        live_server.log_in("operator-bahari").post(f"{API}/alerts/{alert_id}/transitions", json=body)
        acknowledged = feed.next()
        assert acknowledged.data["alert"]["acknowledged_by"] == "operator-bahari"
        assert created.id < updated.id < acknowledged.id


def test_nothing_of_another_kampung_is_told(live_server: LiveServer) -> None:
    with FeedReader(live_server.log_in("operator-kenanga"), after=0) as feed:
        live_server.new_alert(1, "bahari")
        live_server.device().post(
            f"{API}/ingest/heartbeats", content=heartbeat_of("box-1", "gate").model_dump_json()
        ).raise_for_status()
        kenanga = live_server.new_alert(1, "kenanga")
        assert feed.next().data["alert"]["id"] == kenanga
        assert feed.nothing_more()


def test_a_client_that_comes_back_is_told_what_it_missed(live_server: LiveServer) -> None:
    with FeedReader(live_server.log_in("operator-bahari")) as feed:
        first = live_server.new_alert(1)
        seen = feed.next()
    missed = [live_server.new_alert(number) for number in (2, 3)]
    with FeedReader(live_server.log_in("operator-bahari"), after=seen.id) as feed:
        assert [feed.next().data["alert"]["id"] for _ in missed] == missed
        assert feed.nothing_more()
    assert first == seen.data["alert"]["id"]


def test_a_new_client_is_told_from_now_on(live_server: LiveServer) -> None:
    live_server.new_alert(1)
    with FeedReader(live_server.log_in("operator-bahari")) as feed:
        assert feed.nothing_more()


def test_a_position_beyond_the_end_counts_as_the_end(live_server: LiveServer) -> None:
    with FeedReader(live_server.log_in("operator-bahari"), after=10**9) as feed:
        alert_id = live_server.new_alert(1)
        assert feed.next().data["alert"]["id"] == alert_id


def test_the_sequence_follows_the_order_of_commits(live_server: LiveServer) -> None:
    for number in range(1, 30):
        live_server.new_alert(number)
    with FeedReader(live_server.log_in("operator-bahari"), after=0) as feed:
        ids = [feed.next().id for _ in range(29)]
    assert ids == sorted(set(ids))


def test_a_log_out_ends_the_stream(live_server: LiveServer) -> None:
    client = live_server.log_in("operator-bahari")
    watching = live_server.client(Cookie=f"kentongan_session={client.cookies['kentongan_session']}")
    with FeedReader(watching) as feed:
        client.delete(f"{API}/session")
        assert feed.ended()


def test_an_expired_session_is_told_nothing_more(make_server: Callable[..., LiveServer]) -> None:
    clock = ManualClock(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))
    server = make_server(clock, live={"keepalive_s": 0.2})
    with FeedReader(server.log_in("operator-bahari")) as feed:
        clock.advance(4 * 3600)
        assert feed.ended(within_s=5)


def _change(server: LiveServer, work: Callable[[Database, AccountService], Any]) -> None:
    """Work on accounts as the command line does: in another process's place, on a database of its own."""

    async def run() -> None:
        database = Database(server.settings.database)
        try:
            await work(database, AccountService(database, server.clock, Passwords(CHEAP_HASHER), "shell:test"))
        finally:
            await database.close()

    asyncio.run(run())


def test_a_disabled_account_is_told_nothing_more(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(live={"keepalive_s": 0.2})
    with FeedReader(server.log_in("operator-bahari")) as feed:
        _change(server, lambda _, accounts: accounts.disable("operator-bahari"))
        assert feed.ended(within_s=5)


def test_a_revoked_grant_is_felt_at_once(live_server: LiveServer) -> None:
    async def move(database: Database, _: AccountService) -> None:
        async with database.write() as writing:
            user = await users.by_name(writing.session, "operator-bahari")
            assert user is not None
            await users.replace_grants(writing.session, user.id, [Grant(Role.OPERATOR, "kenanga")])

    with FeedReader(live_server.log_in("operator-bahari")) as feed:
        _change(live_server, move)
        live_server.new_alert(1, "bahari")
        kenanga = live_server.new_alert(2, "kenanga")
        assert feed.next().data["alert"]["id"] == kenanga


def test_a_quiet_stream_is_kept_alive(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(live={"keepalive_s": 0.1})
    with FeedReader(server.log_in("operator-bahari")) as feed:
        deadline_s = time.monotonic() + 10
        while feed.comments < 3 and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert feed.comments >= 3


def test_more_consoles_than_allowed_are_turned_away(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(live={"max_clients": 1})
    with FeedReader(server.log_in("operator-bahari")):
        problem(server.log_in("operator-bahari").get(f"{API}/feed"), 503, "unavailable")


def test_one_account_cannot_take_every_place(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(live={"max_clients_per_account": 1})
    with FeedReader(server.log_in("operator-bahari")):
        problem(server.log_in("operator-bahari").get(f"{API}/feed"), 503, "unavailable")
        with FeedReader(server.log_in("auditor-bahari")) as feed:
            alert_id = server.new_alert()
            assert feed.next().data["alert"]["id"] == alert_id


def test_what_happens_elsewhere_is_read_past_and_not_again(live_server: LiveServer) -> None:
    for number in range(1, 4):
        live_server.new_alert(number, "bahari")
    elsewhere = Person(
        session_id=new_id(),
        session_hash="",
        csrf_token="",
        user_id=new_id(),
        user_name="operator-kenanga",
        display_name="",
        language="id",
        grants=(Grant(Role.OPERATOR, "kenanga"),),
        expires_at=datetime(2026, 11, 25, tzinfo=UTC),
    )

    async def read() -> tuple[FeedBatch, int, bool]:
        database = Database(live_server.settings.database)
        try:
            settings = live_server.settings
            feed = LiveFeed(database, PlacementService(settings.alert_budget), settings.live)
            return await feed._read(elsewhere, 0)
        finally:
            await database.close()

    assert asyncio.run(read()) == (FeedBatch([]), 3, False)


def test_the_server_stops_at_once_with_open_streams(live_server: LiveServer) -> None:
    with contextlib.ExitStack() as stack:
        feeds = [stack.enter_context(FeedReader(live_server.log_in("operator-bahari"))) for _ in range(5)]
        began_s = time.monotonic()
        live_server._server.should_exit = True
        assert all(feed.ended() for feed in feeds)
        live_server._thread.join(10)
        assert time.monotonic() - began_s < 4


def test_a_client_that_reads_nothing_is_cut_off_and_hurts_nobody(server_template: Template, tmp_path: Path) -> None:
    server = copied_server(server_template, tmp_path / "data", live={"send_timeout_s": 0.3})
    server.send_buffer_bytes = 4096
    with server:
        token = server.log_in("operator-bahari").cookies["kentongan_session"]
        host, port = server.base_url.removeprefix("http://").split(":")
        request = f"GET {API}/feed HTTP/1.1\r\nHost: {host}\r\nCookie: kentongan_session={token}\r\n\r\n"
        with socket.socket() as deaf, FeedReader(server.log_in("operator-bahari")) as feed:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect((host, int(port)))
            deaf.sendall(request.encode())
            _wait_for_clients(server, 2)
            opened = [server.new_alert(number, tracks=_crowd()) for number in range(1, 31)]
            assert [feed.next().data["alert"]["id"] for _ in opened] == opened
            _wait_for_clients(server, 1)


def _crowd() -> tuple[TrackSummary, ...]:
    box = TimedBox(offset_s=0.0, box=(0.123456, 0.234567, 0.345678, 0.456789))
    return tuple(TrackSummary(track_id=number, boxes=(box,)) for number in range(1, 201))


def _wait_for_clients(server: LiveServer, count: int) -> None:
    deadline_s = time.monotonic() + 10
    while server.services.feed.clients != count:
        assert time.monotonic() < deadline_s, f"{server.services.feed.clients} consoles follow, not {count}"
        time.sleep(0.02)


def test_cameras_that_change_their_state_are_told(live_server: LiveServer) -> None:
    with FeedReader(live_server.log_in("operator-bahari")) as feed:
        for state in (CameraState.LIVE, CameraState.LIVE, CameraState.LOST):
            body = heartbeat_of("box-1", "gate", state).model_dump_json()
            assert live_server.device().post(f"{API}/ingest/heartbeats", content=body).status_code == 204
        told = [feed.next(), feed.next()]
        assert [(message.event, message.data["cameras"][0]["state"]) for message in told] == [
            ("cameras", "live"),
            ("cameras", "lost"),
        ]
        assert feed.nothing_more()
