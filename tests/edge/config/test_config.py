from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from edge.config import ConfigError, DeviceConfig, load_device_config
from edge.config.loader import MAX_FILE_BYTES

EXAMPLE = Path(__file__).parents[3] / "configs" / "edge.example.yaml"
TOKEN = "device-token-0123456789"
PASSWORD = "p@ss/w:rd%"
ENVIRON = {
    "GANG_TIGA_USER": "admin",
    "GANG_TIGA_PASSWORD": PASSWORD,
    "PASAR_TIMUR_URL": "rtsp://viewer:hunter2@192.168.10.12/live",
    "DEVICE_TOKEN": TOKEN,
}


class Config:
    """A configuration that is valid until a test changes it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "edge.yaml"
        self.data: dict[str, Any] = {
            "device_id": "box-1",
            "server": {"url": "https://kentongan.example.org", "token_env": "DEVICE_TOKEN"},
            "data_dir": "data",
            "cameras": [_camera("gate"), _camera("yard")],
        }

    def load(self) -> DeviceConfig:
        return self.load_text(yaml.safe_dump(self.data, sort_keys=False))

    def load_text(self, text: str) -> DeviceConfig:
        self.path.write_text(text, encoding="utf-8")
        return load_device_config(self.path, ENVIRON)

    def faults(self) -> dict[str, str]:
        with pytest.raises(ConfigError) as caught:
            self.load()
        return {fault.path: fault.detail for fault in caught.value.faults}

    def faults_of_text(self, text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load_text(text)
        return [str(fault) for fault in caught.value.faults]


def _camera(camera_id: str) -> dict[str, Any]:
    zone = {
        "id": "front",
        "name": "Front",
        "polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]],
        "rules": {"loitering": {}},
    }
    url = f"rtsp://user:hunter2@10.0.0.1/{camera_id}"
    return {"id": camera_id, "kampung_id": "bahari", "url": url, "zones": [zone]}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


@pytest.fixture
def example(tmp_path: Path) -> DeviceConfig:
    path = tmp_path / "edge.yaml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "device.token").write_text(f"{TOKEN}\n", encoding="utf-8")
    return load_device_config(path, ENVIRON)


def test_the_example_loads(example: DeviceConfig, tmp_path: Path) -> None:
    assert example.data_dir == tmp_path / "data"
    assert example.server.token.get_secret_value() == TOKEN
    assert [camera.id for camera in example.cameras] == ["gang-tiga", "pasar-timur"]


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = set(re.findall(r"[a-z_0-9]+(?=:)", text))
    fields = {name for model in _models_of(DeviceConfig) for name in model.model_fields}
    missing = fields - shown - {"url_env", "substream_url_env", "token_env", "calibration"}
    assert {"url_env", "token_env"} <= set(re.findall(r"\w+", text))
    assert not missing


def test_the_examples_commented_defaults_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    (tmp_path / "device.token").write_text(TOKEN, encoding="utf-8")
    digests = set()
    text = EXAMPLE.read_text(encoding="utf-8")
    active = re.sub(
        r"^( *)# ((?:connect_timeout_s|reply_timeout_s|allow_plain_http|keep_\w+|ring_\w+|heartbeat_s|backend"
        r"|far_people|  region|  every_s):.*)$",
        r"\1\2",
        text,
        flags=re.MULTILINE,
    )
    assert active.count("\n") == text.count("\n")
    assert active != text
    for version in (text, active):
        path.write_text(version, encoding="utf-8")
        digests.add(load_device_config(path, ENVIRON).config_sha256)
    assert len(digests) == 1


def test_every_fault_is_listed_with_file_line_and_path(config: Config) -> None:
    config.path.write_text(
        "device_id: Box 1\n"
        "server: {url: 'https://s', token_env: NOT_SET}\n"
        "data_dir: data\n"
        "cameras:\n"
        "  - id: gate\n"
        "    kampung_id: bahari\n"
        "    url: rtsp://10.0.0.1/\n"
        "    analysis_fps: fast\n"
        "    zones:\n"
        "      - {id: front, name: F, polygon: [[0, 0], [1, 1]], rules: {loitering: {}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_device_config(config.path, {})
    slug = "expected 1 to 64 lower-case letters, digits and inner hyphens"
    assert str(caught.value).splitlines() == [
        f"{config.path}: line 1: device_id: {slug}, got the text 'Box 1'",
        f"{config.path}: line 2: server.token_env: the environment variable NOT_SET is not set",
        f"{config.path}: line 8: cameras[0].analysis_fps: expected a valid number, got the text 'fast'",
        f"{config.path}: line 10: cameras[0].zones[0].polygon: a polygon needs at least 3 points, got 2 points",
    ]


def test_a_missing_key_is_named_where_it_belongs(config: Config) -> None:
    del config.data["cameras"][1]["kampung_id"]
    assert config.faults() == {"cameras[1].kampung_id": "required, but it is missing"}


@pytest.mark.parametrize(
    ("path", "key", "hint"),
    [
        ((), "camera", "did you mean cameras?"),
        (("cameras", 0), "analysis_fsp", "did you mean analysis_fps?"),
        (("cameras", 0, "zones", 0), "rule", "did you mean rules?"),
        (("cameras", 0, "zones", 0, "rules", "loitering"), "treshold_s", "did you mean threshold_s?"),
        (("server",), "qqq", "known here: allow_plain_http, ca_file, connect_timeout_s"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    config: Config, path: tuple[str | int, ...], key: str, hint: str
) -> None:
    place = config.data
    for part in path:
        place = place[part]  # type: ignore[index] # nested lists and mappings
    place[key] = "hunter2"
    (detail,) = config.faults().values()
    assert detail.startswith(f"unknown key; {hint}")
    assert "hunter2" not in detail


def test_a_syntax_error_names_line_and_column_and_quotes_no_line(config: Config) -> None:
    (fault,) = config.faults_of_text("device_id: box-1\nserver:\n  url: 'https://user:hunter2@s\n  token")
    assert fault.startswith("line 4: column 8: not valid YAML:")
    assert "hunter2" not in fault
    (fault,) = config.faults_of_text("device_id: box-1\ndata_dir: a: b\n")
    assert fault == "line 2: column 12: not valid YAML: mapping values are not allowed here"
    (fault,) = config.faults_of_text("device_id: box-1\n\tdata_dir: a\n")
    assert fault.startswith("line 2: column 1: not valid YAML:")


def test_a_duplicate_key_is_refused_with_both_lines(config: Config) -> None:
    text = yaml.safe_dump(config.data, sort_keys=False)
    (fault,) = config.faults_of_text(f"{text}data_dir: other\n")
    last = len(text.splitlines()) + 1
    assert fault.startswith(f"line {last}: data_dir: the key 'data_dir' is a duplicate of line ")


def test_duplicate_ids_are_refused_together_with_other_faults(config: Config) -> None:
    config.data["cameras"][1]["id"] = "gate"
    config.data["cameras"][0]["zones"] *= 2
    config.data["heartbeat_s"] = 0
    assert config.faults() == {
        "cameras[1].id": "the id gate belongs to camera 1 of the list already; ids are unique",
        "cameras[0].zones[1].id": "the id front belongs to zone 1 of the list already; ids are unique",
        "heartbeat_s": "expected greater than or equal to 5, got 0",
    }


def test_duplicate_ids_are_refused_in_code_too(example: DeviceConfig) -> None:
    fields = {name: getattr(example, name) for name in type(example).model_fields}
    with pytest.raises(ValueError, match="two cameras have the id gang-tiga"):
        DeviceConfig.model_validate(fields | {"cameras": example.cameras[:1] * 2})


def test_text_where_a_number_belongs_is_refused(config: Config) -> None:
    config.data["clip"] = {"before_s": "10"}
    assert config.faults() == {"clip.before_s": "expected a valid number, got the text '10'"}
    config.data["clip"] = {"before_s": True}
    assert config.faults() == {"clip.before_s": "expected a valid number, got true"}


def test_a_ring_too_short_for_the_clip_is_refused(config: Config) -> None:
    config.data["clip"] = {"before_s": 30, "after_s": 30, "ring_s": 60}
    assert config.faults() == {"clip": "ring_s must be at least before_s + after_s + 10 = 70, got 60"}


def test_sizes_may_be_written_with_a_unit(config: Config) -> None:
    config.data["outbox"] = {"quota_bytes": "3GiB"}
    assert config.load().outbox.quota_bytes == 3 << 30
    config.data["outbox"] = {"quota_bytes": "3 elephants"}
    assert "elephants" in config.faults()["outbox.quota_bytes"]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "expected a mapping of keys, got nothing"),
        ("- a\n- b\n", "expected a mapping of keys, got a list of 2 items"),
        ("just text", "expected a mapping of keys, got the text 'just text'"),
        ("a: \x07", "the character at position 3 is not allowed in YAML"),
        ("a: 1\n---\nb: 2\n", "line 2: column 1: not valid YAML: but found another document"),
        ("a: &x [*x]\n", "line 1: a[0]: this part contains itself through an alias"),
        ("a: !!python/object:os.system {}\n", "unknown key"),
        ("? [1, 2]\n: 3\n", "a key must be a plain name, not a list or a mapping"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_a_sentence(config: Config, text: str, detail: str) -> None:
    assert any(detail in fault for fault in config.faults_of_text(text))


def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_device_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_device_config(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"device_id: caf\xe9")
    with pytest.raises(ConfigError, match="not UTF-8 text at byte 14"):
        load_device_config(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="no configuration"):
        load_device_config(tmp_path / "huge.yaml")


def test_yaml_means_what_is_written(config: Config) -> None:
    text = yaml.safe_dump(config.data, sort_keys=False).replace("name: Front", "name: no", 1)
    loaded = config.load_text(text.replace("loitering: {}", "loitering: {night: {from: 21:30, to: 04:00}}", 1))
    zone = loaded.cameras[0].zones[0]
    assert zone.name == "no"
    assert zone.rules.loitering is not None
    assert (zone.rules.loitering.night.starts.hour, zone.rules.loitering.night.starts.minute) == (21, 30)


def test_merge_keys_share_settings_and_the_own_key_wins(config: Config) -> None:
    shared = (
        "device_id: box-1\n"
        "server: {url: 'https://s', token_env: DEVICE_TOKEN}\n"
        "data_dir: data\n"
        "cameras:\n"
        "  - &gate\n"
        "    {id: gate, kampung_id: b, url: 'rtsp://h/1', analysis_fps: 2, zones: [{id: z, name: Z,\n"
        "     polygon: [[0, 0], [1, 0], [1, 1]], rules: {loitering: {}}}]}\n"
        "  - <<: *gate\n"
        "    id: yard\n"
    )
    loaded = config.load_text(shared)
    assert [(camera.id, camera.analysis_fps) for camera in loaded.cameras] == [("gate", 2.0), ("yard", 2.0)]


def test_the_digest_covers_effective_settings_and_not_passwords_or_layout(config: Config) -> None:
    plain = config.load().config_sha256
    assert re.fullmatch("[0-9a-f]{64}", plain)
    config.data["heartbeat_s"] = 30
    config.data["cameras"][0]["url"] = "rtsp://user:another@10.0.0.1/gate"
    config.data = dict(reversed(config.data.items()))
    assert config.load().config_sha256 == plain
    config.data["cameras"][0]["zones"][0]["polygon"][0] = [0.1, 0.2]
    assert config.load().config_sha256 != plain


@pytest.mark.parametrize(
    ("server", "detail"),
    [
        ({"url": "http://elsewhere"}, "http:// would send the token in the clear"),
        ({"url": "https://s/path"}, "server.url must look like https://host[:port]"),
        ({"url": "ftp://s"}, "server.url must look like https://host[:port]"),
        ({"url": "https://"}, "server.url must look like https://host[:port]"),
        ({"url": "https://user:hunter2@s"}, "server.url must not contain a log-in"),
        ({"token_file": "device.token"}, "either token_file or token_env, and not both"),
    ],
)
def test_an_unsafe_server_is_refused(config: Config, server: dict[str, Any], detail: str) -> None:
    (config.path.parent / "device.token").write_text(TOKEN, encoding="utf-8")
    config.data["server"] |= server
    assert detail in config.faults()["server"]


def test_plain_http_is_accepted_to_this_machine_or_by_choice(config: Config) -> None:
    config.data["server"]["url"] = "http://127.0.0.1:8080"
    assert config.load().server.url == "http://127.0.0.1:8080"
    config.data["server"] |= {"url": "http://10.0.0.5", "allow_plain_http": True}
    assert config.load().server.url == "http://10.0.0.5"


def test_metrics_are_served_on_loopback_only(config: Config) -> None:
    config.data["metrics"] = {"host": "0.0.0.0"}
    assert "only on a loopback address" in config.faults()["metrics.host"]
    config.data["metrics"] = None
    assert config.load().metrics is None


def test_settings_are_frozen(example: DeviceConfig) -> None:
    with pytest.raises(ValueError, match="frozen"):
        example.heartbeat_s = 5.0  # type: ignore[misc] # the assignment under test


def _models_of(model: object) -> set[type[BaseModel]]:
    """Return the model and the models of its fields that `edge.config` documents (rules have their own document)."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return set().union(*(_models_of(argument) for argument in get_args(model)))
    if model.__module__.rpartition(".")[2] not in {"device", "camera"}:
        return set()
    return {model}.union(*(_models_of(field.annotation) for field in model.model_fields.values()))
