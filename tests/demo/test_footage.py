"""The simulated cameras' footage."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import pytest

from demo import footage
from demo.footage import RECIPES, Recipe, ensure_streams, ensure_vtest, make_stream
from scripts.say import MissingPrerequisiteError
from tests.support.media import Film, make_video

SMALL = Recipe("sudut", (0, 0, 320, 192), (160, 96), 5, 3, 23)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp4"
    make_video(path, Film(seconds=4.0))
    return path


def test_a_recipe_becomes_an_h264_stream_of_its_frames_size_and_rate(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "stream.mp4"
    make_stream(SMALL, source, target)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == SMALL.size_wh
        assert stream.frames == 20
        assert float(stream.average_rate or 0) == pytest.approx(5.0)


def test_a_stream_has_a_keyframe_every_two_seconds_and_no_b_frames(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "stream.mp4"
    make_stream(SMALL, source, target)
    with av.open(str(target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == [0, 10]
    assert all(packet.pts == packet.dts for packet in packets)


def test_another_crop_or_speed_has_another_name_in_the_cache() -> None:
    faster = Recipe(SMALL.name, SMALL.crop_xywh, SMALL.size_wh, SMALL.fps + 1, SMALL.first, SMALL.last)
    assert faster.file_name != SMALL.file_name


def test_streams_that_are_there_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for recipe in RECIPES:
        (tmp_path / recipe.file_name).touch()
    monkeypatch.setattr(footage, "ensure_vtest", lambda folder: pytest.fail(f"looked for footage in {folder}"))
    assert sorted(ensure_streams(tmp_path)) == sorted(recipe.name for recipe in RECIPES)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ((("x", (700, 0, 320, 192), (160, 96), 5, 0, 20)), "crop"),
        ((("x", (0, 0, 320, 192), (160, 96), 5, 20, 20)), "frames"),
        ((("x", (0, 0, 320, 192), (161, 96), 5, 0, 20)), "even"),
    ],
)
def test_an_impossible_recipe_is_refused_with_the_reason(
    fields: tuple[str, tuple[int, int, int, int], tuple[int, int], int, int, int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Recipe(*fields)


def test_cached_footage_with_the_right_digest_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vtest.avi").write_bytes(b"footage")
    monkeypatch.setattr(footage, "VTEST_SHA256", hashlib.sha256(b"footage").hexdigest())
    assert ensure_vtest(tmp_path) == tmp_path / "vtest.avi"


def test_a_full_disk_is_told_in_one_sentence_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage, "VTEST_INSTALLED", tmp_path / "absent")
    monkeypatch.setattr(footage, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(MissingPrerequisiteError, match="MB are free"):
        ensure_vtest(tmp_path)


def extract_something_else(deb: Path, ending: str, target: Path) -> None:
    assert deb.name == "opencv-doc"
    assert ending == "/vtest.avi"
    target.write_bytes(b"something else")


def test_another_footage_than_expected_is_refused_with_both_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage, "VTEST_INSTALLED", tmp_path / "absent")
    monkeypatch.setattr(footage, "download_package", lambda name, into: into / name)
    monkeypatch.setattr(footage, "extract_one", extract_something_else)
    with pytest.raises(MissingPrerequisiteError) as refused:
        ensure_vtest(tmp_path)
    assert footage.VTEST_SHA256 in str(refused.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(refused.value)
    assert not (tmp_path / "vtest.avi").exists()
