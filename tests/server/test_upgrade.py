"""An upgrade that is killed, that runs out of disk, or that two processes start at once, always ends whole."""

from __future__ import annotations

import errno
import json
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bench.attack.migrations import make_old_database
from server.store import migrate
from server.store.migrate import Progress
from server.store.safe_copy import KEPT_COPIES

ROOT = Path(__file__).resolve().parents[2]
ALERTS = 300


def url_of(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


def version_of(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def alerts_of(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM alert").fetchone()[0])


@pytest.fixture(scope="module")
def old_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("old") / "old.sqlite3"
    make_old_database(path, ALERTS)
    return path


@pytest.fixture
def database(old_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(old_database, tmp_path / "kentongan.sqlite3"))


def test_an_upgrade_killed_at_random_moments_ends_whole() -> None:
    command = [sys.executable, "-m", "bench.attack.migrations", "--kills", "6", "--alerts", str(ALERTS), "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=250)
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["faults"] == []
    assert outcome["bricked"] == 0
    assert outcome["migration_kills"] >= 6


def test_a_copy_of_the_version_before_is_kept_and_whole(database: Path) -> None:
    migrate.upgrade(url_of(database))
    (copy,) = database.parent.glob("*.before-*")
    assert copy.name == "kentongan.sqlite3.before-0002"
    assert (version_of(copy), alerts_of(copy)) == ("0002", ALERTS)
    assert (version_of(database), alerts_of(database)) == (migrate.newest_version(), ALERTS)
    assert copy.stat().st_mode & 0o077 == 0


def test_a_new_database_and_one_that_is_current_need_no_copy(tmp_path: Path) -> None:
    new = tmp_path / "kentongan.sqlite3"
    migrate.upgrade(url_of(new))
    migrate.upgrade(url_of(new))
    assert list(tmp_path.glob("*.before-*")) == []


def test_only_the_newest_copies_are_kept(database: Path) -> None:
    for number in range(4):
        (database.parent / f"{database.name}.before-000{number}x").write_bytes(b"older")
    migrate.upgrade(url_of(database))
    copies = {path.name for path in database.parent.glob("*.before-*")}
    assert len(copies) == KEPT_COPIES
    assert "kentongan.sqlite3.before-0002" in copies


def test_an_upgrade_without_room_for_its_copy_changes_nothing_and_says_how_much_it_needs(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = database.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=r"the upgrade needs \d+ MB in .*, where 0 MB are free; nothing was") as refused:
        migrate.upgrade(url_of(database))
    assert refused.value.errno == errno.ENOSPC
    assert database.read_bytes() == before
    assert list(database.parent.glob("*.before-*")) == []


def test_a_disk_that_fills_up_during_an_upgrade_leaves_the_last_whole_version(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    make_engine = migrate._engine
    with monkeypatch.context() as patched:

        def engine_on_a_full_disk(database_url: str) -> object:
            engine = make_engine(database_url)
            event.listen(engine, "connect", limited)
            return engine

        patched.setattr(migrate, "_engine", engine_on_a_full_disk)
        with pytest.raises(OperationalError, match="full"):
            migrate.upgrade(url_of(database))
    assert alerts_of(database) == ALERTS
    reached = version_of(database)
    assert reached < migrate.newest_version()
    migrate.upgrade(url_of(database))
    assert (version_of(database), alerts_of(database)) == (migrate.newest_version(), ALERTS)


def test_two_processes_that_upgrade_at_once_apply_every_version_once(database: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(migrate.upgrade, url_of(database)) for _ in range(2)]:
            done.result(timeout=120)
    assert (version_of(database), alerts_of(database)) == (migrate.newest_version(), ALERTS)


def test_progress_is_reported_with_the_number_of_steps(database: Path) -> None:
    seen: list[Progress] = []
    migrate.upgrade(url_of(database), seen.append)
    assert [one.step for one in seen] == list(range(1, len(seen) + 1))
    assert {one.steps for one in seen} == {len(seen)}
    assert "copying the database at version 0002" in seen[0].doing
    assert seen[-1].doing.endswith(migrate.newest_version())
