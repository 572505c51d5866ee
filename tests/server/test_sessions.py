"""Log-in, log-out, expiry and forgery."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from contract.clock import ManualClock, SystemClock
from contract.errors import KentonganError
from server.auth.accounts import AccountService
from server.auth.passwords import LogInThrottle, Passwords
from server.auth.sessions import SessionService
from server.settings import LogInLimits, Settings
from server.store.database import Database
from tests.support.server import API, CHEAP_HASHER, PASSWORD, LiveServer, Template, problem

MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def log_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    return client.post(f"{API}/session", json={"username": name, "password": password})


def rows(server: LiveServer, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(server.settings.data_dir / "kentongan.sqlite3") as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def test_a_session_says_who_is_logged_in_and_what_they_may_do(live_server: LiveServer) -> None:
    me = live_server.log_in("operator-bahari").get(f"{API}/session").json()
    assert me["username"] == "operator-bahari"
    assert me["roles"] == [{"role": "operator", "kampung_id": "bahari"}]
    assert me["kampung"] == [{"id": "bahari", "name": "Kampung Bahari"}]
    assert me["permissions"] == ["alert.handle", "alert.read", "kampung.read", "picture.view"]
    assert me["language"] == "id"


def test_the_cookie_is_for_this_site_and_out_of_scripts_reach(live_server: LiveServer) -> None:
    answer = log_in(live_server.client(), "auditor", PASSWORD)
    morsel = SimpleCookie(answer.headers["set-cookie"])["kentongan_session"]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["secure"]) == (True, "strict", "/", "")
    assert len(morsel.value) >= 43


def test_the_cookie_is_secure_where_the_console_is_reached_by_https(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(public_url="https://kentongan.example.id")
    answer = log_in(server.client(), "auditor", PASSWORD)
    assert SimpleCookie(answer.headers["set-cookie"])["kentongan_session"]["secure"] is True
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_only_the_hash_of_a_token_is_stored(live_server: LiveServer) -> None:
    token = live_server.log_in("auditor").cookies["kentongan_session"]
    stored = [row[0] for row in rows(live_server, "SELECT token_hash FROM user_session")]
    assert stored == [hashlib.sha256(token.encode()).hexdigest()]


@pytest.mark.parametrize(
    ("name", "password"), [("auditor", "wrong password"), ("nobody", PASSWORD), ("auditor", PASSWORD.upper())]
)
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(
    live_server: LiveServer, name: str, password: str
) -> None:
    body = problem(log_in(live_server.client(), name, password), 401, "unauthenticated")
    assert body["detail"] == "the name or the password is wrong"


def test_a_refused_log_in_is_audited_without_what_was_typed(live_server: LiveServer) -> None:
    log_in(live_server.client(), "hunter2-typed-in-the-wrong-field", "x")
    log_in(live_server.client(), "auditor", "wrong password")
    items = (
        live_server.log_in("administrator").get(f"{API}/audit", params={"action": "session.refused"}).json()["items"]
    )
    assert [item["actor"] for item in items] == ["user:auditor", "user:unknown"]
    assert "hunter2" not in str(rows(live_server, "SELECT * FROM audit"))


def test_a_log_in_ends_the_session_that_the_browser_had(live_server: LiveServer) -> None:
    client = live_server.log_in("auditor")
    before = client.cookies["kentongan_session"]
    log_in(client, "auditor", PASSWORD)
    assert client.cookies["kentongan_session"] != before
    stale = live_server.client(Cookie=f"kentongan_session={before}")
    problem(stale.get(f"{API}/session"), 401, "unauthenticated")


def test_a_log_out_ends_the_session_for_good(live_server: LiveServer) -> None:
    client = live_server.log_in("auditor")
    token = client.cookies["kentongan_session"]
    assert client.delete(f"{API}/session").status_code == 204
    stale = live_server.client(Cookie=f"kentongan_session={token}")
    problem(stale.get(f"{API}/session"), 401, "unauthenticated")


def test_a_session_unused_for_four_hours_is_over(make_server: Callable[..., LiveServer]) -> None:
    clock = ManualClock(MORNING)
    client = make_server(clock).log_in("operator-bahari")
    clock.advance(4 * 3600 - 1)
    assert client.get(f"{API}/session").status_code == 200
    clock.advance(4 * 3600)
    problem(client.get(f"{API}/alerts"), 401, "session-expired")


def test_a_session_is_over_after_twelve_hours_however_much_it_is_used(make_server: Callable[..., LiveServer]) -> None:
    clock = ManualClock(MORNING)
    client = make_server(clock).log_in("operator-bahari")
    for _ in range(11):
        clock.advance(3600)
        assert client.get(f"{API}/session").status_code == 200
    assert client.get(f"{API}/session").json()["expires_at"] == "2026-11-24T13:00:00Z"
    clock.advance(3600)
    problem(client.get(f"{API}/session"), 401, "session-expired")


@pytest.mark.parametrize("token", [None, "wrong", "0" * 64])
def test_a_change_without_the_right_csrf_token_is_refused(live_server: LiveServer, token: str | None) -> None:
    alert_id = live_server.new_alert()
    client = live_server.log_in("operator-bahari")
    del client.headers["X-CSRF-Token"]
    headers = {"X-CSRF-Token": token} if token else {}
    body = {"to": "acknowledged", "expected_version": 1}
    problem(client.post(f"{API}/alerts/{alert_id}/transitions", json=body, headers=headers), 403, "csrf")
    assert client.get(f"{API}/alerts/{alert_id}").json()["state"] == "new"


def test_the_csrf_token_of_another_session_is_refused(live_server: LiveServer) -> None:
    mine, other = live_server.log_in("operator-bahari"), live_server.log_in("operator-bahari")
    mine.headers["X-CSRF-Token"] = other.headers["X-CSRF-Token"]
    problem(mine.patch(f"{API}/session", json={"language": "en"}), 403, "csrf")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_change_from_another_origin_is_refused(live_server: LiveServer, origin: str) -> None:
    client = live_server.log_in("auditor")
    answer = client.patch(f"{API}/session", json={"language": "en"}, headers={"Origin": origin})
    problem(answer, 403, "csrf")
    problem(live_server.client().post(f"{API}/session", json={"username": "auditor", "password": PASSWORD},
                                      headers={"Origin": origin}), 403, "csrf")  # fmt: skip


def test_a_change_from_this_console_is_taken(live_server: LiveServer) -> None:
    client = live_server.log_in("auditor")
    answer = client.patch(f"{API}/session", json={"language": "en"}, headers={"Origin": live_server.base_url})
    assert (answer.status_code, answer.json()["language"]) == (200, "en")


def test_too_many_attempts_are_told_to_wait(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(log_in={"window_s": 60, "attempts_per_account": 3, "attempts_per_address": 100})
    client = server.client()
    for _ in range(3):
        problem(log_in(client, "auditor", "wrong password"), 401, "unauthenticated")
    answer = log_in(client, "auditor", PASSWORD)
    problem(answer, 429, "rate-limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert log_in(client, "operator-bahari", PASSWORD).status_code == 200


def test_guessing_at_many_names_is_bounded_per_address(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(log_in={"window_s": 60, "attempts_per_account": 3, "attempts_per_address": 5})
    client = server.client()
    statuses = [log_in(client, f"name-{number}", "wrong password").status_code for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2


def test_a_success_forgives_the_accounts_earlier_failures() -> None:
    throttle = LogInThrottle(LogInLimits(window_s=60, attempts_per_account=3, attempts_per_address=100))
    for _ in range(5):
        assert throttle.attempt("budi", "10.0.0.1") is None
        throttle.succeeded("budi", "10.0.0.1")


def test_a_stranger_elsewhere_does_not_lock_an_operator_out() -> None:
    throttle = LogInThrottle(LogInLimits(window_s=60, attempts_per_account=3, attempts_per_address=100))
    for _ in range(4):
        throttle.attempt("budi", "203.0.113.9")
    assert throttle.attempt("budi", "10.0.0.1") is None


def test_an_address_over_its_limit_closes_no_account() -> None:
    throttle = LogInThrottle(LogInLimits(window_s=60, attempts_per_account=1, attempts_per_address=2))
    assert [throttle.attempt(name, "203.0.113.9") is None for name in ("a", "b", "budi")] == [True, True, False]
    assert throttle.attempt("budi", "10.0.0.1") is None


def test_many_addresses_of_one_network_count_as_one() -> None:
    throttle = LogInThrottle(LogInLimits(window_s=60, attempts_per_account=100, attempts_per_address=3))
    allowed = [throttle.attempt(f"name-{number}", f"2001:db8:1:2::{number:x}") is None for number in range(1, 6)]
    assert allowed == [True] * 3 + [False] * 2
    assert throttle.attempt("budi", "2001:db8:1:3::1") is None
    assert throttle.attempt("budi", "::ffff:10.0.0.1") is None


async def test_a_password_that_is_set_during_a_log_in_with_the_old_one_ends_that_too(
    server_template: Template, tmp_path: Path
) -> None:
    shutil.copytree(server_template.folder, tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data")
    database, clock = Database(settings.database), SystemClock()

    class SetMeanwhile(Passwords):
        async def verify(self, stored_hash: str | None, password: str) -> bool:
            matches = await super().verify(stored_hash, password)
            await AccountService(database, clock, self, "shell:test").set_password("auditor", "another long password")
            return matches

    sessions = SessionService(
        database, clock, SetMeanwhile(CHEAP_HASHER), LogInThrottle(settings.log_in), settings.sessions
    )
    try:
        with pytest.raises(KentonganError, match="the name or the password is wrong"):
            await sessions.log_in("auditor", PASSWORD, "10.0.0.1", None)
    finally:
        await database.close()


async def test_an_unknown_account_costs_a_hash_as_a_known_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, verified = Passwords(CHEAP_HASHER), list[str]()

    def verify(stored: str, password: str) -> bool:
        verified.append(stored)
        return password == "right"

    monkeypatch.setattr(passwords, "_verify", verify)
    assert await passwords.verify(None, "x") is False
    assert verified == [passwords._nobodys_hash]


async def test_the_password_of_nobody_does_not_open_an_unknown_account() -> None:
    passwords = Passwords(CHEAP_HASHER)
    passwords._nobodys_hash = CHEAP_HASHER.hash("guessed")
    assert await passwords.verify(None, "guessed") is False


def test_an_attempt_with_a_malformed_body_is_refused_without_repeating_it(live_server: LiveServer) -> None:
    answer = live_server.client().post(f"{API}/session", json={"username": "auditor", "password": ["s3cret-value"]})
    problem(answer, 422, "bad-input")
    assert "s3cret-value" not in answer.text


@pytest.mark.parametrize("body", [b'{"username": "auditor", "password": "\\ud800"}', b"[" * 60_000, b'{"a":' * 9_000])
def test_an_attempt_with_what_is_no_text_or_has_no_bottom_is_refused(live_server: LiveServer, body: bytes) -> None:
    answer = live_server.client().post(f"{API}/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["type"] == "urn:kentongan:problem:bad-input"


def test_secrets_do_not_show_in_the_settings_text() -> None:
    settings = Settings(metrics_token="6f1c0ffee0123456789abcdef0123456")
    assert "c0ffee" not in repr(settings)
