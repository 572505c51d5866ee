"""The audit log as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from contract.errors import ErrorKind, KentonganError
from server.permissions import Scope
from server.store import audit
from server.store.audit import AuditFilter
from server.store.database import Database
from server.store.tables import AuditRow

_MAX_CURSOR_DIGITS = 18
"""Every number of so many digits fits into a database's 64-bit integer."""


class AuditLogService:
    """Lists audit entries. It never writes: entries are appended in the transaction of what they record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, scope: Scope, wanted: AuditFilter, cursor: str | None, limit: int
    ) -> tuple[Sequence[AuditRow], str | None]:
        """A page of audit entries, newest first, and the cursor of the next page (None on the last).

        Raises:
            KentonganError: `bad-input` for an invalid cursor.
        """
        before = _sequence(cursor) if cursor else None
        async with self._database.read() as reading:
            found = await audit.page(reading, scope, wanted, before, limit + 1)
        shown = found[:limit]
        return shown, str(shown[-1].sequence) if len(found) > limit else None


def _sequence(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _MAX_CURSOR_DIGITS):
        raise KentonganError(ErrorKind.BAD_INPUT, "cursor must be the next_cursor of an earlier page")
    return int(cursor)
