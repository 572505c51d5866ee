"""Watching a clip: ranges, and the record that it was watched."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contract.clock import ManualClock
from tests.support.server import API, LiveServer, event_of, problem, send, upload_clip, with_clip

CLIP = os.urandom(200_000)


def stored(server: LiveServer) -> str:
    """The address of a stored clip."""
    event = with_clip(event_of(), CLIP)
    alert_id = send(server.device(), event).json()["alert_id"]
    assert event.data.clip is not None
    assert upload_clip(server.device(), event.data.clip.clip_id, CLIP).status_code == 204
    return f"{API}/alerts/{alert_id}/clip"


def views(server: LiveServer) -> list[dict[str, Any]]:
    client = server.log_in("auditor-bahari")
    items: list[dict[str, Any]] = client.get(f"{API}/audit", params={"action": "clip.viewed"}).json()["items"]
    return items


def test_a_clip_plays_in_ranges(live_server: LiveServer) -> None:
    url, client = stored(live_server), live_server.log_in("operator-bahari")
    whole = client.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, CLIP, "video/mp4")
    assert (whole.headers["cache-control"], whole.headers["content-disposition"]) == ("no-store", "inline")
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(url, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206,
        CLIP[1000:2000],
        "bytes 1000-1999/200000",
    )
    assert client.get(url, headers={"Range": "bytes=-5"}).content == CLIP[-5:]
    head = client.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "200000")


def test_a_range_outside_the_clip_is_a_problem_that_names_its_size(live_server: LiveServer) -> None:
    url, client = stored(live_server), live_server.log_in("operator-bahari")
    answer = client.get(url, headers={"Range": "bytes=200000-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */200000")
    assert answer.headers["content-type"] == "application/problem+json"
    problem(client.get(url, headers={"Range": "lines=1-2"}), 400, "bad-input")


def test_many_ranges_of_one_viewing_are_one_audit_entry(make_server: Callable[..., LiveServer]) -> None:
    clock = ManualClock(datetime(2026, 11, 24, 5, 0, tzinfo=UTC))
    server = make_server(clock)
    url, client = stored(server), server.log_in("operator-bahari")
    for start in range(0, 100_000, 20_000):
        assert client.get(url, headers={"Range": f"bytes={start}-{start + 999}"}).status_code == 206
    (entry,) = views(server)
    assert entry["actor"] == "user:operator-bahari"
    assert entry["subject"] == f"alert:{url.split('/')[-2]}"
    clock.advance(601)
    client.get(url)
    server.log_in("operator-bahari").get(url)
    assert len(views(server)) == 3


def test_a_refused_view_leaves_no_entry(live_server: LiveServer) -> None:
    url = stored(live_server)
    for name in ("operator-kenanga", "administrator"):
        assert live_server.log_in(name).get(url).status_code in {403, 404}
    assert views(live_server) == []


def test_a_clip_that_has_not_arrived_is_not_found(live_server: LiveServer) -> None:
    alert_id = send(live_server.device(), with_clip(event_of(), CLIP)).json()["alert_id"]
    problem(live_server.log_in("operator-bahari").get(f"{API}/alerts/{alert_id}/clip"), 404, "not-found")


def test_a_clip_whose_file_is_gone_is_said_to_be_missing(live_server: LiveServer) -> None:
    url = stored(live_server)
    next(live_server.settings.clips.rglob("*.mp4")).unlink()
    body = problem(live_server.log_in("operator-bahari").get(url), 404, "not-found")
    assert "missing from the server's storage" in body["detail"]


@pytest.mark.parametrize("name", ["auditor-bahari", "operator-bahari"])
def test_views_show_in_the_audit_log_with_the_hash_that_was_shown(live_server: LiveServer, name: str) -> None:
    client: httpx.Client = live_server.log_in(name)
    client.get(stored(live_server))
    (entry,) = views(live_server)
    assert len(str(entry["detail"]["sha256"])) == 64
