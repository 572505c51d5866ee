"""Thumbnails: what the event announced, or nothing."""

from __future__ import annotations

import errno
import os

import pytest

from contract.event import Event
from tests.support.server import API, LiveServer, event_of, problem, send, with_thumbnail

JPEG = b"\xff\xd8\xff\xe0" + os.urandom(2000)


def with_picture(server: LiveServer) -> tuple[Event, str]:
    event = with_thumbnail(event_of(), JPEG)
    return event, send(server.device(), event).json()["alert_id"]


def test_a_thumbnail_is_stored_once_and_shown(live_server: LiveServer) -> None:
    event, alert_id = with_picture(live_server)
    device, url = live_server.device(), f"{API}/ingest/events/{event.id}/thumbnail"
    assert [device.put(url, content=JPEG).status_code for _ in range(2)] == [201, 200]
    shown = live_server.log_in("operator-bahari").get(f"{API}/alerts/{alert_id}/thumbnail")
    assert (shown.content, shown.headers["content-type"], shown.headers["cache-control"]) == (
        JPEG,
        "image/jpeg",
        "no-store",
    )


def test_a_thumbnail_with_another_hash_is_refused(live_server: LiveServer) -> None:
    event, alert_id = with_picture(live_server)
    url = f"{API}/ingest/events/{event.id}/thumbnail"
    problem(live_server.device().put(url, content=JPEG + b"x"), 422, "digest-mismatch")
    problem(live_server.log_in("operator-bahari").get(f"{API}/alerts/{alert_id}/thumbnail"), 404, "not-found")


def test_a_thumbnail_that_was_not_announced_or_is_no_jpeg_is_refused(live_server: LiveServer) -> None:
    device = live_server.device()
    plain, script = event_of(1), with_thumbnail(event_of(2), b"<script>")
    for event in (plain, script):
        send(device, event)
    problem(device.put(f"{API}/ingest/events/{plain.id}/thumbnail", content=JPEG), 404, "not-found")
    problem(device.put(f"{API}/ingest/events/{script.id}/thumbnail", content=b"<script>"), 422, "bad-input")


def test_a_thumbnail_on_a_full_disk_leaves_nothing_behind(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """os.write raises ENOSPC."""
    event, _ = with_picture(live_server)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("server.clips.files.os.write", full)
    url = f"{API}/ingest/events/{event.id}/thumbnail"
    problem(live_server.device().put(url, content=JPEG), 507, "storage-full")
    assert [path for path in live_server.settings.clips.rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    assert live_server.device().put(url, content=JPEG).status_code == 201
