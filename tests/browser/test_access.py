"""Accessibility: assistive technology, phones, keyboard, and a strict content security policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import DESKTOP, PHONE, ROOT, until
from tests.browser.devices import Devices

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"


@pytest.fixture
def axe() -> str:
    """The source of the axe-core checker."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci in console/")
    return Path(AXE).read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical", "moderate"}
    ]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_violates_wcag(
    open_page: Opener, log_in: Opener, devices: Devices, axe: str, viewport: ViewportSize
) -> None:
    for severity in ("critical", "warning", "notice"):
        alert_id = devices.raise_alert_with_clip(severity=severity)
    page = open_page(viewport=viewport)
    page.goto(devices.server.base_url)
    expect(page.get_by_label("Kata sandi")).to_be_visible()
    assert violations(page, axe) == []

    page = log_in(viewport=viewport)
    expect(page.locator("[data-alert]")).to_have_count(3)
    page.keyboard.press("f")
    assert violations(page, axe) == []
    page.goto(f"{devices.server.base_url}/peringatan/{alert_id}")
    expect(page.get_by_role("slider")).to_be_visible()
    assert violations(page, axe) == []
    page.keyboard.press("3")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page, axe) == []
    page.goto(f"{devices.server.base_url}/?state=dismissed")
    expect(page.get_by_text("Tidak ada peringatan yang cocok")).to_be_visible()
    assert violations(page, axe) == []


@pytest.mark.parametrize("path", ["/audit", "/audit/catatan"])
def test_the_audit_pages_do_not_violate_wcag(log_in: Opener, devices: Devices, axe: str, path: str) -> None:
    devices.raise_alert()
    page = log_in("auditor", path=path)
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    assert violations(page, axe) == []


def test_a_phone_scrolls_in_one_direction_only(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip(severity="critical")
    page = log_in(viewport=PHONE, touch=True)
    expect(page.locator("[data-alert]")).to_have_count(1)
    for path in ("/", f"/peringatan/{alert_id}"):
        page.goto(devices.server.base_url + path)
        expect(page.locator("[data-alert], video").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="Ambil").click()
    expect(page.get_by_role("button", name="Ambil")).to_have_count(0)
    wide = page.locator("main").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert wide[0] == wide[1]


def test_touch_targets_on_a_phone_are_large_enough(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip()
    page = log_in(viewport=PHONE, touch=True, path=f"/peringatan/{alert_id}")
    expect(page.get_by_role("slider")).to_be_visible()
    small = page.evaluate(
        "[...document.querySelectorAll('button, a.button')].map(b => [b.textContent.trim(), b.getBoundingClientRect()])"
        ".filter(([, box]) => box.width > 0 && (box.height < 24 || box.width < 24)).map(([name]) => name)"
    )
    assert small == []


def test_the_keyboard_help_names_every_key_and_letters_can_be_switched_off(log_in: Opener, devices: Devices) -> None:
    alert_id, _ = devices.raise_alert()
    page = log_in(path=f"/peringatan/{alert_id}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Pintasan papan tombol")
    expect(dialog.get_by_text("Putuskan: gangguan kamera")).to_be_visible()
    dialog.get_by_label("Pintasan satu huruf aktif").uncheck()
    dialog.get_by_role("button", name="Tutup").click()
    page.keyboard.press("a")
    page.keyboard.press("1")
    assert page.get_by_role("dialog").count() == 0
    expect(page.locator("main header")).to_contain_text("Baru")


def test_the_clip_does_not_autoplay_with_reduced_motion(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip()
    page = log_in(path=f"/peringatan/{alert_id}", reduced_motion=True)
    until(page, "document.querySelector('video')?.readyState >= 2")
    assert page.locator("video").evaluate("video => video.paused")


def test_the_console_works_under_a_policy_that_forbids_inline_code(
    log_in: Opener, devices: Devices, browser_errors: list[str]
) -> None:
    alert_id = devices.raise_alert_with_clip()
    page = log_in()
    answer = page.request.get(devices.server.base_url)
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    page.goto(f"{devices.server.base_url}/peringatan/{alert_id}")
    until(page, "document.querySelector('video')?.currentTime > 0.2")
    assert page.evaluate("document.fonts.check('16px \"Archivo Variable\"')")
    assert browser_errors == []
