"""`docs/codecs.md` says what the code reads and what the operators' browser plays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from edge.capture.bitstream import Codec
from edge.capture.demux import SourceSettings
from edge.capture.file_reader import _SUFFIXES

PAGE = (Path(__file__).parents[2] / "docs/codecs.md").read_text(encoding="utf-8")
WRITTEN = {Codec.H264: "H.264", Codec.HEVC: "H.265"}
CHROMIUM = Path("/usr/bin/chromium")


def row(name: str) -> list[str]:
    found = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE, re.MULTILINE)
    assert found, f"no row {name!r}"
    return [cell.strip() for cell in found[1].split(" | ")]


def test_the_page_names_every_codec_that_is_read_and_no_other() -> None:
    assert row("video codec")[0] == ", ".join(WRITTEN[codec] for codec in Codec)


def test_the_page_names_every_kind_of_file_and_transport() -> None:
    assert set(re.findall(r"`(\.\w+)`", row("files")[0])) == _SUFFIXES
    assert set(re.findall(r"`(\w+)`", row("transport (`transport`)")[0])) == set(
        get_args(get_type_hints(SourceSettings)["transport"])
    )


@pytest.mark.browser
def test_debians_chromium_plays_h264_and_refuses_h265_as_the_page_says() -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Debian's chromium as {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        can_play = "type => document.createElement('video').canPlayType(type)"
        plays = {
            name: page.evaluate(can_play, f'video/mp4; codecs="{codec}"') == "probably"
            for name, codec in (("H.264 (`avc1`)", "avc1.64001f"), ("H.265 (`hvc1`)", "hvc1.1.6.L93.90"))
        }
        browser.close()

    assert (
        {name: row(name)[0] == "plays" for name in plays} == plays == {"H.264 (`avc1`)": True, "H.265 (`hvc1`)": False}
    )
