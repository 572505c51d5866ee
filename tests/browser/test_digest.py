"""The alert budget in the console: incidents as rows, and a digest that loses none of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, sign_in
from tests.browser.devices import Devices
from tests.browser.test_access import axe, violations
from tests.browser.test_feed import COUNT_TONES
from tests.support.server import following, send

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]
__all__ = ["axe"]
STRIP = "Di luar jatah"


def fill_budget(devices: Devices, waiting: int, shown: int = 6) -> list[str]:
    """Use up the hour's budget so that further incidents wait; returns an alert of each that waits."""
    return [devices.raise_alert()[0] for _ in range(shown + waiting)][shown:]


def raise_severity(devices: Devices, event: object, severity: str) -> None:
    answer = send(devices.server.device(), following(event, 900, phase="continues", severity=severity))  # type: ignore[arg-type]  # an Event
    assert answer.status_code == 201, answer.text


def test_alerts_of_one_incident_are_one_row_with_their_number_and_the_page_lists_them_all(
    log_in: Opener, devices: Devices
) -> None:
    first, _ = devices.raise_alert(zone_id="gang")
    page = log_in()
    expect(page.locator("[data-alert]")).to_have_count(1)
    worse, _ = devices.raise_alert(zone_id="gang", severity="critical")
    row = page.locator("[data-alert]")
    expect(row).to_contain_text("2 peringatan")
    expect(row).to_have_attribute("data-alert", worse)
    expect(page.get_by_text("1 kejadian", exact=True)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    mates = page.get_by_role("region", name="Peringatan lain dari kejadian ini")
    expect(mates.locator(f'[data-alert="{first}"]')).to_be_visible()


def test_a_row_whose_worst_alert_is_acknowledged_still_shows_that_another_is_new(
    log_in: Opener, devices: Devices
) -> None:
    worse, _ = devices.raise_alert(zone_id="gang", severity="critical")
    devices.raise_alert(zone_id="gang")
    client = devices.server.log_in("operator-bahari")
    body = {"to": "acknowledged", "expected_version": 1}
    client.post(f"/api/v1/alerts/{worse}/transitions", json=body).raise_for_status()
    row = log_in().locator(f'[data-alert="{worse}"]')
    expect(row).to_contain_text("2 peringatan, 1 baru")
    expect(row).to_contain_text("oleh operator-bahari")


def test_what_exceeds_the_budget_is_counted_below_the_feed_and_opens_by_keyboard_into_its_alerts(
    log_in: Opener, devices: Devices
) -> None:
    waiting = fill_budget(devices, 3)
    page = log_in()
    expect(page.locator("[data-alert]")).to_have_count(6)
    strip = page.get_by_role("complementary", name=STRIP)
    expect(strip).to_contain_text("3 kejadian di luar jatah jam ini")
    late, _ = devices.raise_alert(severity="notice")
    expect(strip).to_contain_text("4 kejadian di luar jatah jam ini")
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile(r"\?placement=digest$"))
    expect(page.locator("[data-alert]")).to_have_count(4)
    expect(page.locator("[data-alert]").last).to_have_attribute("data-alert", late)
    expect(strip).to_contain_text("Kejadian yang melebihi jatah 6 per jam")
    page.locator(f'[data-alert="{waiting[0]}"]').click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.get_by_text("Alasan di luar jatah").count() == 0
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sudah diputuskan: Kegiatan biasa.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(f'[data-alert="{waiting[0]}"]')).to_contain_text("Kegiatan biasa")
    page.keyboard.press("d")
    expect(page.locator("[data-alert]")).to_have_count(6)
    expect(strip).to_contain_text("3 kejadian di luar jatah jam ini")


def test_an_incident_that_becomes_critical_leaves_the_digest_and_only_then_sounds(
    open_page: Opener, devices: Devices
) -> None:
    fill_budget(devices, 0)
    page = open_page()
    page.add_init_script(COUNT_TONES)
    page.goto(devices.server.base_url)
    sign_in(page, "operator-bahari")
    expect(page.locator("[data-alert]")).to_have_count(6)
    page.get_by_role("button", name="Suara mati").click()
    expect(page.get_by_role("button", name="Suara hidup")).to_be_visible()
    greeting = page.evaluate("window.tones")
    waits, event = devices.raise_alert()
    strip = page.get_by_role("complementary", name=STRIP)
    expect(strip).to_contain_text("1 kejadian di luar jatah")
    assert page.evaluate("window.tones") == greeting
    assert page.locator(f'[data-alert="{waits}"]').count() == 0
    assert "ronda-7" not in page.locator("[aria-live=assertive]").inner_text()
    raise_severity(devices, event, "critical")
    expect(page.locator(f'[data-alert="{waits}"]')).to_be_visible()
    expect(page.locator("[aria-live=assertive]")).to_contain_text("Kritis")
    assert page.evaluate("window.tones") > greeting
    expect(strip).to_have_count(0)


