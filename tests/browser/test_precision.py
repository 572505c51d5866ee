"""The precision page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from contract.event import Rule, SpotCheck
from contract.reasons import Reason
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.devices import Devices
from tests.browser.test_access import axe, violations
from tests.server.test_thresholds import stay
from tests.server.test_verdicts import close

__all__ = ["axe"]
pytestmark = pytest.mark.browser

Opener = Callable[..., Page]


def give_verdicts(devices: Devices, verdicts: dict[str, int]) -> None:
    """Close the given number of alerts with each verdict."""
    operator = devices.server.log_in("operator-bahari")
    for verdict, count in verdicts.items():
        for _ in range(count):
            close(operator, devices.raise_alert(zone_id="ronda")[0], verdict)


def test_an_operator_finds_the_precision_of_each_rule_with_its_interval(log_in: Opener, devices: Devices) -> None:
    give_verdicts(devices, {"useful": 6, "normal_activity": 2, "camera_fault": 1})
    devices.raise_alert(zone_id="ronda", rule=Rule.GROUP)
    page = log_in()
    page.get_by_role("link", name="Ketepatan").click()
    expect(page).to_have_title("Ketepatan aturan · Kentongan")
    zone = page.get_by_role("row").filter(has_text="Pos ronda").filter(has_text="Berada lama di satu tempat")
    expect(zone).to_contain_text("6 benar, perlu diketahui; 2 kegiatan biasa; 1 gangguan kamera")
    expect(zone).to_contain_text("72 %")
    expect(zone).to_contain_text("antara 46 dan 92 %")
    waiting = page.get_by_role("row").filter(has_text="Pos ronda").filter(has_text="Berkelompok lama")
    expect(waiting).to_contain_text("100 % belum")
    expect(waiting).to_contain_text("belum ada keputusan yang dapat dihitung")
    zone.get_by_role("link").click()
    expect(page.locator("[data-alert]")).to_contain_text("9 peringatan")


def test_the_time_span_is_in_the_url_and_english_is_complete(log_in: Opener, devices: Devices) -> None:
    give_verdicts(devices, {"useful": 1})
    page = log_in(path="/ketepatan?days=7")
    expect(page.get_by_label("Rentang waktu")).to_have_value("7")
    page.get_by_label("Rentang waktu").select_option("90")
    page.wait_for_url("**/ketepatan?days=90")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Precision of the rules")).to_be_visible()


def test_without_alerts_the_page_says_so(log_in: Opener) -> None:
    page = log_in(path="/ketepatan")
    expect(page.get_by_text("Tidak ada peringatan sejak")).to_be_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_is_accessible_and_a_phone_scrolls_it_down_only(
    log_in: Opener, devices: Devices, axe: str, viewport: ViewportSize
) -> None:
    give_verdicts(devices, {"useful": 3, "detector_error": 2})
    page = log_in(path="/ketepatan", viewport=viewport)
    expect(page.get_by_role("table")).to_have_count(2)
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("(main => main.scrollWidth <= main.clientWidth)(document.querySelector('main'))")


def test_a_suggested_threshold_comes_in_words_with_settings_to_copy(log_in: Opener, devices: Devices, axe: str) -> None:
    operator = devices.server.log_in("operator-bahari")
    since = datetime.now(UTC) - timedelta(days=10)
    for number in range(30):
        short = number % 2 == 0
        alert_id = stay(devices.server, number, 130.0 if short else 600.0, since + timedelta(hours=number))
        close(operator, alert_id, "normal_activity" if short else "useful")
    page = log_in(path="/ketepatan", viewport=PHONE)
    card = page.get_by_role("listitem").filter(has_text="Pos ronda (Gerbang), Berada lama di satu tempat")
    expect(card).to_contain_text("Naikkan batas lama berada dari 2 mnt ke 2 mnt 15 dtk")
    expect(card).to_contain_text("15 dari 15 peringatan yang tidak perlu tidak akan muncul.")
    expect(card).to_contain_text("Dari 15 yang benar, 0 ikut hilang")
    expect(card.get_by_role("textbox")).to_have_value("loitering:\n  threshold_s: 135")
    assert violations(page, axe) == []


def test_a_spot_check_is_listed_on_its_page_only_and_is_judged_like_an_alert(
    log_in: Opener, devices: Devices, axe: str
) -> None:
    reasons = (
        Reason(code="stayed", params={"dwell_s": 90.0}),
        Reason(code="shorter_than_threshold", params={"threshold_s": 120.0}),
    )
    devices.raise_alert_with_clip(spot_check=SpotCheck(chance=0.03), reasons=reasons, severity="notice")
    page = log_in()
    expect(page.get_by_text("Tenang.")).to_be_visible()
    expect(page.locator("[data-alert]")).to_have_count(0)
    page.get_by_role("link", name="Ketepatan").click()
    page.get_by_role("link", name="Berada lama 1 mnt 30 dtk, Pos ronda").click()
    expect(page.get_by_text("Tinjauan acak, bukan peringatan")).to_be_visible()
    expect(page.get_by_text("lebih singkat dari batas 2 mnt")).to_be_visible()
    expect(page.get_by_role("slider")).to_be_visible()
    assert violations(page, axe) == []
    page.keyboard.press("2")
    page.get_by_role("button", name="Simpan keputusan").click()
    expect(page.get_by_text("Sudah diputuskan: Kegiatan biasa.")).to_be_visible()
    page.get_by_role("link", name="Ketepatan").first.click()
    expect(page.get_by_text("Tidak ada yang menunggu ditinjau.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Pos ronda")).to_contain_text("perlu 9 tinjauan lagi")
