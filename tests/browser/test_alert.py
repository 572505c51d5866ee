"""The page of one alert: clip, overlay and decisions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import until
from tests.browser.devices import TRIGGER_OFFSET_S, Devices
from tests.support.server import API

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]


def test_the_clip_plays_with_the_boxes_in_step(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip()
    page = log_in(path=f"/peringatan/{alert_id}")
    video = page.locator("video")
    until(page, "document.querySelector('video')?.currentTime > 0.5")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Putar")).to_be_visible()
    assert video.evaluate("video => video.paused")
    page.keyboard.press("t")
    until(page, f"Math.abs(document.querySelector('video').currentTime - {TRIGGER_OFFSET_S}) < 0.05")
    # The simulated track moves at constant speed: at the trigger its left edge is at 0.45 of the frame's width.
    _box_comes_to(page, 0.45)
    page.keyboard.press(".")
    until(page, f"document.querySelector('video').currentTime > {TRIGGER_OFFSET_S} + 0.05")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('video').currentTime > 7.9")
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('video').currentTime < 0.05")
    _box_comes_to(page, 0.45 - TRIGGER_OFFSET_S / 20)
    expect(page.get_by_role("slider", name="Garis waktu klip")).to_have_attribute(
        "aria-valuetext", "0 dtk dari 8 dtk, −4,0 dtk dari saat peringatan"
    )
    expect(page.get_by_text("Rekaman asli kamera, tidak diubah.")).to_be_visible()


def _box_comes_to(page: Page, left: float) -> None:
    """Wait until the box is drawn at `left`: it follows the presented frame, slightly after the clip's time."""
    until(page, f"Math.abs(document.querySelector('svg[data-boxes] rect.box')?.x.baseVal.value - {left}) <= 0.012")


def test_the_clip_appears_without_a_reload_once_it_is_uploaded(log_in: Opener, devices: Devices) -> None:
    alert_id, event = devices.raise_alert()
    page = log_in(path=f"/peringatan/{alert_id}")
    expect(page.get_by_text("Klip masih direkam.")).to_be_visible()
    expect(page.get_by_role("img", name="Gambar saat peringatan")).to_be_visible()
    devices.upload_clip(event)
    until(page, "document.querySelector('video')?.currentTime > 0.2")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"codec": "hvc1.1.6.L93.B0"}, "Klip ini H.265 dan peramban ini tidak dapat memutarnya."),
        ({"redacted": True}, "Dikodekan ulang: sebagian gambar ditutup demi privasi."),
        ({"gaps": [{"starts_s": 1.0, "ends_s": 7.0}]}, "Kamera tidak mengirim gambar pada saat ini."),
    ],
    ids=["h265", "redacted", "gap"],
)
def test_codec_redaction_and_gaps_of_a_clip_are_stated(
    log_in: Opener, devices: Devices, fault: dict[str, object], sentence: str
) -> None:
    alert_id, event = devices.raise_alert()
    devices.upload_clip(event, **fault)
    page = log_in(path=f"/peringatan/{alert_id}")
    page.keyboard.press("t")
    expect(page.get_by_text(sentence)).to_be_visible()


def test_the_alert_is_acknowledged_and_judged_by_keyboard_alone(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip()
    page = log_in()
    expect(page.locator("[data-alert]")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("a")
    expect(_state(page)).to_contain_text("Sedang diperiksa oleh operator-bahari")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Kegiatan biasa")).to_be_focused()
    expect(page.get_by_text("Peringatan menjadi: Ditutup, tidak perlu tindakan.")).to_be_visible()
    page.get_by_label("Catatan (boleh kosong)").fill("Menunggu ojek.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Sudah diputuskan: Kegiatan biasa.")).to_be_visible()
    expect(page.get_by_text("Menunggu ojek.")).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("Catatan", exact=True).fill("Sudah dijemput.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Sudah dijemput.")).to_be_visible()
    page.keyboard.press("Escape")
    row = page.locator(f'[data-alert="{alert_id}"]')
    expect(row).to_contain_text("Kegiatan biasa")


