"""Access scope, written once: every statement over kampung data states which kampung it may reach.

`within` restricts a query to a person's scope; `unscoped` states why a statement needs no restriction. `ScopedSession`
refuses to execute a statement over kampung data that went through neither.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Executable, Select, event
from sqlalchemy.orm import InstrumentedAttribute, ORMExecuteState, Session
from sqlalchemy.sql.util import find_tables

from server.permissions import Scope
from server.store.tables import Base, Kampung

_ACCESS = "kentongan_access"
_Query = TypeVar("_Query", bound=Select[*tuple[Any, ...]])
_Statement = TypeVar("_Statement", bound=Executable)


class UnscopedQueryError(RuntimeError):
    """A statement over kampung data went through neither `within` nor `unscoped`."""


def within(
    query: _Query, kampung_id: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], scope: Scope
) -> _Query:
    """`query`, restricted to rows whose `kampung_id` lies in `scope`. NULL lies in no scope but that of everywhere."""
    restricted = query if scope.everywhere else query.where(kampung_id.in_(scope.kampung_ids))
    return restricted.execution_options(**{_ACCESS: scope})


def unscoped(statement: _Statement, reason: str) -> _Statement:
    """`statement`, which reaches every kampung; `reason` says why no person sees more than they are granted.

    Raises:
        ValueError: no reason was given.
    """
    if not reason.strip():
        raise ValueError("an unscoped statement needs a reason, got none")
    return statement.execution_options(**{_ACCESS: reason})


def access_of(state: ORMExecuteState) -> Scope | str | None:
    """The scope of a statement, or the reason why it has none; None if it states neither."""
    access: Scope | str | None = state.execution_options.get(_ACCESS)
    return access


def _kampung_tables() -> frozenset[str]:
    """The kampung table, every table with a `kampung_id`, and every table that refers to one of these."""
    found = {Kampung.__tablename__} | {table.name for table in Base.metadata.tables.values() if "kampung_id" in table.c}
    # sorted_tables lists a table after the tables that it refers to.
    for table in Base.metadata.sorted_tables:
        if any(key.column.table.name in found for key in table.foreign_keys):
            found.add(table.name)
    return frozenset(found)


KAMPUNG_TABLES = _kampung_tables()
"""Names of the tables that hold kampung data."""


class ScopedSession(Session):
    """A session that executes statements over kampung data only if they state their access."""


@event.listens_for(ScopedSession, "do_orm_execute")
def _require_access(state: ORMExecuteState) -> None:
    if state.is_insert or access_of(state) is not None or not isinstance(state.statement, ClauseElement):
        return
    tables = find_tables(state.statement, include_crud=True)
    reached = sorted({name for table in tables if (name := getattr(table, "name", "")) in KAMPUNG_TABLES})
    if reached:
        raise UnscopedQueryError(f"a statement over {', '.join(reached)} went through neither within() nor unscoped()")
