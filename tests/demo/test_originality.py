"""Whether a clip is recognised as the camera's own packets, and a re-encoded or cut-up one as not."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from demo.clip_checks import check_clip
from demo.nal import is_cut_from, slice_digests
from tests.support.media import Film, make_video


@pytest.fixture(scope="module", params=["h264", "hevc"])
def camera(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("camera") / f"{request.param}.mp4"
    make_video(path, Film(codec=request.param, seconds=3.0))
    return path


def remuxed(source: Path, target: Path, *, skip: int, take: int, rounds: int = 1) -> bytes:
    """The packets from number `skip` on, `take` of them, of the source played `rounds` times: as an edge cuts them."""
    step = 0
    with av.open(str(target), "w") as out:
        stream: Any = None
        number = 0
        for _ in range(rounds):
            with av.open(str(source)) as container:
                if stream is None:
                    stream = out.add_stream_from_template(container.streams.video[0])
                for packet in container.demux(video=0):
                    if not packet.size:
                        continue
                    if skip <= number < skip + take:
                        packet.stream = stream
                        packet.time_base = Fraction(1, 10)
                        packet.pts = packet.dts = step
                        packet.duration = 1
                        out.mux(packet)
                        step += 1
                    number += 1
    return target.read_bytes()


def reference(content: bytes, **changes: object) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "frame_count": 20,
        "trigger_offset_s": 1.0,
        "gaps": [],
        "verified": True,
        "redacted": False,
    }
    return fields | changes


def test_a_remuxed_stretch_is_the_cameras_own(camera: Path, tmp_path: Path) -> None:
    content = remuxed(camera, tmp_path / "clip.mp4", skip=10, take=20)
    facts = check_clip(content, reference(content), camera)
    assert facts.faults == []
    assert (facts.frames, facts.covers_trigger, facts.reencoded) == (20, True, False)
    assert facts.duration_s == pytest.approx(2.0)


def test_a_stretch_across_the_loops_end_is_the_cameras_own(camera: Path, tmp_path: Path) -> None:
    content = remuxed(camera, tmp_path / "clip.mp4", skip=20, take=20, rounds=2)
    assert check_clip(content, reference(content), camera).faults == []


def test_a_re_encoded_clip_is_recognised(tmp_path: Path) -> None:
    camera = tmp_path / "camera.mp4"
    make_video(camera, Film(seconds=2.0))
    again = tmp_path / "again.mp4"
    make_video(again, Film(seconds=2.0, kbps=200))
    facts = check_clip(again.read_bytes(), reference(again.read_bytes()), camera)
    assert facts.reencoded
    assert "its slices are not the camera's" in facts.faults


def test_a_missing_picture_in_the_middle_is_recognised(camera: Path) -> None:
    slices = slice_digests(camera)
    assert is_cut_from(slices[10:], slices)
    assert not is_cut_from(slices[10:15] + slices[16:], slices)


def test_nothing_is_not_taken_for_an_original(camera: Path) -> None:
    assert not is_cut_from([], slice_digests(camera))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"size_bytes": 1}, "bytes, announced 1"),
        ({"frame_count": 19}, "20 frames, announced 19"),
        ({"trigger_offset_s": 2.5}, "trigger at 2.50 s is not inside"),
        ({"gaps": [{"starts_s": 0.5, "ends_s": 1.5}]}, "trigger"),
        ({"verified": False}, "not verified"),
        ({"redacted": True}, "redacted"),
    ],
)
def test_each_false_claim_about_a_clip_is_a_fault(changes: dict[str, object], says: str, tmp_path: Path) -> None:
    camera = tmp_path / "camera.mp4"
    make_video(camera, Film(seconds=3.0))
    content = remuxed(camera, tmp_path / "clip.mp4", skip=10, take=20)
    faults = check_clip(content, reference(content, **changes), camera).faults
    assert len(faults) == 1
    assert says in faults[0]


def test_a_clip_that_starts_between_keyframes_is_a_fault(tmp_path: Path) -> None:
    camera = tmp_path / "camera.mp4"
    make_video(camera, Film(seconds=3.0))
    content = remuxed(camera, tmp_path / "clip.mp4", skip=13, take=7)
    faults = check_clip(content, reference(content, frame_count=7, trigger_offset_s=0.3), camera).faults
    assert "it does not start on a keyframe" in faults
