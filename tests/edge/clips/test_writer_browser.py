"""Clips play in the browser that the operators use."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from contract.clock import Instant, SystemClock
from contract.event import ClipReference
from contract.ids import UuidV7Factory
from edge.capture.packets import Packet
from edge.clips.writer import write_clip
from edge.decode.masks import PrivacyMask
from tests.support.cameras import packets_of
from tests.support.media import NUMBER_BITS, Film, frame_number, join_videos, make_video

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
STARTS = Instant(1000.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC), 0.5)

PLAY = """async ({data, at_s, bits, numbers}) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))], {type: 'video/mp4'}));
  const happened = name => new Promise((ok, no) => {
    video.addEventListener(name, ok, {once: true});
    video.addEventListener('error', () => no(new Error(video.error.message)), {once: true});
  });
  await happened('loadeddata');
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const row = () => {
    context.drawImage(video, 0, 0);
    const pixels = context.getImageData(0, Math.floor(canvas.height / 16), canvas.width, 1).data;
    return Array.from({length: canvas.width}, (_, x) => pixels[4 * x + 1]);
  };
  // On a busy machine a picture is painted some time after its seek is said to be over: wait for it, but not for ever.
  const numberIn = levels => Array.from({length: bits}, (_, bit) => bit)
    .reduce((number, bit) => number + (levels[Math.floor((bit + 0.5) * canvas.width / bits)] > 125 ? 2 ** bit : 0), 0);
  const painted = async number => {
    for (let tries = 0; tries < 100 && numberIn(row()) !== number; tries++) await new Promise(ok => setTimeout(ok, 50));
    return row();
  };
  const first = row();
  const seeked = happened('seeked');
  video.currentTime = at_s;
  await seeked;
  const sought = await painted(numbers[0]);
  video.playbackRate = 8;
  const ended = happened('ended');
  await video.play();
  await ended;
  const atEnd = happened('seeked');
  video.currentTime = video.duration - 0.02;
  await atEnd;
  return {duration_s: video.duration, width: video.videoWidth, first, sought, last: await painted(numbers[1])};
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Debian's chromium as {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def number_in(row: list[int]) -> int:
    return frame_number(np.tile(np.array(row, dtype=np.uint8), (64, 1)))


def film_of(kind: str, folder: Path) -> list[Packet]:
    if kind == "b-frames":
        return packets_of(make_video(folder / "b.mp4", Film(fps=25, gop=25, seconds=3.0, b_frames=3)), starts=STARTS)
    parts = [
        make_video(folder / "1.mp4", Film(fps=25, gop=25, seconds=1.0)),
        make_video(folder / "2.mp4", Film(fps=25, gop=25, seconds=2.0, pixel_format="yuvj420p"), first=25),
    ]
    return packets_of(join_videos(folder / "joined.mp4", parts, fps=25), starts=STARTS)


@pytest.mark.parametrize("kind", ["b-frames", "new parameter sets", "masked"])
def test_a_clip_plays_in_chromium_and_seeks_to_its_trigger(page: Page, kind: str, tmp_path: Path) -> None:
    masked = kind == "masked"
    packets = film_of("b-frames" if masked else kind, tmp_path)
    mask = PrivacyMask([[(0.0, 0.6), (1.0, 0.6), (1.0, 1.0), (0.0, 1.0)]]) if masked else None
    path = tmp_path / "clip.mp4"
    clip: ClipReference = write_clip(
        packets, clip_id=UuidV7Factory(SystemClock())(), trigger=STARTS.shifted(2.0), destination=path, mask=mask
    )
    said = page.evaluate(
        "type => document.createElement('video').canPlayType(type)", f'video/mp4; codecs="{clip.codec}"'
    )
    assert said == "probably"
    data = base64.b64encode(path.read_bytes()).decode()
    wanted = {"data": data, "at_s": clip.trigger_offset_s + 0.02, "bits": NUMBER_BITS, "numbers": [50, 74]}
    played = page.evaluate(PLAY, wanted)
    assert played["duration_s"] == pytest.approx(clip.duration_s, abs=0.05)
    assert played["width"] == 320
    assert number_in(played["first"]) == 0
    assert number_in(played["sought"]) == 50, "the picture at the trigger"
    assert number_in(played["last"]) == 74
