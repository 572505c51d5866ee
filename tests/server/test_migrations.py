"""Migrations of stored data: what an older server has stored is what a newer one understands."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from contract.event import Severity
from server.store import migrate
from tests.support.server import API, LiveServer, Template, consistency_findings, copied_server

HOURS_OF_ALERTS = (
    (datetime(2026, 11, 24, 5, 0, tzinfo=UTC), "gate", Severity.NOTICE),
    (datetime(2026, 11, 24, 5, 8, tzinfo=UTC), "gate", Severity.CRITICAL),
    (datetime(2026, 11, 24, 5, 9, tzinfo=UTC), "alley", Severity.WARNING),
    (datetime(2026, 11, 24, 6, 0, tzinfo=UTC), "gate", Severity.WARNING),
)


def _as_before_incidents(server: LiveServer) -> None:
    """Take the schema back to version 0002, with its alerts in it."""
    database = sqlite3.connect(server.settings.data_dir / "kentongan.sqlite3")
    for statement in (
        "DROP TABLE placement_request",
        "ALTER TABLE camera_telemetry RENAME TO camera_health",
        "DROP INDEX ix_alert_incident",
        "DROP INDEX ix_alert_source_time",
        "ALTER TABLE alert DROP COLUMN incident_id",
        "ALTER TABLE alert DROP COLUMN stayed_s",
        "ALTER TABLE alert DROP COLUMN config_sha256",
        "ALTER TABLE alert DROP COLUMN spot_check_chance",
        "UPDATE alembic_version SET version_num = '0002'",
    ):
        database.execute(statement)
    database.commit()
    database.close()


def _described(server: LiveServer) -> list[tuple[str, str, str]]:
    items = server.log_in("operator-bahari").get(f"{API}/alerts").json()["items"]
    return [(item["id"], item["incident"]["id"], item["incident"]["placement"]) for item in items]


def test_alerts_stored_before_there_were_incidents_are_joined_as_they_would_have_been(
    server_template: Template, tmp_path: Path
) -> None:
    server = copied_server(server_template, tmp_path / "data")
    with server:
        for number, (at, camera, severity) in enumerate(HOURS_OF_ALERTS, 1):
            server.new_alert(number, camera_id=camera, captured_at=at, began_at=at, severity=severity)
        before = _described(server)
    _as_before_incidents(server)
    migrate.upgrade(server.settings.database)
    with LiveServer(server.settings, server.tokens) as again:
        assert _described(again) == before
        again.new_alert(9)
    assert len({incident for _, incident, _ in before}) == 3
    assert consistency_findings(server.settings) == []


def test_an_empty_database_of_the_first_version_is_brought_to_the_newest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    migrate.upgrade(url)
    database = sqlite3.connect(tmp_path / "old.sqlite3")
    assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (migrate.newest_version(),)
    database.close()
