"""The demo's place: its files are understood by edge and server, and its footage makes its rules fire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
import yaml

from contract.clock import Instant
from contract.event import Phase, Rule
from demo.footage import RECIPES, make_stream
from demo.site import OWN, OWN_CAMERA_VARIABLE, SIMULATED, Camera, edge_settings, provisioning, server_settings
from edge.analysis import CameraAnalysis
from edge.config import load_device_config
from edge.config.zones import ZoneConfig
from edge.detector import Detector
from edge.frame import Frame
from edge.history import TrackHistory
from edge.rules.camera import CameraBehaviours
from edge.rules.signal import Signal
from edge.tracker import Tracker
from models.manifest import load_manifest
from server.settings import load_settings

SERVER_URL = "http://127.0.0.1:8080"


def test_the_edge_worker_understands_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * 40)
    urls = {camera.id: f"rtsp://127.0.0.1:8554/{camera.id}" for camera in SIMULATED}
    settings = edge_settings(SIMULATED, urls, SERVER_URL, tmp_path / "edge")
    (tmp_path / "edge.yaml").write_text(yaml.safe_dump(settings))
    config = load_device_config(tmp_path / "edge.yaml")
    assert [camera.main_url.get_secret_value() for camera in config.cameras] == list(urls.values())


def test_the_own_cameras_log_in_stays_out_of_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t" * 40)
    url = "rtsp://budi:rahasia@10.0.0.9/x"
    file = tmp_path / "edge.yaml"
    file.write_text(yaml.safe_dump(edge_settings((OWN,), {}, SERVER_URL, tmp_path / "edge")))
    config = load_device_config(file, {OWN_CAMERA_VARIABLE: url})
    assert config.cameras[0].main_url.get_secret_value() == url
    assert "rahasia" not in file.read_text()


def test_the_server_understands_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "server.yaml").write_text(yaml.safe_dump(server_settings(tmp_path / "data", 8123)))
    settings = load_settings(tmp_path / "server.yaml")
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 8123)
    assert settings.data_dir == tmp_path / "data"


def test_every_simulated_camera_has_footage_and_there_are_three_or_more_in_two_kampung() -> None:
    assert {camera.id for camera in SIMULATED} == {recipe.name for recipe in RECIPES}
    assert len(SIMULATED) >= 3
    assert len({camera.kampung.id for camera in SIMULATED}) == 2


def test_the_place_names_every_zone_that_an_event_can_name() -> None:
    cameras = provisioning(SIMULATED)["cameras"]
    assert isinstance(cameras, list)
    told = {(camera["id"], zone["id"]) for camera in cameras for zone in camera["zones"]}
    assert told == {(camera.id, zone.id) for camera in SIMULATED for zone in camera.zones}


class _Began:
    """A sink that remembers when each behaviour began first."""

    def __init__(self) -> None:
        self.first_s: dict[Rule, float] = {}

    def record(self, signal: Signal, frame: Frame | None) -> None:
        del frame
        if signal.phase is Phase.BEGAN:
            self.first_s.setdefault(signal.rule, signal.captured.mono_s)


def first_alerts(camera: Camera, stream: Path, fps: int, until_s: float) -> dict[Rule, float]:
    """Seconds from the stream's start to the first alert of each rule, at about five analysed frames a second."""
    sink = _Began()
    analysis = CameraAnalysis(
        Detector(load_manifest().get()),
        Tracker(),
        CameraBehaviours([ZoneConfig.model_validate(zone.settings()) for zone in camera.zones]),
        history=TrackHistory(30.0),
        sink=sink,
    )
    start = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
    due_s = 0.0
    with av.open(str(stream)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            at_s = number / fps
            if at_s > until_s:
                break
            if at_s >= due_s:
                due_s += 0.2
                analysis.analyse(Frame.from_av(picture, Instant(at_s, start + timedelta(seconds=at_s))))
    return sink.first_s


@pytest.mark.parametrize("camera", [SIMULATED[0], SIMULATED[2]], ids=lambda camera: str(camera.kampung.id))
def test_within_25_seconds_each_kampung_has_loitering_and_a_crowd(
    camera: Camera, shared_data: Path, tmp_path: Path
) -> None:
    whole = next(recipe for recipe in RECIPES if recipe.name == camera.id)
    recipe = replace(whole, last=whole.first + 25 * whole.fps)
    stream = tmp_path / "stream.mp4"
    make_stream(recipe, shared_data / "mot" / "PETS09-S2L1-vtest.mp4", stream)
    began_s = first_alerts(camera, stream, recipe.fps, until_s=25.0)
    assert set(began_s) == {Rule.LOITERING, Rule.OCCUPANCY}
