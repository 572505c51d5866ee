"""The schema's versions, applied by Alembic from scripts that are part of this package.

Each version is applied in one transaction that also records it, so that a process killed at any moment leaves the
version before it or the version itself, and the next start goes on from there. An SQLite database is copied before
the first version is applied; see `server.store.safe_copy`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncSession

from server.store import sqlite
from server.store.safe_copy import copy_database, sole_upgrade

SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Progress:
    """What an upgrade is doing: `step` of `steps`, and a sentence for people."""

    step: int
    steps: int
    doing: str


Report = Callable[[Progress], None]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


@functools.cache
def newest_version() -> str:
    """The schema version that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations found in {SCRIPTS}")
    return head


def upgrade(database_url: str, report: Report | None = None) -> None:
    """Bring the database to the newest version, one transaction a version; does nothing when it is there.

    report: called before the copy and before every version.

    Raises:
        CommandError: the database is at a version that this code does not know.
        OSError: no room for the copy, or the disk refuses it.
        SQLAlchemyError: the database refuses; it is at the last version that was recorded.
    """
    file = sqlite.file_of(database_url)
    engine = _engine(database_url)
    try:
        with nullcontext() if file is None else sole_upgrade(file):
            _upgrade(engine, file, report)
    finally:
        engine.dispose()


def _upgrade(engine: Engine, file: Path | None, report: Report | None) -> None:
    with engine.connect().execution_options(**{sqlite.READ_ONLY: True}) as connection:
        current = _version_of(connection)
    pending = _versions_after(current)
    copies = file is not None and current is not None and bool(pending)
    steps = len(pending) + copies
    if copies and file is not None and current is not None:
        _tell(report, Progress(1, steps, f"copying the database at version {current} to a safe place"))
        copy_database(file, version=current)
    for step, version in enumerate(pending, start=1 + copies):
        _tell(report, Progress(step, steps, f"bringing the database to version {version}"))
        _apply(engine, version)


def _tell(report: Report | None, progress: Progress) -> None:
    if report is not None:
        report(progress)


def _engine(database_url: str) -> Engine:
    engine = create_engine(synchronous(database_url))
    if sqlite.is_sqlite(database_url):
        sqlite.prepare_migrations(engine)
    return engine


def _versions_after(current: str | None) -> list[str]:
    """The versions still to be applied, oldest first. Raises CommandError for a `current` that no script knows."""
    script = ScriptDirectory.from_config(_config())
    known = [revision.revision for revision in script.iterate_revisions(newest_version(), "base")][::-1]
    if current is None:
        return known
    if current not in known:
        raise CommandError(f"it is at version {current}, which this server does not know: a newer one wrote it")
    return known[known.index(current) + 1 :]


def _apply(engine: Engine, version: str) -> None:
    """Apply one version in one transaction, unless another process has done so meanwhile."""
    with engine.begin() as connection:
        if version not in _versions_after(_version_of(connection)):
            return
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def _version_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def synchronous(database_url: str) -> str:
    """The URL for the driver without asyncio."""
    url = make_url(database_url)
    driver = {"sqlite+aiosqlite": "sqlite", "postgresql+asyncpg": "postgresql+psycopg"}.get(url.drivername)
    return url.set(drivername=driver or url.drivername).render_as_string(hide_password=False)


async def current_version(session: AsyncSession) -> str | None:
    """The schema version of the database; None before the first migration."""
    return await (await session.connection()).run_sync(_version_of)
