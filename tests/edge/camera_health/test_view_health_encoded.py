"""A frozen input after a real encoder, which keeps refining it or spends a constant bitrate on it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from edge.camera_health import HealthFinding, ViewFault, ViewHealth
from edge.camera_health.store import LearntView, ViewStore
from tests.support.data import DataFile
from tests.support.views import HEIGHT, WIDTH, Luma, noisy

FPS = 5
LIVE_S, FROZEN_S = 40, 40
LEARNS_S = 200.0
ENCODERS: dict[str, tuple[int, dict[str, str]]] = {
    "constant quality, keyframes every 2 s": (2, {"crf": "23"}),
    "constant quality, keyframes every 4 s": (4, {"crf": "28"}),
    "constant quality, keyframes every 10 s": (10, {"crf": "23"}),
    "constant bitrate": (4, {"b": "512k", "maxrate": "512k", "bufsize": "512k"}),
    "a starved constant bitrate": (4, {"b": "200k", "maxrate": "200k", "bufsize": "200k"}),
}
CLIPS = ("mot/PETS09-S2L1-vtest.mp4", "video/mvondracek__s3_f_side_single.mp4")


def source(video: Path) -> Iterator[av.VideoFrame]:
    """Real frames for `LIVE_S`, then the last of them for `FROZEN_S`."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        step = max(1, round(float(stream.average_rate or 25) / FPS))
        every = itertools.islice(container.decode(stream), 0, LIVE_S * FPS * step, step)
        frames = [one.reformat(width=640, height=360, format="yuv420p") for one in every]
    assert len(frames) == LIVE_S * FPS
    yield from frames
    yield from itertools.repeat(frames[-1], FROZEN_S * FPS)


@functools.lru_cache(maxsize=8)
def encoded(video: Path, encoder: str) -> tuple[tuple[float, bool, Luma], ...]:
    """Small luma images after H.264: time in seconds, whether it is a keyframe, and the image."""
    keyframes_s, options = ENCODERS[encoder]
    writer = av.CodecContext.create("libx264", "w")
    writer.width, writer.height, writer.pix_fmt = 640, 360, "yuv420p"
    writer.framerate, writer.time_base, writer.gop_size = Fraction(FPS), Fraction(1, FPS), keyframes_s * FPS
    writer.options = {"preset": "veryfast", "tune": "zerolatency", "sc_threshold": "0", "threads": "1", **options}
    reader = av.CodecContext.create("h264", "r")
    found: list[tuple[float, bool, Luma]] = []
    for index, frame in enumerate(source(video)):
        frame.pts, frame.time_base, frame.pict_type = index, writer.time_base, 0
        for decoded in itertools.chain.from_iterable(reader.decode(packet) for packet in writer.encode(frame)):
            small = decoded.reformat(width=WIDTH, height=HEIGHT, format="gray", interpolation="AREA").to_ndarray()
            found.append((len(found) / FPS, bool(decoded.key_frame), np.asarray(small, dtype=np.uint8)))
    return tuple(found)


def freezes(frames: list[tuple[float, Luma]], period_s: float) -> list[HealthFinding]:
    """The findings when the live frames are repeated up to `LEARNS_S`, and the frozen ones follow."""
    live = [frame for at_s, frame in frames if at_s < LIVE_S]
    frozen = [frame for at_s, frame in frames if at_s >= LIVE_S]
    health, turns = ViewHealth(), itertools.cycle(live)
    for index in range(int(LEARNS_S / period_s)):
        assert health.observe(next(turns), index * period_s) == []
    return [one for i, frame in enumerate(frozen) for one in health.observe(frame, LEARNS_S + i * period_s)]


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_frozen_input_of_an_encoder_is_found_within_30_s(data_file: DataFile, clip: str, encoder: str) -> None:
    every = encoded(data_file(clip), encoder)[:: 2 * FPS]
    found = freezes([(at_s, frame) for at_s, _, frame in every], 2.0)
    assert [one.fault for one in found] == [ViewFault.FROZEN]
    assert found[0].at_mono_s <= LEARNS_S + 30.0


@pytest.mark.parametrize("encoder", ["constant quality, keyframes every 4 s", "constant bitrate"])
def test_frozen_keyframes_alone_are_found_within_30_s(data_file: DataFile, encoder: str) -> None:
    keys = [(at_s, frame) for at_s, is_key, frame in encoded(data_file(CLIPS[0]), encoder) if is_key]
    found = freezes(keys, 4.0)
    assert [one.fault for one in found] == [ViewFault.FROZEN]
    assert found[0].at_mono_s <= LEARNS_S + 30.0


@pytest.mark.parametrize("encoder", ["constant quality, keyframes every 4 s", "constant bitrate"])
def test_a_freeze_while_the_worker_was_down_is_found_within_30_s_of_its_start(
    data_file: DataFile, tmp_path: Path, encoder: str
) -> None:
    every = encoded(data_file(CLIPS[0]), encoder)[:: 2 * FPS]
    live = [frame for at_s, _, frame in every if at_s < LIVE_S]
    frozen = [frame for at_s, _, frame in every if at_s >= LIVE_S]
    before, turns = ViewHealth(), itertools.cycle(live)
    for index in range(int(LEARNS_S / 2.0)):
        before.observe(next(turns), index * 2.0)
    assert before.reference is not None
    ViewStore(tmp_path).save("gate", LearntView(before.reference, before.noise))
    loaded = ViewStore(tmp_path).load("gate")
    assert loaded is not None
    after = ViewHealth(reference=loaded.reference, noise=loaded.noise)
    found = [one for index, frame in enumerate(frozen) for one in after.observe(frame, index * 2.0)]
    assert [one.fault for one in found] == [ViewFault.FROZEN]
    assert found[0].at_mono_s <= 30.0
    without = ViewHealth(reference=loaded.reference)
    assert [one for index, frame in enumerate(frozen) for one in without.observe(frame, index * 2.0)] == []


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_live_picture_is_not_frozen_after_a_restart(data_file: DataFile, encoder: str) -> None:
    every = encoded(data_file(CLIPS[0]), encoder)[:: 2 * FPS]
    live = [frame for at_s, _, frame in every if at_s < LIVE_S]
    before, turns = ViewHealth(), itertools.cycle(live)
    for index in range(int(LEARNS_S / 2.0)):
        before.observe(next(turns), index * 2.0)
    after = ViewHealth(reference=before.reference, noise=before.noise)
    assert [one for index in range(60) for one in after.observe(next(turns), index * 2.0)] == []


def test_a_live_scene_that_becomes_quiet_or_changes_to_infrared_is_not_frozen(data_file: DataFile) -> None:
    frames = [frame for _, _, frame in encoded(data_file(CLIPS[0]), "constant quality, keyframes every 2 s")]
    busy = itertools.cycle(frames[: LIVE_S * FPS : 2 * FPS])
    health, rng = ViewHealth(), np.random.default_rng(3)
    empty = frames[0]
    found = [one for i in range(100) for one in health.observe(next(busy), i * 2.0)]
    found += [one for i in range(100, 160) for one in health.observe(noisy(empty, 1.5, rng), i * 2.0)]
    infrared = empty * 0.6 + 10
    found += [one for i in range(160, 220) for one in health.observe(noisy(infrared, 0.4, rng), i * 2.0)]
    assert found == []
