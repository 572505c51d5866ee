"""Kills an upgrade of a stored database at random moments: `python -m bench.attack.migrations --kills N --alerts N`.

Every trial starts from a database of an older version with alerts in it, kills the upgrade once or several times with
SIGKILL, and then lets it finish. Whole means: sound, at the newest version, with the schema of a fresh database, and
with every alert. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from alembic import command

from server.store import migrate

OLD_VERSION = "0002"
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--alerts", type=int, default=5193)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kentongan-attack-") as folder:
        outcome = attack(Path(folder), kills=chosen.kills, alerts=chosen.alerts, rng=random.Random(chosen.seed))
    print(json.dumps(outcome))
    return 0 if outcome["bricked"] == 0 and outcome["migration_kills"] >= chosen.kills else 1


def attack(folder: Path, *, kills: int, alerts: int, rng: random.Random) -> dict[str, Any]:
    """Kill upgrades until `kills` of them died, and say how many databases did not end whole."""
    old = folder / "old.sqlite3"
    make_old_database(old, alerts)
    wanted_schema = schema_of(_fresh(folder / "fresh.sqlite3"))
    began_s = time.monotonic()
    whole = folder / "whole.sqlite3"
    shutil.copyfile(old, whole)
    _upgrade_in_child(whole, kill_after_s=None)
    lasts_s = time.monotonic() - began_s
    killed, bricked, faults = 0, 0, list[str]()
    first_start = True
    while killed < kills:
        trial = folder / f"trial-{killed}"
        trial.mkdir()
        database = trial / "kentongan.sqlite3"
        first_start = not first_start  # every other trial kills the very first start, which has nothing to copy
        expected = 0 if first_start else alerts
        if not first_start:
            shutil.copyfile(old, database)
        for _ in range(rng.randint(1, 3)):
            killed += _upgrade_in_child(database, kill_after_s=rng.uniform(0.0, lasts_s))
        fault = _finished(database, expected, wanted_schema)
        if fault is not None:
            bricked += 1
            faults.append(fault)
        shutil.rmtree(trial)
    return {"migration_kills": killed, "bricked": bricked, "faults": faults[:5], "upgrade_s": round(lasts_s, 2)}


def _finished(database: Path, alerts: int, wanted_schema: dict[str, list[str]]) -> str | None:
    """Let the upgrade finish; what is wrong with the database afterwards, or None."""
    try:
        migrate.upgrade(_url(database))
    except Exception as error:  # noqa: BLE001 - any error here is a bricked database, and is reported as one
        return f"{type(error).__name__}: {error}"
    with closing(sqlite3.connect(database)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        stored = connection.execute("SELECT count(*) FROM alert WHERE incident_id IS NOT NULL").fetchone()[0]
    if sound != "ok":
        return f"not sound: {sound}"
    if version != (migrate.newest_version(),):
        return f"at version {version}"
    if stored != alerts:
        return f"{stored} alerts of {alerts}"
    differing = {name for name, sql in schema_of(database).items() if wanted_schema.get(name) != sql}
    return f"another schema: {sorted(differing)}" if differing else None


def _upgrade_in_child(database: Path, *, kill_after_s: float | None) -> bool:
    """Upgrade in a process of its own; whether it was killed before it had finished."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            migrate.upgrade(_url(database))
            os._exit(0)
        os._exit(1)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def make_old_database(path: Path, alerts: int) -> None:
    """A database of `OLD_VERSION` with so many alerts of one camera, a minute apart."""
    engine = migrate._engine(_url(path))  # noqa: SLF001 - the same connection that an upgrade uses
    with engine.begin() as connection:
        config = migrate._config()  # noqa: SLF001 - an older version than the newest is asked for
        config.attributes["connection"] = connection
        command.upgrade(config, OLD_VERSION)
    engine.dispose()
    with closing(sqlite3.connect(path)) as database, database:
        for table, row in (
            ("kampung", {"id": "bahari", "name": "Bahari"}),
            ("device", {"id": "box-1"}),
            ("camera", {"id": "gate", "kampung_id": "bahari", "device_id": "box-1"}),
        ):
            _insert(database, table, [row])
        _insert(database, "alert", [_alert(number) for number in range(alerts)])


def _alert(number: int) -> dict[str, Any]:
    at = (BEGAN + timedelta(minutes=number)).strftime("%Y-%m-%d %H:%M:%S.%f")
    identity = UUID(int=(0x7 << 76) | (0x8 << 60) | number | (number << 80)).hex
    return {
        "id": identity,
        "kampung_id": "bahari",
        "device_id": "box-1",
        "camera_id": "gate",
        "signal_id": UUID(int=number).hex,
        "rule": "loitering",
        "severity": "warning",
        "captured_at": at,
        "received_at": at,
        "began_at": at,
        "updated_at": at,
        "reasons": "[]",
        "state": "new",
    }


def _insert(database: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows; columns that must not be null and have no value get one of their type."""
    columns = database.execute(f"PRAGMA table_info({table})").fetchall()
    fillers = {name: _filler(kind) for _, name, kind, not_null, default, _ in columns if not_null and default is None}
    names = [name for _, name, *_ in columns if name in fillers or name in rows[0]]
    statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - own names
    database.executemany(statement, [[row.get(name, fillers.get(name)) for name in names] for row in rows])


def _filler(kind: str) -> object:
    match kind.split("(", maxsplit=1)[0].upper():
        case "INTEGER" | "BIGINT" | "BOOLEAN" | "FLOAT" | "NUMERIC":
            return 1
        case "DATETIME":
            return BEGAN.strftime("%Y-%m-%d %H:%M:%S.%f")
        case "JSON":
            return "[]"
        case "CHAR":
            return UUID(int=1).hex
        case _:
            return "x"


def _fresh(path: Path) -> Path:
    migrate.upgrade(_url(path))
    return path


def schema_of(database: Path) -> dict[str, list[str]]:
    """Every table and index with the parts of the statement that makes it; reflection may give them in any order."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: sorted(part.strip(" ()") for part in " ".join(sql.split()).split(", ")) for name, sql in rows}


def _url(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


if __name__ == "__main__":
    sys.exit(main())
