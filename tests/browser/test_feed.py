"""The feed: live, stable, filtered, and explicit about a lost connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from contract.heartbeat import CameraState, CameraTelemetry, Heartbeat
from tests.browser.conftest import sign_in
from tests.browser.devices import Devices, Relay
from tests.support.server import API, LiveServer

pytestmark = pytest.mark.browser

Opener = Callable[..., Page]


def test_an_alert_arrives_without_a_reload_and_cannot_be_overlooked(log_in: Opener, devices: Devices) -> None:
    page = log_in()
    expect(page.get_by_role("heading", name="Tenang.")).to_be_visible()
    alert_id, _ = devices.raise_alert(severity="critical")
    row = page.locator(f'[data-alert="{alert_id}"]')
    expect(row).to_contain_text("Berada lama 2 mnt 40 dtk, Pos ronda")
    expect(row).to_contain_text("Kampung Bahari / Gerbang")
    expect(row).to_contain_text("Lebih lama dari batas 1 mnt")
    expect(row.get_by_role("img", name="Kritis")).to_be_visible()
    expect(row.get_by_text("Baru", exact=True)).to_be_visible()
    expect(page).to_have_title("(1) Peringatan · Kentongan")
    expect(page.get_by_role("status").filter(has_text="Peringatan baru, Kritis")).to_be_attached()
    expect(page.get_by_role("list", name="Peringatan terbuka")).to_contain_text("1")


def test_the_thumbnail_shows_the_person_in_a_box(log_in: Opener, devices: Devices) -> None:
    alert_id, _ = devices.raise_alert()
    page = log_in()
    row = page.locator(f'[data-alert="{alert_id}"]')
    expect(row.locator("rect")).to_have_count(2)
    expect(row.locator(".picture.shown img")).to_be_visible()


def test_another_kampung_is_visible_neither_in_the_list_nor_live(log_in: Opener, devices: Devices) -> None:
    theirs, _ = devices.raise_alert("kenanga")
    page = log_in("operator-bahari")
    expect(page.get_by_role("heading", name="Tenang.")).to_be_visible()
    live_theirs, _ = devices.raise_alert("kenanga")
    ours, _ = devices.raise_alert("bahari")
    expect(page.locator(f'[data-alert="{ours}"]')).to_be_visible()
    text = page.content()
    assert "Kenanga" not in text
    assert theirs not in text
    assert live_theirs not in text
    page.goto(f"{devices.server.base_url}/peringatan/{theirs}")
    expect(page.get_by_text("Peringatan ini tidak ada, atau bukan wewenang Anda.")).to_be_visible()


def test_new_alerts_wait_while_a_row_is_focused_and_arrive_on_request(log_in: Opener, devices: Devices) -> None:
    for minute in range(12, 0, -1):
        devices.raise_alert(
            captured_at=datetime.now(UTC) - timedelta(minutes=minute),
            began_at=datetime(2026, 1, 1, tzinfo=UTC),
            severity="critical",
        )
    page = log_in()
    expect(page.locator("[data-alert]").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = page.locator("[data-alert]:focus")
    reading = focused.get_attribute("data-alert")
    before = focused.bounding_box()
    newest, _ = devices.raise_alert(severity="critical")
    chip = page.get_by_role("button", name="1 baru")
    expect(chip).to_be_visible()
    assert page.locator(f'[data-alert="{newest}"]').count() == 0
    assert (focused.get_attribute("data-alert"), focused.bounding_box()) == (reading, before)
    page.keyboard.press("g")
    expect(page.locator("[data-alert]").first).to_have_attribute("data-alert", newest)
    expect(chip).to_have_count(0)


def test_the_filters_are_in_the_url_and_survive_a_reload(log_in: Opener, devices: Devices) -> None:
    critical, _ = devices.raise_alert(severity="critical")
    notice, _ = devices.raise_alert(severity="notice")
    page = log_in()
    expect(page.locator("[data-alert]")).to_have_count(2)
    page.keyboard.press("f")
    page.get_by_role("button", name="Kritis", exact=True).click()
    expect(page.locator("[data-alert]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?severity=critical$"))
    page.reload()
    expect(page.locator(f'[data-alert="{critical}"]')).to_be_visible()
    expect(page.locator(f'[data-alert="{notice}"]')).to_have_count(0)
    page.goto(f"{devices.server.base_url}/?state=resolved")
    expect(page.get_by_text("Tidak ada peringatan yang cocok dengan filter ini.")).to_be_visible()
    page.get_by_role("button", name="Hapus filter").click()
    expect(page.locator("[data-alert]")).to_have_count(2)


def test_a_long_list_is_loaded_by_page_and_only_visible_rows_are_in_the_document(
    log_in: Opener, devices: Devices
) -> None:
    began_at = datetime(2026, 1, 1, tzinfo=UTC)
    for minute in range(70, 0, -1):
        captured_at = datetime.now(UTC) - timedelta(minutes=minute)
        zone = f"zone-{minute}"
        devices.server.new_alert(
            1000 - minute, captured_at=captured_at, began_at=began_at, zone_id=zone, severity="critical"
        )
    page = log_in()
    expect(page.get_by_text("50 kejadian dimuat, masih ada lagi")).to_be_visible()
    assert page.locator("[data-alert]").count() < 30
    pane = page.get_by_role("region", name="Peringatan", exact=True)
    for _ in range(3):
        pane.evaluate("pane => pane.scrollTo(0, pane.scrollHeight)")
    expect(page.get_by_text("70 kejadian", exact=True)).to_be_visible()
    expect(page.get_by_text("Tidak ada yang lebih lama.")).to_be_visible()
    assert page.locator("[data-alert]").count() < 30


def test_a_lost_camera_is_named_as_soon_as_its_device_reports_it(log_in: Opener, live_server: LiveServer) -> None:
    page = log_in()
    expect(page.get_by_role("button", name="Gerbang")).to_contain_text("belum ada kabar")
    seen = datetime.now(UTC)
    for camera_state, words in ((CameraState.LIVE, "aktif"), (CameraState.LOST, "terputus, terakhir")):
        heartbeat = Heartbeat(
            device_id="box-1", sent_at=seen, uptime_s=60.0, software_version="0.1.0", outbox_pending=0,
            outbox_bytes=0, last_sequence=0,
            cameras=(
                CameraTelemetry(
                    camera_id="gate", state=camera_state, last_frame_at=seen, coverage=1.0, analysed_fps=5.0,
                    dropped_frames=0, people_count=0,
                ),
            ),
        )  # fmt: skip
        answer = live_server.device("box-1").post(
            f"{API}/ingest/heartbeats",
            content=heartbeat.model_dump_json(),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 204, answer.text
        expect(page.get_by_role("button", name="Gerbang")).to_contain_text(words)


def test_a_lost_connection_is_unmistakable_and_missed_alerts_arrive_after_reconnecting(
    log_in: Opener, relay: Relay, devices: Devices
) -> None:
    before, _ = devices.raise_alert()
    page = log_in(base_url=relay.url)
    expect(page.locator(f'[data-alert="{before}"]')).to_be_visible()
    relay.cut()
    banner = page.get_by_role("alert").filter(has_text="Sambungan langsung terputus. Kontak terakhir")
    expect(banner).to_be_visible()
    expect(page.locator("[data-live=down]")).to_be_visible()
    missed, _ = devices.raise_alert()
    relay.restore(devices.server.base_url)
    page.get_by_role("button", name="Sambungkan sekarang").click()
    expect(page.locator(f'[data-alert="{missed}"]')).to_be_visible()
    expect(page.locator("[data-live=live]")).to_be_visible()
    expect(banner).to_have_count(0)


def test_an_unreachable_server_gives_one_sentence_and_a_retry_works(
    open_page: Opener, relay: Relay, devices: Devices
) -> None:
    page = open_page()
    page.goto(relay.url)
    expect(page.get_by_label("Kata sandi")).to_be_visible()
    relay.cut()
    page.get_by_label("Nama pengguna").fill("operator-bahari")
    page.get_by_label("Kata sandi").fill("whatever it is")
    page.get_by_role("button", name="Masuk").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Server pusat tidak dapat dihubungi. Periksa sambungan, lalu coba lagi."
    )
    relay.restore(devices.server.base_url)
    page.get_by_label("Kata sandi").fill("whatever it is")
    page.get_by_role("button", name="Masuk").click()
    expect(page.get_by_role("alert")).to_contain_text("kata sandi salah")


COUNT_TONES = """
window.tones = 0;
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones++; return make.call(this); };
"""


def test_the_alarm_is_off_until_turned_on_and_then_sounds_for_critical_alerts_only(
    open_page: Opener, devices: Devices
) -> None:
    page = open_page()
    page.add_init_script(COUNT_TONES)
    page.goto(devices.server.base_url)
    sign_in(page, "operator-bahari")
    expect(page.locator("[data-live=live]")).to_be_attached()
    devices.raise_alert(severity="critical")
    expect(page.locator("[data-alert]")).to_have_count(1)
    assert page.evaluate("window.tones") == 0
    page.get_by_role("button", name="Suara mati").click()
    expect(page.get_by_role("button", name="Suara hidup")).to_have_attribute("aria-pressed", "true")
    greeting = page.evaluate("window.tones")
    devices.raise_alert(severity="warning")
    expect(page.locator("[data-alert]")).to_have_count(2)
    assert page.evaluate("window.tones") == greeting
    devices.raise_alert(severity="critical")
    expect(page.locator("[data-alert]")).to_have_count(3)
    assert page.evaluate("window.tones") > greeting