def _state(page: Page) -> Locator:
    return page.locator("main header")


def test_a_letter_typed_into_a_note_is_not_a_shortcut(log_in: Opener, devices: Devices) -> None:
    alert_id, _ = devices.raise_alert()
    page = log_in(path=f"/peringatan/{alert_id}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type("aj1 ?")
    expect(page.get_by_label("Catatan", exact=True)).to_have_value("aj1 ?")
    page.keyboard.press("Escape")
    expect(_state(page)).to_contain_text("Baru")


def test_the_second_of_two_decisions_is_refused_with_who_changed_what(log_in: Opener, devices: Devices) -> None:
    alert_id, _ = devices.raise_alert()
    page = log_in(path=f"/peringatan/{alert_id}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    # The second user's decision is being sent while the first user's is already stored.
    def decide_first(route: Route) -> None:
        _decide_first(devices, alert_id)
        route.continue_()

    page.route("**/transitions", decide_first)
    page.keyboard.press("a")
    expect(page.get_by_role("alert").filter(has_text="lebih dulu")).to_have_text(
        "operator-bahari lebih dulu mengubah peringatan ini (Selesai). "
        "Halaman sudah diperbarui; periksa, lalu putuskan lagi."
    )
    expect(_state(page)).to_contain_text("Selesai")


def _decide_first(devices: Devices, alert_id: str) -> None:
    other = devices.server.log_in("operator-bahari")
    answer = other.post(
        f"{API}/alerts/{alert_id}/transitions", json={"to": "resolved", "verdict": "useful", "expected_version": 1}
    )
    assert answer.status_code == 200, answer.text


def test_next_and_previous_step_through_the_list(log_in: Opener, devices: Devices) -> None:
    older, _ = devices.raise_alert(people_count=1)
    newer, _ = devices.raise_alert(people_count=2)
    page = log_in()
    page.locator(f'[data-alert="{newer}"]').click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("j")
    page.wait_for_url(f"**/peringatan/{older}")
    page.keyboard.press("k")
    page.wait_for_url(f"**/peringatan/{newer}")
    page.keyboard.press("Escape")
    page.wait_for_url(devices.server.base_url + "/")
    expect(page.locator("[data-alert]")).to_have_count(2)


def test_an_auditor_cannot_decide_and_finds_every_view_in_the_audit_log(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip()
    operator = log_in()
    operator.goto(f"{devices.server.base_url}/peringatan/{alert_id}")
    until(operator, "document.querySelector('video')?.currentTime > 0.2")
    operator.keyboard.press("a")
    expect(_state(operator)).to_contain_text("Sedang diperiksa")

    page = log_in("auditor", path="/audit")
    page.get_by_role("row").filter(has_text="Kampung Bahari").get_by_role("link").click()
    expect(page.get_by_text("Anda hanya dapat melihat")).to_be_visible()
    assert page.get_by_role("button", name="Ambil").count() == 0
    page.keyboard.press("1")
    assert page.get_by_role("dialog").count() == 0
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Catatan audit").click()
    rows = page.get_by_role("row")
    expect(rows.filter(has_text="operator-bahari").filter(has_text="Melihat klip")).to_be_visible()
    expect(rows.filter(has_text="operator-bahari").filter(has_text="Mengambil peringatan")).to_be_visible()
    page.get_by_label("Siapa (nama persis)").fill("operator-bahari")
    page.get_by_label("Tindakan").select_option("Melihat klip")
    page.get_by_role("button", name="Cari").click()
    expect(rows).to_have_count(2)


def test_an_administrator_sees_no_pictures_and_a_message_that_says_so(log_in: Opener, devices: Devices) -> None:
    alert_id = devices.raise_alert_with_clip()
    page = log_in("administrator", path=f"/peringatan/{alert_id}")
    expect(page.get_by_text("Anda tidak berwenang melihat gambar peringatan ini.")).to_be_visible()
    assert page.locator("video").count() == 0
