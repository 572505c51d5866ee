"""Logging in and out, and what happens when a session ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.devices import Devices
from tests.support.server import API, LiveServer

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]


def test_a_wrong_password_is_answered_with_one_sentence(open_page: Opener, live_server: LiveServer) -> None:
    page = open_page()
    page.goto(live_server.base_url)
    sign_in(page, "operator-bahari", "not the password")
    expect(page.get_by_role("alert")).to_have_text(
        "Nama pengguna atau kata sandi salah. Periksa lagi, lalu coba sekali lagi."
    )
    expect(page.get_by_label("Kata sandi")).to_be_focused()
    expect(page.get_by_label("Kata sandi")).to_have_value("")


def test_after_log_in_the_feed_and_the_users_name_are_shown(log_in: Opener) -> None:
    page = log_in("operator-bahari")
    expect(page.get_by_text("Operator-Bahari", exact=True)).to_be_visible()
    expect(page).to_have_title("Peringatan · Kentongan")
    expect(page.get_by_role("heading", name="Tenang.")).to_be_visible()


def test_logging_out_leads_to_the_log_in_and_ends_the_session(log_in: Opener) -> None:
    page = log_in()
    page.get_by_role("button", name="Keluar").click()
    expect(page.get_by_label("Kata sandi")).to_be_visible()
    assert page.request.get(page.url.rstrip("/") + f"{API}/session").status == 401


def test_an_ended_session_asks_to_log_in_and_returns_to_the_same_page(log_in: Opener, devices: Devices) -> None:
    alert_id, _ = devices.raise_alert()
    page = log_in(path=f"/peringatan/{alert_id}")
    base_url = devices.server.base_url
    token = page.request.get(f"{base_url}{API}/session").json()["csrf_token"]
    gone = page.request.delete(f"{base_url}{API}/session", headers={"X-CSRF-Token": token, "Origin": base_url})
    assert gone.status == 204
    expect(page.get_by_text("Sesi Anda berakhir.")).to_be_visible()
    sign_in(page, "operator-bahari")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Berada lama 2 mnt 40 dtk")
    assert page.url.endswith(alert_id)


def test_the_language_is_switched_at_once_and_remembered_for_the_next_log_in(
    log_in: Opener, open_page: Opener, live_server: LiveServer
) -> None:
    page = log_in()
    page.get_by_role("button", name="EN, English").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    later = open_page()
    later.goto(live_server.base_url)
    sign_in(later, "operator-bahari")
    expect(later.get_by_role("heading", name="Quiet.")).to_be_visible()


def test_nothing_personal_is_kept_in_the_browser_or_in_the_url(log_in: Opener, devices: Devices) -> None:
    devices.raise_alert()
    page = log_in()
    page.locator("[data-alert]").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.title, location.href])")
    assert "operator" not in kept.lower()
    cookies = page.context.cookies()
    assert [(cookie.get("name"), cookie.get("httpOnly"), cookie.get("sameSite")) for cookie in cookies] == [
        ("kentongan_session", True, "Strict")
    ]