def test_a_whole_incident_is_acknowledged_and_judged_at_once_where_it_may_be(log_in: Opener, devices: Devices) -> None:
    ids = [devices.raise_alert(zone_id="gang")[0] for _ in range(3)]
    page = log_in(path=f"/peringatan/{ids[0]}")
    page.get_by_role("button", name="Ambil 3 peringatan kejadian ini").click()
    mates = page.get_by_role("region", name="Peringatan lain dari kejadian ini")
    expect(mates.get_by_text("oleh operator-bahari")).to_have_count(2)
    page.keyboard.press("2")
    page.get_by_label("Berlaku juga untuk 2 peringatan lain dari kejadian ini yang masih terbuka").check()
    page.get_by_role("button", name="Simpan keputusan").click()
    expect(page.get_by_text("Sudah diputuskan: Kegiatan biasa.")).to_be_visible()
    expect(mates.get_by_text("Kegiatan biasa")).to_have_count(2)
    page.goto(devices.server.base_url)
    expect(page.get_by_role("heading", name="Tenang.")).to_be_visible()


def test_an_alert_that_a_colleague_decided_meanwhile_stays_as_it_is_when_the_incident_is_judged(
    log_in: Opener, devices: Devices
) -> None:
    ids = [devices.raise_alert(zone_id="gang")[0] for _ in range(2)]
    page = log_in(path=f"/peringatan/{ids[0]}")
    button = page.get_by_role("button", name="Ambil 2 peringatan kejadian ini")
    expect(button).to_be_visible()
    other = devices.server.log_in("operator-bahari")
    body = {"to": "dismissed", "verdict": "detector_error", "expected_version": 1}
    other.post(f"/api/v1/alerts/{ids[1]}/transitions", json=body).raise_for_status()
    button.click()
    expect(page.get_by_text("1 tersimpan; 1 lebih dulu diubah orang lain dan tetap seperti adanya.")).to_be_visible()
    assert other.get(f"/api/v1/alerts/{ids[1]}").json()["verdict"] == "detector_error"


def test_an_empty_feed_says_how_many_incidents_wait_in_the_digest(log_in: Opener, devices: Devices) -> None:
    fill_budget(devices, 2)
    client = devices.server.log_in("operator-bahari")
    for alert in client.get("/api/v1/alerts", params={"placement": "shown"}).json()["items"]:
        body = {"to": "dismissed", "verdict": "normal_activity", "expected_version": 1}
        client.post(f"/api/v1/alerts/{alert['id']}/transitions", json=body).raise_for_status()
    page = log_in()
    expect(page.get_by_text("Daftar peringatan kosong; 2 kejadian menunggu di luar jatah.")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Lihat yang di luar jatah").first.click()
    expect(page.locator("[data-alert]")).to_have_count(2)


def test_only_an_auditor_sees_why_an_incident_was_shown_or_not(log_in: Opener, devices: Devices) -> None:
    waiting = fill_budget(devices, 1)[0]
    critical, _ = devices.raise_alert(severity="critical")
    page = log_in("auditor-bahari", path=f"/peringatan/{waiting}")
    facts = page.get_by_role("term").filter(has_text="Alasan")
    expect(facts).to_have_text("Alasan di luar jatah")
    expect(page.get_by_text("jatah jam itu sudah terpakai")).to_be_visible()
    page.goto(f"{devices.server.base_url}/peringatan/{critical}")
    expect(facts).to_have_text("Alasan ditampilkan")
    expect(page.get_by_text("yang kritis selalu ditampilkan")).to_be_visible()


def test_the_audit_page_lists_every_alert_whether_it_was_shown_or_not(log_in: Opener, devices: Devices) -> None:
    fill_budget(devices, 4)
    page = log_in("auditor-bahari", path="/audit")
    expect(page.get_by_text("10 peringatan", exact=True)).to_be_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_strip_and_digest_do_not_violate_wcag_and_fit_a_phone(
    log_in: Opener,
    devices: Devices,
    axe: str,
    viewport: dict[str, int],
) -> None:
    fill_budget(devices, 3)
    page = log_in(viewport=viewport)
    expect(page.get_by_role("complementary", name=STRIP)).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_role("button", name="Lihat yang di luar jatah").click()
    expect(page.get_by_role("button", name="Kembali ke daftar peringatan")).to_be_visible()
    expect(page.locator("[data-alert]")).to_have_count(3)
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
