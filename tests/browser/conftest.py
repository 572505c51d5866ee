"""Fixtures: Chromium on the built console, against a real server."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from tests.browser.devices import Devices, Relay
from tests.support.media import Film, make_video
from tests.support.server import PASSWORD, LiveServer, live_server, make_server, server_template

__all__ = ["live_server", "make_server", "server_template"]

ROOT = Path(__file__).resolve().parents[2]
DESKTOP: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 360, "height": 740}

expect.set_options(timeout=10_000)


# One browser per test file: Playwright's event loop counts as running until the browser is closed, and asyncio tests
# of other files may run in this process afterwards.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    if not (ROOT / "server/static/index.html").is_file():
        pytest.skip("needs the built console: npm ci && npm run build in console/")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of 8 s in H.264."""
    film = Film(seconds=8.0)
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4", film).read_bytes()


@pytest.fixture
def devices(live_server: LiveServer, clip_bytes: bytes) -> Devices:
    """Simulated edge devices that send events to the server."""
    return Devices(live_server, clip_bytes)


@pytest.fixture
def relay(live_server: LiveServer) -> Iterator[Relay]:
    """A relay between browser and server whose connections a test can cut."""
    between = Relay(live_server.base_url)
    yield between
    between.close()


@pytest.fixture
def browser_errors() -> list[str]:
    """Errors that the browser reported: exceptions, refused resources, violations of the content security policy."""
    return []


@pytest.fixture
def open_page(browser: Browser, browser_errors: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a fresh profile; an error that the browser reports fails the test."""
    contexts: list[BrowserContext] = []

    def record_error(message: ConsoleMessage) -> None:
        # Responses of 4xx are part of the tests; every other error in the browser's console is a defect.
        if message.type == "error" and "Failed to load resource" not in message.text:
            browser_errors.append(message.text)

    def make(viewport: ViewportSize = DESKTOP, *, touch: bool = False, reduced_motion: bool = False) -> Page:
        context = browser.new_context(
            viewport=viewport,
            locale="id-ID",
            timezone_id="UTC",
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", record_error)
        page.on("pageerror", lambda error: browser_errors.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert browser_errors == []


@pytest.fixture
def log_in(open_page: Callable[..., Page], live_server: LiveServer) -> Callable[..., Page]:
    """Opens the console and logs in."""

    def make(name: str = "operator-bahari", path: str = "/", base_url: str | None = None, **options: object) -> Page:
        page = open_page(**options)
        page.goto((base_url or live_server.base_url) + path)
        sign_in(page, name)
        expect(page.locator("[data-live=live]")).to_be_attached()
        return page

    return make


def until(page: Page, condition: str, timeout_s: float = 10.0) -> None:
    """Wait for a JavaScript condition. Playwright's own wait needs eval in the page, which the policy forbids."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {condition}"
        page.wait_for_timeout(20)


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Nama pengguna").fill(name)
    page.get_by_label("Kata sandi").fill(password)
    page.get_by_role("button", name="Masuk").click()
