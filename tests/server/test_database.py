"""The database: what fails in it is said in the one vocabulary of errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from contract.errors import ErrorKind, KentonganError
from server.store.database import Database


async def test_a_read_that_the_database_refuses_is_unavailable_and_the_next_one_works(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")
    try:
        with pytest.raises(KentonganError, match="cannot be read") as caught:
            async with database.read() as reading:
                await reading.execute(text("SELECT * FROM nowhere"))
        assert caught.value.kind is ErrorKind.UNAVAILABLE
        async with database.read() as reading:
            assert (await reading.execute(text("SELECT 1"))).scalar_one() == 1
    finally:
        await database.close()
