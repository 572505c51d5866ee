"""Settings: what is written wrong is said in one sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from server.provision import load_site
from server.settings import Settings, SettingsError, load_settings

CONFIGS = Path(__file__).parents[2] / "configs"


def written(folder: Path, text: str) -> Path:
    path = folder / "server.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_the_defaults() -> None:
    assert load_settings(CONFIGS / "server.example.yaml") == Settings()


def test_the_example_names_every_setting() -> None:
    text = (CONFIGS / "server.example.yaml").read_text(encoding="utf-8")

    def names(model: type[BaseModel]) -> set[str]:
        found = set(model.model_fields)
        for field in model.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found |= names(field.annotation)
        return found

    # The database's address and the metrics token hold credentials: they belong into the environment.
    missing = {name for name in names(Settings) if not re.search(rf"^[ #]*{name}:", text, re.MULTILINE)}
    assert missing == {"database_url", "metrics_token"}
    assert "KENTONGAN_SERVER_METRICS_TOKEN" in text


def test_the_example_site_can_be_provisioned() -> None:
    site = load_site(CONFIGS / "site.example.yaml")
    assert [device.cameras for device in site.devices] == [("bahari-gerbang", "kenanga-pasar")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lisen: {port: 1}", "unknown key lisen; did you mean listen?"),
        ("listen: {prot: 1}", "unknown key listen.prot; did you mean port?"),
        ("sessions: {idle: 60}", "unknown key sessions.idle; did you mean idle_s?"),
        ("zzz: 1", "unknown key zzz; known keys: alert_budget, cameras, clips_dir"),
        ("listen: {port: many}", "listen.port: Input should be a valid integer"),
        ("listen: {port: 70000}", "listen.port: Input should be less than or equal to 65535"),
        ("cameras: {late_s: 90, lost_s: 45}", "late_s must be below lost_s, got 90.0 and 45.0"),
        ("public_url: kentongan.example.id", "public_url: expected an address that begins with http:// or https://"),
        ("trusted_proxies: [everybody]", "does not appear to be an IPv4 or IPv6 network"),
        ("metrics_token: changeme", "metrics_token: is too short or looks like an example"),
        ("metrics_token: an-example-token-that-is-long-enough", "metrics_token: is too short or looks like an example"),
        ("listen: [", "is not YAML: "),
        ("listen:\n\tport: 1", "in line 2"),
        ("- listen", "expected keys and values at the top, got a list"),
        ("\x00", "is not YAML"),
    ],
)
def test_what_is_written_wrong_is_said_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    said = str(caught.value)
    assert sentence in said
    assert said.startswith(f"{path}: ")
    assert "\n" not in said


def test_a_refused_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, "metrics_token: hunter2"))
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(tmp_path / "nothing.yaml")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENTONGAN_SERVER_LISTEN__PORT", "9999")
    settings = load_settings(written(tmp_path, "listen: {host: 0.0.0.0, port: 1}"))
    assert (settings.listen.host, settings.listen.port) == ("0.0.0.0", 9999)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cameras": [{"id": "gate", "name": "x", "kampung_id": "nowhere"}]}, "which is not listed"),
        ({"devices": [{"id": "box", "name": "x", "cameras": ["attic"]}]}, "camera 'attic', which is not listed"),
        ({"kampung": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}, "kampung 'a' stands here twice"),
        ({"kampung": []}, "at least 1 item"),
        ({"kamera": []}, "unknown key kamera; did you mean cameras?"),
        ({"kampung": [{"id": "Kampung A", "name": "A"}]}, "kampung.0.id: String should match pattern"),
        (
            {"kampung": [{"id": "a", "naem": "A", "name": "A"}]},
            "unknown key kampung.0.naem; did you mean name?",
        ),
    ],
)
def test_a_site_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    site = {"kampung": [{"id": "a", "name": "A"}], **change}
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        load_site(written(tmp_path, yaml.safe_dump(site)))
