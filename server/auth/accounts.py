"""Accounts, as the command line makes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.ids import UuidV7Factory
from server.auth.passwords import Passwords
from server.permissions import Grant
from server.store import audit, sites, users
from server.store.audit import AuditEntry
from server.store.database import Database
from server.store.tables import User

USER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account as the list shows it."""

    name: str
    display_name: str
    disabled: bool
    grants: tuple[Grant, ...]


class AccountService:
    """Makes, changes and disables accounts; every change is in the audit log."""

    def __init__(self, database: Database, clock: Clock, passwords: Passwords, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._actor = actor
        self._new_id = UuidV7Factory(clock)

    async def add(self, name: str, display_name: str, password: str, grants: Sequence[Grant]) -> None:
        """Raises:
        KentonganError: `bad-input` (name, password, no grant), `not-found` (kampung), `conflict` (the name is taken).
        """
        if not USER_NAME.fullmatch(name):
            raise KentonganError(
                ErrorKind.BAD_INPUT, f"a name has 1 to 64 of a-z, 0-9, '.', '_', '-', letters outside; got {name!r}"
            )
        if not grants:
            raise KentonganError(ErrorKind.BAD_INPUT, "an account needs at least one role")
        hashed = self._hashed(password)
        now = self._clock.utc()
        async with self._database.write() as writing:
            if await users.by_name(writing.session, name) is not None:
                raise KentonganError(ErrorKind.CONFLICT, f"there is an account {name!r} already")
            known = await sites.known_kampung(writing.session)
            for grant in grants:
                if grant.kampung_id is not None and grant.kampung_id not in known:
                    raise KentonganError(ErrorKind.NOT_FOUND, f"there is no kampung {grant.kampung_id!r}")
            user = User(
                id=self._new_id(),
                name=name,
                display_name=display_name,
                password_hash=hashed,
                language="id",
                created_at=now,
                disabled_at=None,
            )
            writing.session.add(user)
            await writing.session.flush()
            await users.replace_grants(writing.session, user.id, grants)
            roles = ", ".join(f"{grant.role.value}@{grant.kampung_id or '*'}" for grant in grants)
            added = AuditEntry(self._actor, "account.added", None, f"user:{name}", {"roles": roles})
            await audit.append(writing.session, now, [added])

    async def everybody(self) -> list[AccountLine]:
        async with self._database.read() as reading:
            return [
                AccountLine(
                    user.name,
                    user.display_name,
                    user.disabled_at is not None,
                    await users.grants_of(reading, user.id),
                )
                for user in await users.everybody(reading)
            ]

    async def disable(self, name: str) -> None:
        """Close the account and end its sessions.

        Raises:
            KentonganError: `not-found`.
        """
        now = self._clock.utc()
        async with self._database.write() as writing:
            user = _known(await users.by_name(writing.session, name), name)
            user.disabled_at = now
            await users.end_sessions_of(writing.session, user.id)
            disabled = AuditEntry(self._actor, "account.disabled", None, f"user:{name}")
            await audit.append(writing.session, now, [disabled])

    async def set_password(self, name: str, password: str) -> None:
        """Set a password and end the account's sessions.

        Raises:
            KentonganError: `not-found`, `bad-input`.
        """
        hashed = self._hashed(password)
        async with self._database.write() as writing:
            user = _known(await users.by_name(writing.session, name), name)
            await users.set_password_hash(writing.session, user.id, hashed)
            await users.end_sessions_of(writing.session, user.id)
            changed = AuditEntry(self._actor, "account.password_set", None, f"user:{name}")
            await audit.append(writing.session, self._clock.utc(), [changed])

    def _hashed(self, password: str) -> str:
        try:
            return self._passwords.hash(password)
        except ValueError as error:
            raise KentonganError(ErrorKind.BAD_INPUT, str(error)) from None


def _known(user: User | None, name: str) -> User:
    if user is None:
        raise KentonganError(ErrorKind.NOT_FOUND, f"there is no account {name!r}")
    return user
