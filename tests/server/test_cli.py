"""The command line, as an administrator types it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from server.cli import app
from server.settings import load_settings
from server.store.migrate import newest_version
from tests.support.server import CHEAP_HASHER, LiveServer, event_of, send

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("server.auth.passwords.PasswordHasher", lambda: CHEAP_HASHER)
    path = tmp_path / "server.yaml"
    path.write_text(yaml.safe_dump({"data_dir": str(tmp_path / "data")}), encoding="utf-8")
    usual = os.umask(0o022)
    yield path
    os.umask(usual)  # the commands set it for their process, which here is the tests' own


def said(config: Path, *words: str, stdin: str = "", status: int = 0) -> Result:
    result = CliRunner().invoke(app, [*words, "--config", str(config)], input=stdin)
    assert result.exit_code == status, result.output
    return result


def test_a_site_is_set_up_and_serves(config: Path) -> None:
    said(config, "provision", str(CONFIGS / "site.example.yaml"))
    token = said(config, "device", "token", "kotak-1").stdout.strip()
    said(config, "user", "add", "budi", "--role", "operator", "--kampung", "bahari", stdin="correct horse battery\n")
    with LiveServer(load_settings(config), {"kotak-1": token}) as server:
        event = event_of(device_id="kotak-1", camera_id="bahari-gerbang", zone_id="pos-ronda")
        assert send(server.device("kotak-1"), event).status_code == 201
        alert = server.log_in("budi").get("/api/v1/alerts").json()["items"][0]
        assert alert["zone_name"] == "Dekat pos ronda"
    assert "All invariants hold." in said(config, "check").stdout


def test_provisioning_twice_changes_nothing_but_names(config: Path, tmp_path: Path) -> None:
    site = yaml.safe_load((CONFIGS / "site.example.yaml").read_text(encoding="utf-8"))
    said(config, "provision", str(CONFIGS / "site.example.yaml"))
    token = said(config, "device", "token", "kotak-1").stdout.strip()
    site["devices"][0]["name"] = "Kotak baru"
    renamed = tmp_path / "site.yaml"
    renamed.write_text(yaml.safe_dump(site), encoding="utf-8")
    said(config, "provision", str(renamed))
    listed = said(config, "device", "list").stdout
    assert "issued" in listed
    assert len(token) > 40


def test_a_camera_cannot_move_to_another_kampung(config: Path, tmp_path: Path) -> None:
    said(config, "provision", str(CONFIGS / "site.example.yaml"))
    site = yaml.safe_load((CONFIGS / "site.example.yaml").read_text(encoding="utf-8"))
    site["cameras"][0]["kampung_id"] = "kenanga"
    moved = tmp_path / "site.yaml"
    moved.write_text(yaml.safe_dump(site), encoding="utf-8")
    assert "give the one in 'kenanga' another id" in said(config, "provision", str(moved), status=2).stderr


def test_a_password_that_nobody_gave_is_made_and_shown_once(config: Path) -> None:
    added = said(config, "user", "add", "admin", "--role", "administrator").stdout
    password = added.strip().rsplit(" ", 1)[1]
    with LiveServer(load_settings(config), {}) as server:
        server.log_in("admin", password)
    assert password not in said(config, "user", "list").stdout


def test_a_revoked_device_and_a_disabled_account_are_turned_away(config: Path) -> None:
    said(config, "provision", str(CONFIGS / "site.example.yaml"))
    token = said(config, "device", "token", "kotak-1").stdout.strip()
    said(config, "user", "add", "admin", "--role", "administrator", stdin="correct horse battery\n")
    said(config, "device", "revoke", "kotak-1")
    said(config, "user", "disable", "admin")
    with LiveServer(load_settings(config), {"kotak-1": token}) as server:
        assert send(server.device("kotak-1"), event_of()).status_code == 401
        body = {"username": "admin", "password": "correct horse battery"}
        assert server.client().post("/api/v1/session", json=body).status_code == 401
    assert "revoked" in said(config, "device", "list").stdout
    assert "disabled" in said(config, "user", "list").stdout


def test_a_new_password_replaces_the_old_one(config: Path) -> None:
    said(config, "user", "add", "admin", "--role", "administrator", stdin="correct horse battery\n")
    said(config, "user", "password", "admin", stdin="staple battery horse\n")
    with LiveServer(load_settings(config), {}) as server:
        server.log_in("admin", "staple battery horse")
        old = {"username": "admin", "password": "correct horse battery"}
        assert server.client().post("/api/v1/session", json=old).status_code == 401


@pytest.mark.parametrize(
    ("words", "stdin", "sentence"),
    [
        (("user", "add", "budi", "--role", "guest"), "", "unknown role 'guest'; known: operator, auditor"),
        (("user", "add", "budi", "--role", "operator"), "", "an operator needs --kampung ID"),
        (("user", "add", "budi", "--role", "operator", "--kampung", "x"), "", "there is no kampung 'x'"),
        (("user", "add", "Budi!", "--role", "auditor"), "", "a name has 1 to 64 of a-z"),
        (("user", "add", "budi", "--role", "auditor"), "short\n", "a password needs at least 10 characters, got 5"),
        (("user", "disable", "nobody"), "", "there is no account 'nobody'"),
        (("device", "token", "nothing"), "", "no device has the id 'nothing'"),
        (("provision", "/nothing.yaml"), "", "/nothing.yaml: cannot be read"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(
    config: Path, words: tuple[str, ...], stdin: str, sentence: str
) -> None:
    answer = said(config, *words, stdin=stdin, status=2)
    assert sentence in answer.stderr
    assert "Traceback" not in answer.output


def test_a_yaml_typo_stops_the_server_with_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "server.yaml"
    path.write_text("lisen: {port: 8080}\n", encoding="utf-8")
    answer = said(path, "run", status=2)
    assert answer.stderr.strip() == f"kentongan-server: {path}: unknown key lisen; did you mean listen?"


def test_migrating_twice_is_harmless(config: Path) -> None:
    for _ in range(2):
        assert f"The database is at version {newest_version()}." in said(config, "migrate").stdout


def test_nobody_else_may_read_the_database_even_in_a_folder_that_is_open_to_all(config: Path) -> None:
    folder = load_settings(config).data_dir
    folder.mkdir(mode=0o755)
    said(config, "migrate")
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []
    assert (folder / "kentongan.sqlite3").is_file()


def test_a_database_from_a_newer_version_is_refused(config: Path) -> None:
    import sqlite3

    said(config, "migrate")
    database = sqlite3.connect(load_settings(config).data_dir / "kentongan.sqlite3")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    assert "the database cannot be brought up to date" in said(config, "migrate", status=2).stderr


def test_the_checker_fails_when_something_is_wrong(config: Path, tmp_path: Path) -> None:
    said(config, "check")
    (tmp_path / "data" / "clips" / "stray.mp4").write_bytes(b"x")
    assert "media-file: stray.mp4 has a file and no row" in said(config, "check", status=1).stdout


def test_the_openapi_document_has_stable_operation_ids_and_problems() -> None:
    result = CliRunner().invoke(app, ["openapi"])
    document = json.loads(result.stdout)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert {"log_in", "list_alerts", "get_alert", "transition_alert", "live_feed", "accept_event"} <= set(ids)
    assert all("application/problem+json" in operation["responses"]["default"]["content"] for operation in operations)
    names = set(document["components"]["schemas"])
    references = set(json.dumps(document).split('"#/components/schemas/')[1:])
    assert {reference.split('"')[0] for reference in references} <= names
