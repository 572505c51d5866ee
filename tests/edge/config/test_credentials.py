from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest
import yaml

from edge.config import ConfigError, DeviceConfig, load_device_config

SECRET = "hunter2-and-more-0123"
ENVIRON = {"USER_NAME": "admin", "PASSWORD": "p@ss/w:rd%", "URL": f"rtsp://admin:{SECRET}@10.0.0.1/x", "TOKEN": SECRET}


def load(folder: Path, camera: dict[str, object], server: dict[str, object] | None = None) -> DeviceConfig:
    zone = {"id": "z", "name": "Z", "polygon": [[0, 0], [1, 0], [1, 1]], "rules": {"loitering": {}}}
    data = {
        "device_id": "box-1",
        "server": {"url": "https://s"} | (server or {"token_env": "TOKEN"}),
        "data_dir": "data",
        "cameras": [{"id": "gate", "kampung_id": "b", "zones": [zone]} | camera],
    }
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return load_device_config(path, ENVIRON)


def test_a_password_from_a_variable_may_contain_any_character(tmp_path: Path) -> None:
    config = load(tmp_path, {"url": "rtsp://${USER_NAME}:${PASSWORD}@10.0.0.1:554/x?a=1@2"})
    assert config.cameras[0].main_url.get_secret_value() == "rtsp://admin:p%40ss%2Fw%3Ard%25@10.0.0.1:554/x?a=1@2"


def test_a_whole_url_may_come_from_a_variable_and_the_substream_is_analysed(tmp_path: Path) -> None:
    (camera,) = load(tmp_path, {"url_env": "URL", "substream_url": "rtsp://10.0.0.1/sub"}).cameras
    assert camera.main_url.get_secret_value() == ENVIRON["URL"]
    assert camera.analysis_url.get_secret_value() == "rtsp://10.0.0.1/sub"
    (camera,) = load(tmp_path, {"url_env": "URL"}).cameras
    assert camera.analysis_url == camera.main_url


def test_credentials_are_neither_shown_nor_serialised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "token").write_text(f"  {SECRET}\n", encoding="utf-8")
    camera: dict[str, object] = {"url_env": "URL", "substream_url": f"rtsp://admin:{SECRET}@10.0.0.1/sub"}
    config = load(tmp_path, camera, {"token_file": "token"})
    logging.getLogger(__name__).warning("%s %r", config, config)
    for text in (str(config), repr(config), config.model_dump_json(), str(config.model_dump()), caplog.text):
        assert SECRET not in text
    assert config.server.token.get_secret_value() == SECRET
    assert "rtsp://***@10.0.0.1/sub" in config.model_dump_json()


@pytest.mark.parametrize(
    "camera",
    [
        {"url": f"http://admin:{SECRET}@10.0.0.1/x"},
        {"url": f"rtsp://admin:{SECRET}@/x"},
        {"url": f"rtsp://admin:{SECRET}/@10.0.0.1:x/y"},
        {"url": f"rtsp://admin:{SECRET} @10.0.0.1/x"},
        {"url": f"rtsp://admin:{SECRET}@[10.0.0.1/x"},
        {"url": {"password": SECRET}},
        {"url": [SECRET]},
        {"url_env": f"rtsp://admin:{SECRET}@10.0.0.1/x"},
        {"url_env": "URL", "substream_url_env": SECRET},
        {"url_env": "URL", "password": SECRET},
        {"url_env": "URL", "name": f"rtsp://admin:{SECRET}@10.0.0.1/" + "x" * 99},
        {"url_env": "URL", "url": f"rtsp://admin:{SECRET}@10.0.0.1/x"},
        {"url": f"rtsp://${{{SECRET}}}@10.0.0.1/x"},
    ],
)
def test_no_error_contains_a_credential(tmp_path: Path, camera: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, camera)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.faults


@pytest.mark.parametrize(
    ("camera", "detail"),
    [
        ({}, "a camera needs either url or url_env, and not both"),
        ({"url": "rtsp://${NOT_SET}@h/x"}, "the environment variable NOT_SET is not set"),
        ({"url_env": "NOT_SET"}, "the environment variable NOT_SET is not set"),
        ({"url": "10.0.0.1/stream"}, "expected a URL that starts with rtsp://, rtsps://, file://"),
        ({"url": "rtsp://"}, "expected rtsp:// followed by"),
        ({"url": "rtsp://h:99999/x"}, "not a valid URL"),
        ({"url": "file://clip.mp4"}, "expected file:// followed by an absolute path"),
        (
            {"url": "rtsp://h/1", "substream_url": "rtsp://h/2", "substream_url_env": "URL"},
            "a camera takes substream_url or substream_url_env, not both",
        ),
    ],
)
def test_a_wrong_source_is_refused_with_what_was_expected(
    tmp_path: Path, camera: dict[str, object], detail: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, camera)
    assert detail in str(caught.value)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"short", "must hold a device token of at least 16 characters"),
        (b"two tokens 0123456789", "one token of printable ASCII characters without spaces"),
        (b"\xff\xfe0123456789012345", "is not text"),
        (None, "cannot read the token file"),
    ],
)
def test_a_wrong_token_file_is_refused(tmp_path: Path, content: bytes | None, detail: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match=detail):
        load(tmp_path, {"url_env": "URL"}, {"token_file": "token"})


@pytest.mark.parametrize("server", [{"token_file": SECRET}, {"token_env": SECRET}])
def test_a_token_in_the_place_of_its_name_is_not_repeated(tmp_path: Path, server: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="line") as caught:
        load(tmp_path, {"url_env": "URL"}, server)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_inline_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key; did you mean token_env") as caught:
        load(tmp_path, {"url_env": "URL"}, {"token": SECRET})
    assert SECRET not in str(caught.value)


def test_a_recording_may_take_the_place_of_a_camera(tmp_path: Path) -> None:
    (camera,) = load(tmp_path, {"url": "file:///srv/recording.mp4"}).cameras
    assert camera.main_url.get_secret_value() == "file:///srv/recording.mp4"
