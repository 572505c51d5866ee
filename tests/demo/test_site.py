"""The demo's place: its files are understood by edge and server, and its footage makes its rules fire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from contract.event import Rule
from demo.footage import RECIPES, make_stream
from demo.site import OWN, OWN_CAMERA_VARIABLE, SIMULATED, Camera, edge_settings, provisioning, server_settings
from edge.cli.replay import replay
from edge.config import load_device_config
from server.settings import load_settings
from tests.support.data import DataFile

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


def test_the_place_names_every_zone_that_the_worker_watches() -> None:
    cameras = provisioning(SIMULATED)["cameras"]
    assert isinstance(cameras, list)
    told = {(camera["id"], zone["id"]) for camera in cameras for zone in camera["zones"]}
    assert told == {(camera.id, zone.id) for camera in SIMULATED for zone in camera.zones}


@pytest.mark.parametrize("camera", [SIMULATED[0], SIMULATED[2]], ids=lambda camera: str(camera.kampung.id))
def test_within_25_seconds_each_kampung_has_loitering_and_a_crowd(
    camera: Camera, data_file: DataFile, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t" * 40)
    file = tmp_path / "edge.yaml"
    file.write_text(yaml.safe_dump(edge_settings([camera], {camera.id: "file:///x"}, SERVER_URL, tmp_path / "edge")))
    config = load_device_config(file)
    whole = next(recipe for recipe in RECIPES if recipe.name == camera.id)
    stream = tmp_path / "stream.mp4"
    first_part = replace(whole, last=whole.first + 25 * whole.fps)
    make_stream(first_part, data_file("mot/PETS09-S2L1-vtest.mp4"), stream)
    report = replay(stream, config, config.cameras[0], starts_at=datetime(2026, 11, 24, 5, 0, tzinfo=UTC))
    assert {signal.rule for signal in report.began} == {Rule.LOITERING, Rule.OCCUPANCY}
