"""One builder wires every camera, and what a replay runs is what a worker runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contract.event import Phase, Rule
from edge.cli.replay import ReplayReport, replay
from edge.config import load_device_config
from tests.support.data import DataFile
from tests.support.media import Film, Image, make_video, people_images
from tests.support.workers import camera, write_config

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("edge", "server", "demo", "bench", "models", "contract", "scripts")
BUILDER = "edge/camera/build.py"
STAGES = {"CameraAnalysis", "CameraPipeline", "DecodeLadder", "ViewWatch", "ClockWatch", "CameraFaults"} | {
    "EventBuilder", "Stages"
}  # fmt: skip
STARTS_AT = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def calls_of_stages(source: str) -> set[str]:
    """The stages that a module makes."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    names = (call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls)
    return STAGES & set(names)


def test_no_module_but_the_builder_wires_a_camera() -> None:
    modules = {
        str(path.relative_to(ROOT)): calls_of_stages(path.read_text("utf-8"))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert modules.pop(BUILDER) == STAGES
    assert {module: made for module, made in modules.items() if made} == {}


def test_a_second_place_that_wires_a_camera_is_found() -> None:
    assert calls_of_stages("ladder = ladder_module.DecodeLadder(ring)\nwatch = ViewWatch(None)") == {
        "DecodeLadder",
        "ViewWatch",
    }


def replayed(tmp_path: Path, video: Path, rules: dict[str, object]) -> ReplayReport:
    config = load_device_config(
        write_config(tmp_path, "http://127.0.0.1:1", "token-token-token", [camera("gate", f"file://{video}", rules)])
    )
    return replay(video, config, config.cameras[0], starts_at=STARTS_AT)


QUIET = Film(width=640, height=360, fps=10, seconds=60.0, gop=20, kbps=600)


def test_a_replay_of_a_quiet_film_detects_as_seldom_as_a_worker(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    still = rng.integers(60, 200, (QUIET.height, QUIET.width, 3), dtype=np.uint8)
    video = make_video(tmp_path / "quiet.mp4", QUIET, (still for _ in range(int(QUIET.fps * QUIET.seconds))))
    report = replayed(tmp_path, video, {"occupancy": {"capacity": 1}})
    assert report.duration_s == pytest.approx(QUIET.seconds, abs=0.2)
    # Every frame at the analysis rate would be 300; a quiet camera detects about every 5 s.
    assert 5 <= report.frames <= 60


COVERED = Film(width=768, height=576, fps=7, seconds=90.0, gop=14, kbps=900)
COVERED_FROM_S = 50.0


def covered_from(pictures: Iterator[Image]) -> Iterator[Image]:
    for number, picture in enumerate(pictures):
        covered = number >= COVERED_FROM_S * COVERED.fps
        yield np.full_like(picture, 12) if covered else picture


def test_a_replay_reports_a_covered_camera_and_ends_what_its_rules_had_open(
    tmp_path: Path, data_file: DataFile
) -> None:
    video = make_video(tmp_path / "covered.mp4", COVERED, covered_from(people_images(data_file, COVERED)))
    report = replayed(tmp_path, video, {"occupancy": {"capacity": 1, "on_delay_s": 2.0, "off_delay_s": 60.0}})
    (fault,) = [one for one in report.began if one.rule is Rule.CAMERA_FAULT]
    assert fault.captured.mono_s == pytest.approx(COVERED_FROM_S, abs=30.0)
    assert fault.captured.mono_s > COVERED_FROM_S
    crowds = [one for one in report.signals if one.rule is Rule.OCCUPANCY]
    assert crowds, "people stand there"
    assert all(one.captured.mono_s < fault.captured.mono_s for one in crowds if one.phase is Phase.BEGAN)
    ended = [one for one in crowds if one.phase is Phase.ENDED]
    assert ended
    assert ended[-1].reasons[0].code == "camera_at_fault"
