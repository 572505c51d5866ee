"""The audit log and the checker: what was changed afterwards is found."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.server import (
    API,
    LiveServer,
    Template,
    consistency_findings,
    copied_server,
    event_of,
    problem,
    send,
    upload_clip,
    with_clip,
    with_thumbnail,
)

CLIP, JPEG = b"clip" * 1000, b"\xff\xd8\xff picture"


@pytest.fixture(scope="module")
def worked(server_template: Template, tmp_path_factory: pytest.TempPathFactory) -> LiveServer:
    """A server that has stopped after some work."""
    with copied_server(server_template, tmp_path_factory.mktemp("audit") / "data") as server:
        event = with_thumbnail(with_clip(event_of(), CLIP), JPEG)
        alert_id = send(server.device(), event).json()["alert_id"]
        assert event.data.clip is not None
        upload_clip(server.device(), event.data.clip.clip_id, CLIP)
        server.device().put(f"{API}/ingest/events/{event.id}/thumbnail", content=JPEG)
        client = server.log_in("operator-bahari")
        client.get(f"{API}/alerts/{alert_id}/clip")
        client.post(f"{API}/alerts/{alert_id}/transitions", json={"to": "acknowledged", "expected_version": 1})
        client.delete(f"{API}/session")
    return server


@pytest.fixture
def copy(worked: LiveServer, tmp_path: Path) -> LiveServer:
    """A copy of the stopped server's data, to be tampered with."""
    return copied_server(Template(worked.settings.data_dir, worked.tokens), tmp_path / "copy")


def tamper(server: LiveServer, statement: str) -> None:
    database = sqlite3.connect(server.settings.data_dir / "kentongan.sqlite3")
    assert database.execute(statement).rowcount > 0
    database.commit()
    database.close()


def test_what_a_server_has_stored_is_true(worked: LiveServer) -> None:
    assert consistency_findings(worked.settings) == []


@pytest.mark.parametrize(
    ("statement", "invariant"),
    [
        ("UPDATE audit SET actor = 'user:somebody' WHERE action = 'clip.viewed'", "audit-chain"),
        ("UPDATE audit SET at = '2026-01-01 00:00:00.000000' WHERE sequence = 3", "audit-chain"),
        ("UPDATE audit SET hash = prev_hash WHERE sequence = 4", "audit-chain"),
        ("DELETE FROM audit WHERE action = 'session.closed'", "audit-chain"),
        ("DELETE FROM audit WHERE sequence = 2", "audit-chain"),
        ("DELETE FROM audit WHERE action = 'alert.acknowledged'", "audited-decision"),
        ("DELETE FROM alert_history", "audited-decision"),
        ("DELETE FROM event", "opening-event"),
        ("DELETE FROM placement_request", "one-incident"),
        ("UPDATE placement_request SET incident_id = '" + "1" * 32 + "'", "one-incident"),
        ("UPDATE placement_request SET kampung_id = 'kenanga'", "one-incident"),
        ("UPDATE alert SET incident_id = '" + "1" * 32 + "'", "one-incident"),
        ("UPDATE alert SET spot_check_chance = 0.03", "spot-check-apart"),
        ("UPDATE clip SET stored_at = NULL", "alert-clip"),
        ("UPDATE clip SET kampung_id = 'kenanga'", "alert-clip"),
        ("UPDATE alert SET clip_id = '" + "1" * 32 + "'", "alert-clip"),
        ("UPDATE clip SET reference = json_set(reference, '$.trigger_offset_s', 20.5)", "clip-trigger"),
        ("UPDATE clip SET sha256 = '" + "0" * 64 + "'", "media-file"),
        ("UPDATE clip SET size_bytes = 1", "media-file"),
        ("DELETE FROM thumbnail", "media-file"),
    ],
)
def test_a_row_changed_behind_the_servers_back_is_found(copy: LiveServer, statement: str, invariant: str) -> None:
    tamper(copy, statement)
    assert invariant in {finding.invariant for finding in consistency_findings(copy.settings)}


def test_a_file_changed_or_taken_behind_the_servers_back_is_found(copy: LiveServer) -> None:
    clip = next(copy.settings.clips.rglob("*.mp4"))
    clip.write_bytes(b"CLIP" + CLIP[4:])
    next(copy.settings.clips.rglob("*.jpg")).unlink()
    (clip.parent / "left-over.mp4").write_bytes(b"x")
    details = sorted(finding.detail.split(" ", 1)[1] for finding in consistency_findings(copy.settings))
    assert details == ["does not have the hash of its row", "has a file and no row", "has a row and no file"]


def test_an_auditor_reads_who_did_what_in_their_kampung(worked: LiveServer, copy: LiveServer) -> None:
    del worked
    with copy as server:
        items = server.log_in("auditor-bahari").get(f"{API}/audit").json()["items"]
        assert [item["action"] for item in items] == [
            "alert.acknowledged",
            "clip.viewed",
            "clip.stored",
            "alert.opened",
        ]
        assert server.log_in("auditor-kenanga").get(f"{API}/audit").json()["items"] == []
        everything = server.log_in("administrator").get(f"{API}/audit", params={"limit": 500}).json()["items"]
        assert {"session.opened", "session.closed", "account.added", "device.token_issued", "site.provisioned"} <= {
            item["action"] for item in everything
        }


def test_the_log_comes_in_pages_newest_first(copy: LiveServer) -> None:
    with copy as server:
        client, ids, cursor = server.log_in("administrator"), list[int](), None
        while True:
            page = client.get(f"{API}/audit", params={"limit": 4} | ({"cursor": cursor} if cursor else {})).json()
            ids += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert ids == sorted(set(ids), reverse=True)
        assert ids[-1] == 1


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({"actor": "user:operator-bahari", "kampung": "bahari"}, {"alert.acknowledged", "clip.viewed"}),
        ({"action": "clip.stored"}, {"clip.stored"}),
        ({"since": "2100-01-01T00:00:00Z"}, set()),
        ({"until": "2000-01-01T00:00:00Z"}, set()),
    ],
)
def test_the_log_is_narrowed_by_what_is_asked(copy: LiveServer, query: dict[str, str], actions: set[str]) -> None:
    with copy as server:
        items = server.log_in("auditor").get(f"{API}/audit", params=query).json()["items"]
        assert {item["action"] for item in items} == actions


def test_a_cursor_that_is_none_is_refused(copy: LiveServer) -> None:
    with copy as server:
        problem(server.log_in("auditor").get(f"{API}/audit", params={"cursor": "-1"}), 422, "bad-input")
