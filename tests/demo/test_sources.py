"""What SOURCE may be, and that its log-in is never shown."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from demo.sources import fault_of, own_source
from scripts.say import MissingPrerequisiteError
from tests.support.media import Film, make_video


def test_a_cameras_address_is_shown_without_its_log_in() -> None:
    source = own_source("rtsp://budi:rahasia@10.0.0.9:554/stream1?token=rahasia")
    assert source.shown == "rtsp://10.0.0.9:554/stream1"
    assert source.url == "rtsp://budi:rahasia@10.0.0.9:554/stream1?token=rahasia"
    assert "rahasia" not in repr(source)


def test_a_video_file_is_a_source(tmp_path: Path) -> None:
    path = tmp_path / "my film.mp4"
    make_video(path, Film(seconds=1.0))
    source = own_source(str(path))
    assert source.url == path.as_uri()
    assert fault_of(source) is None


@pytest.mark.parametrize("told", ["http://budi:rahasia@host/x", "/no/such/file.mp4", "rtsp://", "rtsp://budi:rahasia@"])
def test_anything_else_is_refused_in_one_sentence_without_a_log_in(told: str) -> None:
    with pytest.raises(MissingPrerequisiteError) as refused:
        own_source(told)
    assert "SOURCE must" in str(refused.value)
    assert "rahasia" not in str(refused.value)


def test_a_password_with_a_bare_slash_is_explained_and_not_repeated() -> None:
    with pytest.raises(MissingPrerequisiteError, match="%2F") as refused:
        own_source("rtsp://budi:raha/sia@host/x")
    assert "raha" not in str(refused.value)


def test_a_file_that_is_no_video_is_a_fault_in_words(tmp_path: Path) -> None:
    path = tmp_path / "note.mp4"
    path.write_text("not a video")
    assert "Invalid data" in (fault_of(own_source(str(path))) or "")


def test_an_unreachable_camera_is_a_fault_in_words() -> None:
    fault = fault_of(own_source("rtsp://budi:rahasia@127.0.0.1:9/x"))
    assert fault == "Connection refused"


def test_a_codec_that_is_not_understood_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(stream.encode(None))
    assert fault_of(own_source(str(path))) == "its video is mpeg4; H.264 and H.265 are understood"
