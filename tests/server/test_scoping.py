"""Access scope: every query over kampung data goes through `within` or says why it does not."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, func, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, aliased

import server.store
from contract.event import Phase, SpotCheck
from contract.heartbeat import Heartbeat
from server.auth.tokens import token_hash
from server.permissions import Grant, Role, Scope
from server.store.alerts import AlertFilter
from server.store.audit import AuditEntry, AuditFilter
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.feed import FeedEntry
from server.store.incidents import Source
from server.store.precision import Span
from server.store.scoping import KAMPUNG_TABLES, ScopedSession, UnscopedQueryError, access_of, unscoped, within
from server.store.tables import (
    Alert,
    AlertHistory,
    AuditRow,
    Base,
    Camera,
    Clip,
    EventRow,
    FeedRow,
    Kampung,
    PlacementRequestRow,
    Thumbnail,
    User,
    UserGrant,
    UserSession,
    Zone,
)
from tests.support.events import NOON, new_id
from tests.support.server import (
    API,
    LiveServer,
    Template,
    copied_server,
    event_of,
    following,
    heartbeat_of,
    send,
    upload_clip,
    with_clip,
    with_thumbnail,
)

SERVER = Path(server.store.__file__).parents[1]
JPEG = b"\xff\xd8\xff\xe0 a thumbnail"
CLIP = b"a clip's bytes" * 100
EVERYWHERE = Scope(everywhere=True, kampung_ids=frozenset())
GRANTED = Scope(everywhere=False, kampung_ids=frozenset({"bahari"}))
NOT_GRANTED = Scope(everywhere=False, kampung_ids=frozenset({"nowhere"}))
Query = Callable[..., Coroutine[Any, Any, Any]]
NOT_KAMPUNG_DATA = {"device", "head", "user_account", "user_session"}
"""Tables that hold no kampung data. A new table is in `KAMPUNG_TABLES` or is added here on purpose."""
a_stored = aliased(Alert)


def _store_modules() -> Iterator[str]:
    """The modules that hold queries: all but the tables and what opens, copies and migrates databases."""
    for module in pkgutil.iter_modules(server.store.__path__):
        if module.name not in {"tables", "scoping", "sqlite", "migrations", "migrate", "safe_copy", "database"}:
            yield module.name


def _queries() -> dict[str, Query]:
    """Every function of the store that takes a session, by `module.function`."""
    found: dict[str, Query] = {}
    for name in _store_modules():
        module = importlib.import_module(f"server.store.{name}")
        for function_name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            if function.__module__ == module.__name__ and not function_name.startswith("_"):
                found[f"{name}.{function_name}"] = function
    return found


QUERIES = _queries()
SCOPED = [name for name, query in QUERIES.items() if {"scope", "span"} & set(inspect.signature(query).parameters)]


@dataclass(frozen=True, slots=True)
class Stored:
    """A server's database with at least one row for every query to find, all in kampung Bahari."""

    database: Database
    examples: dict[str, Any]

    def arguments(self, name: str, scope: Scope) -> dict[str, Any]:
        """One valid argument for each parameter of the query, from `examples` by name."""
        made: dict[str, Any] = {}
        for parameter in list(inspect.signature(QUERIES[name]).parameters)[1:]:
            if parameter == "scope":
                made[parameter] = scope
            elif parameter == "span":
                made[parameter] = Span(scope, NOON - timedelta(days=400))
            else:
                key = f"{name}.{parameter}"
                assert key in self.examples or parameter in self.examples, f"give an example for {key}"
                made[parameter] = self.examples.get(key, self.examples.get(parameter))
        return made

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session that may write; what is written is rolled back."""
        with suppress(_RollBackError):
            async with self.database.write() as writing:
                yield writing.session
                _roll_back()


class _RollBackError(Exception):
    """Ends a transaction without a commit."""


def _roll_back() -> None:
    raise _RollBackError


def _fill(live_server: LiveServer) -> None:
    """Alerts of every kind in Bahari: two in one incident, one with clip, thumbnail and history, and a spot check."""
    device = live_server.device()
    opening = with_thumbnail(with_clip(event_of(1), CLIP), JPEG)
    alert_id = send(device, opening).json()["alert_id"]
    assert opening.data.clip is not None
    assert upload_clip(device, opening.data.clip.clip_id, CLIP).status_code == 204
    assert device.put(f"{API}/ingest/events/{opening.id}/thumbnail", content=JPEG).status_code == 201
    live_server.new_alert(2)
    live_server.new_alert(3, zone_id="yard")
    live_server.new_alert(4, spot_check=SpotCheck(chance=0.5))
    send(device, with_clip(following(event_of(5), 6, phase=Phase.CONTINUES), b"awaited"))
    heartbeat = heartbeat_of("box-1", "gate")
    assert device.post(f"{API}/ingest/heartbeats", content=heartbeat.model_dump_json()).status_code == 204
    operator = live_server.log_in("operator-bahari")
    body = {"to": "resolved", "verdict": "useful", "expected_version": 1}
    assert operator.post(f"{API}/alerts/{alert_id}/transitions", json=body).status_code == 200
    assert operator.get(f"{API}/alerts/{alert_id}/clip").status_code == 200


@pytest.fixture(scope="module")
def filled(server_template: Template, tmp_path_factory: pytest.TempPathFactory) -> LiveServer:
    """A server that has stopped, with something for every query to find. Tests leave its database as it is."""
    server = copied_server(server_template, tmp_path_factory.mktemp("scoping") / "data")
    with server:
        _fill(server)
    return server


@pytest.fixture
async def stored(filled: LiveServer) -> AsyncIterator[Stored]:
    database = Database(filled.settings.database)
    try:
        async with database.read() as reading:
            examples = await _examples(reading, filled)
        yield Stored(database, examples)
    finally:
        await database.close()


async def _examples(reading: AsyncSession, live_server: LiveServer) -> dict[str, Any]:
    """Arguments by parameter name, or by `module.function.parameter` where a name means several things."""

    async def first(entity: type[Base], *criteria: Any) -> Any:  # noqa: ANN401 - a row of any table
        query = select(entity).where(*criteria).limit(1)
        return (await reading.execute(unscoped(query, "the test looks for examples"))).scalar_one()

    alert = await first(Alert, Alert.clip_stored)
    clip = await first(Clip, Clip.stored_at.is_not(None))
    opening = await first(EventRow, EventRow.alert_id == alert.id)
    thumbnail = await first(Thumbnail)
    user = await first(User, User.name == "operator-bahari")
    log_in = await first(UserSession)
    heartbeat: Heartbeat = heartbeat_of("box-1", "gate")
    now = datetime.now(UTC)
    request = await first(PlacementRequestRow, PlacementRequestRow.alert_id == alert.id)
    return {
        "alert": alert,
        "alert_id": alert.id,
        "alert_ids": [alert.id],
        "incident_ids": {alert.incident_id},
        "clip": clip,
        "clip_id": clip.id,
        "clip_ids": [clip.id],
        "event": opening,
        "event_id": thumbnail.event_id,
        "event_ids": [opening.id],
        "events.add.alerts": [],
        "events.add.events": [],
        "events.add.clips": [],
        "signals": [(alert.device_id, alert.signal_id)],
        "camera_id": "gate",
        "camera_ids": ["gate"],
        "kampung_id": "bahari",
        "device": EnrolledDevice("box-1", {"gate": "bahari"}),
        "device_id": "box-1",
        "devices.by_token.token_hash": token_hash(live_server.tokens["box-1"]),
        "token_hash": log_in.token_hash,
        "session_id": log_in.id,
        "user_id": user.id,
        "users.by_name.name": "operator-bahari",
        "name": "audit",
        "display_name": "Name",
        "language": "en",
        "password_hash": "hash",
        "grants": [Grant(Role.OPERATOR, "bahari")],
        "zones": [("ronda", "Pos ronda")],
        "heartbeat": heartbeat,
        "reports": heartbeat.cameras,
        "state": "lost",
        "at": now,
        "created_before": now,
        "days": {request.day},
        "moments": [(Source(alert.camera_id, alert.zone_id, alert.rule), alert.captured_at)],
        "received_since": NOON - timedelta(days=400),
        "requests": [],
        "rules": [alert.rule],
        "wanted": AlertFilter(),
        "audit.page.wanted": AuditFilter(),
        "audit.append.entries": [AuditEntry("user:test", "clip.viewed", "bahari", "alert:1")],
        "feed.append.entries": [FeedEntry("updated", "bahari", alert_id=alert.id)],
        "after": None,
        "before": None,
        "sequence": 0,
        "limit": 50,
    }


@contextmanager
def recorded() -> Iterator[list[Scope | str | None]]:
    """The access of each statement that is executed meanwhile."""
    seen: list[Scope | str | None] = []

    def note(state: ORMExecuteState) -> None:
        seen.append(access_of(state))

    event.listen(ScopedSession, "do_orm_execute", note)
    try:
        yield seen
    finally:
        event.remove(ScopedSession, "do_orm_execute", note)


def test_the_store_has_queries_in_every_module() -> None:
    assert {name.split(".")[0] for name in QUERIES} == set(_store_modules())
    assert len(SCOPED) >= 20


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_a_query_of_the_store_states_its_access_to_kampung_data(stored: Stored, name: str) -> None:
    async with stored.session() as session:
        with recorded() as accesses:
            await QUERIES[name](session, **stored.arguments(name, GRANTED))
    if name in SCOPED:
        assert GRANTED in accesses, "it takes a scope and does not apply it"


@pytest.mark.parametrize("name", sorted(SCOPED))
async def test_a_scoped_query_finds_what_is_granted_and_nothing_else(stored: Stored, name: str) -> None:
    async with stored.database.read() as reading:
        granted = await QUERIES[name](reading, **stored.arguments(name, GRANTED))
        everywhere = await QUERIES[name](reading, **stored.arguments(name, EVERYWHERE))
        not_granted = await QUERIES[name](reading, **stored.arguments(name, NOT_GRANTED))
    assert granted, "the test stored nothing for it to find"
    assert everywhere
    assert not not_granted


@pytest.mark.parametrize(
    "statement",
    [
        select(Alert),
        select(Alert.id),
        select(a_stored.id),
        select(func.count()).select_from(Clip),
        select(User).join(UserGrant, UserGrant.user_id == User.id),
        select(User).where(User.id.in_(select(Alert.id))),
        select(User).where(select(EventRow.id).exists()),
        select(select(FeedRow.sequence).subquery().c.sequence),
        select(select(AuditRow.sequence).cte().c.sequence),
        union_all(select(User.id), select(AlertHistory.id)),
        update(Camera).values(name="x"),
        delete(Zone),
    ],
    ids=lambda statement: " ".join(str(statement).split())[:60],
)
async def test_a_statement_over_kampung_data_that_states_no_access_is_refused(
    live_server: LiveServer,
    statement: Any,  # noqa: ANN401 - any kind of statement
) -> None:
    database = Database(live_server.settings.database)
    try:
        async with database.write() as writing:
            with pytest.raises(UnscopedQueryError, match="neither"):
                await writing.session.execute(statement)
            await writing.session.execute(unscoped(statement, "a test"))
    finally:
        await database.close()


async def test_reading_one_row_by_its_key_is_refused_too(stored: Stored) -> None:
    async with stored.database.read() as reading:
        with pytest.raises(UnscopedQueryError, match="camera"):
            await reading.get(Camera, "gate")
        assert await reading.get(User, new_id()) is None
        assert (await reading.execute(text("SELECT 1"))).scalar_one() == 1


def test_an_unscoped_statement_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        unscoped(select(Alert), " ")


def test_rows_without_a_kampung_lie_only_in_a_scope_of_everywhere() -> None:
    assert "kampung_id IN" in str(within(select(AuditRow), AuditRow.kampung_id, GRANTED))
    assert "WHERE" not in str(within(select(AuditRow), AuditRow.kampung_id, EVERYWHERE))


def test_every_table_is_classified_as_kampung_data_or_not() -> None:
    assert set(Base.metadata.tables) == KAMPUNG_TABLES | NOT_KAMPUNG_DATA
    assert not KAMPUNG_TABLES & NOT_KAMPUNG_DATA
    assert Kampung.__tablename__ in KAMPUNG_TABLES


def _outside_the_store() -> Iterator[Path]:
    for path in sorted(SERVER.rglob("*.py")):
        if "store" not in path.relative_to(SERVER).parts:
            yield path


def test_only_the_store_builds_and_executes_statements() -> None:
    found = []
    for path in _outside_the_store():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
                found.append(f"{path.name}: imports {node.names[0].name} from sqlalchemy")
            called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            if called in {"execute", "scalars", "scalar", "merge", "exec_driver_sql"}:
                found.append(f"{path.name}: calls {called}")
    assert found == []


def test_the_store_writes_no_textual_sql() -> None:
    for name in _store_modules():
        tree = ast.parse((SERVER / "store" / f"{name}.py").read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert "text" not in names, f"server/store/{name}.py: textual SQL hides which tables it reaches"


def test_scope_is_applied_in_one_place() -> None:
    """Nobody compares a column with a scope's kampung by himself."""
    users = [
        str(path.relative_to(SERVER))
        for path in sorted(SERVER.rglob("*.py"))
        if any(
            isinstance(node, ast.Attribute) and node.attr == "kampung_ids"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert users == ["permissions.py", "store/scoping.py"]
