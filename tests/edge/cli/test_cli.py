"""The command `kentongan-edge`, as a technician uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

import contract
from edge.camera_health import ReferenceView
from edge.camera_health.store import LearntView, ViewStore
from edge.cli.main import app
from edge.learned.state import CameraLearned
from edge.learned.store import LearnedStore
from tests.support.data import DataFile
from tests.support.media import Film, make_video, people_images
from tests.support.workers import camera, write_config

STAYING = {"loitering": {"threshold_s": 12.0, "min_score": 0.0}}
FILM = Film(width=768, height=576, fps=7, seconds=24.0, gop=14, kbps=900)
"""Two people stand at the lamp post from 2 s to 22 s."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    url = "rtsp://admin:hunter2@10.0.0.2/stream"
    return write_config(tmp_path, "http://127.0.0.1:1", "token-token-token", [camera("gate", url, STAYING)])


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_valid_configuration_is_shown_without_credentials(config: Path) -> None:
    result = run("check-config", "--config", config)
    assert result.exit_code == 0, result.stderr
    assert "device box-1" in result.stdout
    for words in ("gate", "bahari", "ronda", "loitering", "rtsp://***@10.0.0.2/stream", "valid"):
        assert words in result.stdout
    assert "hunter2" not in result.stdout
    assert "token-token" not in result.stdout


@pytest.mark.parametrize("command", ["check-config", "run", "status"])
def test_an_invalid_configuration_is_refused_with_a_sentence(config: Path, command: str) -> None:
    settings = yaml.safe_load(config.read_text())
    settings["cameras"][0]["analysis_fsp"] = 5
    config.write_text(yaml.safe_dump(settings))
    result = run(command, "--config", config)
    assert result.exit_code == 2
    assert "analysis_fsp" in result.stderr
    assert "analysis_fps" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_worker_that_cannot_start_says_why(config: Path) -> None:
    settings = yaml.safe_load(config.read_text())
    settings["detector"] = {"model": "no-such-model"}
    config.write_text(yaml.safe_dump(settings))
    result = run("run", "--config", config)
    assert result.exit_code == 2
    assert "kentongan-edge: the worker cannot start:" in result.stderr
    assert "no-such-model" in result.stderr


@pytest.fixture
def _opencv_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("_opencv_threads")
@pytest.mark.parametrize("command", ["run", "replay missing.mp4"])
def test_opencv_runs_on_one_thread(config: Path, command: str) -> None:
    settings = yaml.safe_load(config.read_text())
    settings["detector"] = {"model": "no-such-model"}
    config.write_text(yaml.safe_dump(settings))
    assert run(*command.split(), "--config", config).exit_code == 2
    assert cv2.getNumThreads() == 1


@pytest.fixture(scope="module")
def film(data_file: DataFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "street.mp4"
    return make_video(path, FILM, people_images(data_file, FILM))


def test_replay_shows_what_would_alert_and_draws_it(config: Path, film: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.mp4"
    result = run(
        "replay",
        film,
        "--config",
        config,
        "--annotated",
        drawn,
        "--language",
        "en",
        "--starts-at",
        "2026-11-24T12:00:00",
    )
    assert result.exit_code == 0, result.stderr
    rows = [line for line in result.stdout.splitlines() if "loitering" in line]
    assert rows
    at_s = [float(match[1]) for row in rows if (match := re.search(r"(\d+\.\d) s", row))]
    assert at_s
    assert all(STAYING["loitering"]["threshold_s"] <= second <= FILM.seconds for second in at_s)
    assert re.search(rf"{len(rows)} alerts in 2\d s, \d+ frames analysed, at most \d+ people at once", result.stdout)
    with av.open(str(drawn)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == pytest.approx(FILM.seconds * 5.0, rel=0.25)
    assert all(frame.shape == frames[0].shape for frame in frames)
    assert not list((tmp_path / "data").rglob("*.sqlite3"))


def test_a_replay_at_a_speed_prints_alerts_as_they_begin(config: Path, film: Path) -> None:
    result = run("replay", film, "--config", config, "--language", "en", "--speed", "50")
    assert result.exit_code == 0, result.stderr
    alerts = [line for line in result.stdout.splitlines() if re.match(r" +\d+\.\d s  loitering in \S+: Stayed ", line)]
    assert re.search(rf"\b{len(alerts)} alerts in", result.stdout)
    assert alerts


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--language", "fr"), "--language is id or en, got fr"),
        (("--camera", "yard"), "no camera yard in the configuration; there are gate"),
        (("--starts-at", "noon"), "--starts-at is a time such as"),
        (("--speed", "0"), "--speed is 0.1 to 100 times the video's own, got 0"),
    ],
)
def test_a_replay_with_an_invalid_option_is_refused(config: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run("replay", config, "--config", config, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_file_that_is_not_a_video_is_refused(config: Path) -> None:
    result = run("replay", config, "--config", config)
    assert result.exit_code == 2
    assert result.stderr.startswith("kentongan-edge: ")
    assert "Traceback" not in result.stderr


def test_a_moved_cameras_view_is_accepted_once(config: Path, tmp_path: Path) -> None:
    store = ViewStore(tmp_path / "data" / "views")
    assert "nothing to delete" in run("accept-view", "gate", "--config", config).stdout
    cells = np.ones((9, 16), np.float32)
    reference = ReferenceView(cells, cells, cells, np.ones((45, 80), np.complex64), 0.9)
    store.save("gate", LearntView(reference))
    assert "gate: the old reference view is deleted" in run("accept-view", "gate", "--config", config).stdout
    assert store.was_removed("gate")
    assert run("accept-view", "yard", "--config", config).exit_code == 2


def test_learned_state_is_deleted_on_request(config: Path, tmp_path: Path) -> None:
    store = LearnedStore(tmp_path / "data" / "learned")
    assert "nothing has been learned yet" in run("forget-learned", "gate", "--config", config).stdout
    store.save("gate", CameraLearned())
    assert "learned state deleted" in run("forget-learned", "gate", "--config", config).stdout
    assert list((tmp_path / "data" / "learned").iterdir()) == []


def test_status_says_that_no_worker_has_run(config: Path) -> None:
    result = run("status", "--config", config)
    assert result.exit_code == 1
    assert "NOT RUNNING: no worker has run" in result.stdout


def test_the_version_is_printed() -> None:
    assert run("version").stdout.strip() == contract.__version__
