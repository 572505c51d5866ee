"""What every answer has in common: problems, headers, limits, the console's files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from server.api import console
from tests.support.server import API, LiveServer, problem

TOKEN = "6f1c0ffee0123456789abcdef0123456"


def test_errors_of_the_framework_are_problems_too(live_server: LiveServer) -> None:
    client = live_server.client()
    problem(client.get(f"{API}/nothing"), 404, "not-found")
    answer = client.put(f"{API}/alerts", json={})
    assert (answer.status_code, answer.json()["type"]) == (405, "about:blank")
    assert answer.headers["content-type"] == "application/problem+json"
    answer = client.post(f"{API}/session", content=b"{", headers={"Content-Type": "application/json"})
    problem(answer, 422, "bad-input")


def test_an_unforeseen_error_is_a_problem_without_a_trace(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    client = live_server.log_in("operator-bahari")
    monkeypatch.setattr("server.store.places.kampung_names", fail)
    answer = client.get(f"{API}/kampung")
    body = problem(answer, 500, "internal")
    assert "secret detail" not in answer.text
    request_id = body["instance"].rsplit(":", 1)[1]
    assert answer.headers["x-request-id"] == request_id
    assert any("secret detail" in record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR)


def test_every_answer_carries_the_headers_that_browsers_need(live_server: LiveServer) -> None:
    for url in ("/", "/healthz", f"{API}/session", f"{API}/nothing"):
        headers = live_server.client().get(url).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_a_json_body_over_the_limit_is_refused(live_server: LiveServer) -> None:
    answer = live_server.client().post(f"{API}/session", json={"username": "x", "password": "y" * 70_000})
    problem(answer, 413, "too-large")


def test_answers_of_the_api_are_not_kept_by_anybody(live_server: LiveServer) -> None:
    assert live_server.log_in("auditor").get(f"{API}/alerts").headers["cache-control"] == "no-store"


def test_the_documentation_pages_of_the_framework_are_not_served(live_server: LiveServer) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "swagger" not in live_server.client().get(path).text.lower()


def test_a_server_that_is_well_says_so(live_server: LiveServer) -> None:
    assert live_server.client().get("/healthz").json() == {"status": "ok"}
    body = live_server.client().get("/readyz").json()
    assert body["ready"] is True
    assert set(body["checks"]) == {"database", "clips", "migrations", "disk"}


def test_a_server_whose_clip_folder_is_gone_is_not_ready(live_server: LiveServer) -> None:
    live_server.settings.clips.rmdir()
    answer = live_server.client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["clips"]["ok"]) == (503, False)
    assert str(live_server.settings.data_dir) not in answer.text


def test_metrics_count_events_and_name_nobody(live_server: LiveServer) -> None:
    live_server.new_alert()
    live_server.log_in("operator-bahari")
    text = live_server.client().get("/metrics").text
    assert 'kentongan_events_total{outcome="accepted"} 1.0' in text
    assert 'handler="/api/v1/ingest/events"' in text
    assert "bahari" not in text


def test_metrics_are_not_for_whom_a_proxy_forwards(live_server: LiveServer) -> None:
    for header in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via", "Forwarded"):
        answer = live_server.client().get("/metrics", headers={header: "203.0.113.9"})
        problem(answer, 403, "forbidden")


def test_with_a_metrics_token_nobody_else_is_answered(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(metrics_token=TOKEN)
    problem(server.client().get("/metrics"), 403, "forbidden")
    problem(server.client(Authorization="Bearer wrong").get("/metrics"), 403, "forbidden")
    assert server.client(Authorization=f"Bearer {TOKEN}").get("/metrics").status_code == 200


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built console, as far as the server can tell."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>Kentongan</title>")
    (static / "assets" / "index-4f3a.js").write_text("start()")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(console, "STATIC", static)
    return static


def test_the_console_answers_every_address_of_its_own_router(live_server: LiveServer, built: Path) -> None:
    assert built.is_dir()
    for path in ("/", "/alerts/01919191-0000-7000-8000-000000000000", "/audit?actor=user:budi"):
        answer = live_server.client().get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        assert "<title>Kentongan</title>" in answer.text


def test_files_with_a_hash_in_their_name_are_kept_for_good(live_server: LiveServer, built: Path) -> None:
    assert built.is_dir()
    answer = live_server.client().get("/assets/index-4f3a.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    problem(live_server.client().get("/assets/index-old.js"), 404, "not-found")


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "//etc/passwd", "/%00", "/" + "x" * 5000],
)
def test_no_address_leads_out_of_the_consoles_folder(live_server: LiveServer, built: Path, path: str) -> None:
    assert built.is_dir()
    url = live_server.client().base_url.copy_with(raw_path=path.encode())
    answer = live_server.client().get(url)
    assert answer.status_code in {200, 404}
    assert "secret" not in answer.text
    assert "root:" not in answer.text


def test_without_a_built_console_one_sentence_says_how_to_build_it(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(console, "STATIC", tmp_path / "nothing")
    answer = live_server.client().get("/")
    assert "make console" in answer.text
