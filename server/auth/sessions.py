"""Log-in, log-out, and who holds a session."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from contract.ids import UuidV7Factory
from server.auth.passwords import Passwords, Throttle
from server.auth.tokens import csrf_of, new_token, token_hash
from server.permissions import Grant, Permission, Scope, permissions_of, scope_of
from server.settings import Sessions
from server.store import audit, users
from server.store.audit import AuditEntry
from server.store.database import Database
from server.store.tables import UserSession

TOUCH_EVERY_S = 20.0
"""How often the last uses of sessions are written, beside the requests: no read waits for a write."""

_log = structlog.get_logger(__name__)


class RateLimitedError(KentonganError):
    """Too many log-in attempts."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(ErrorKind.RATE_LIMITED, f"too many log-in attempts; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a valid session."""

    session_id: UUID
    session_hash: str
    csrf_token: str
    user_id: UUID
    user_name: str
    display_name: str
    language: str
    grants: tuple[Grant, ...]
    expires_at: datetime

    @property
    def actor(self) -> str:
        return f"user:{self.user_name}"

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.grants)

    def scope(self, permission: Permission) -> Scope:
        return scope_of(self.grants, permission)


class SessionService:
    """Issues, checks and ends sessions."""

    def __init__(
        self, database: Database, clock: Clock, passwords: Passwords, throttle: Throttle, settings: Sessions
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._idle = timedelta(seconds=settings.idle_s)
        self._absolute = timedelta(seconds=settings.absolute_s)
        self._new_id = UuidV7Factory(clock)
        self._used: dict[UUID, datetime] = {}
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write down when sessions were last used."""
        self._writer = asyncio.create_task(self._write_uses(), name="session uses")

    async def stop(self) -> None:
        """Write down what is not written yet, as far as the database takes it."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        await self._flush_uses()

    async def _write_uses(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_EVERY_S)
            await self._flush_uses()

    async def _flush_uses(self) -> None:
        """A database that refuses costs nothing here: the uses stay in memory, and count."""
        used = dict(self._used)
        if not used:
            return
        try:
            async with self._database.write() as writing:
                for session_id, at in used.items():
                    await users.touch_session(writing.session, session_id, at)
        except KentonganError as error:
            _log.warning("session_uses_not_written", sessions=len(used), reason=error.kind.value)
            return
        for session_id, at in used.items():
            if self._used.get(session_id) == at:
                del self._used[session_id]

    async def log_in(self, name: str, password: str, address: str, old_token: str | None) -> str:
        """A new session's token. The session of `old_token`, if any, ends: a token never survives a log-in.

        Raises:
            KentonganError: `unauthenticated`, or `rate-limited` (with the seconds to wait).
        """
        wait_s = self._throttle.attempt(name, address)
        if wait_s is not None:
            raise RateLimitedError(wait_s)
        async with self._database.read() as reading:
            user = await users.by_name(reading, name)
        usable = user is not None and user.disabled_at is None
        correct = await self._passwords.verify(user.password_hash if user is not None else None, password)
        now = self._clock.utc()
        if user is None or not usable or not correct:
            # A name that is no account is not written down: people type passwords into the wrong field.
            known = user.name if user is not None else "unknown"
            async with self._database.write() as writing:
                failure = AuditEntry(f"user:{known}", "session.refused", None, f"user:{known}")
                await audit.append(writing.session, now, [failure])
            raise KentonganError(ErrorKind.UNAUTHENTICATED, "the name or the password is wrong")
        self._throttle.succeeded(name, address)
        token = new_token()
        async with self._database.write() as writing:
            # Once more, in the transaction that opens the session: the password may have been set meanwhile, which
            # ended every session that its predecessor had opened.
            now_stored = await users.by_name(writing.session, name)
            if now_stored is None or now_stored.password_hash != user.password_hash:
                raise KentonganError(ErrorKind.UNAUTHENTICATED, "the name or the password is wrong")
            if old_token is not None:
                await users.end_session(writing.session, token_hash(old_token))
            await users.forget_sessions(writing.session, now - self._absolute - timedelta(days=7))
            writing.session.add(
                UserSession(
                    id=self._new_id(),
                    token_hash=token_hash(token),
                    user_id=user.id,
                    created_at=now,
                    last_used_at=now,
                )
            )
            opened = AuditEntry(f"user:{user.name}", "session.opened", None, f"user:{user.name}")
            await audit.append(writing.session, now, [opened])
        return token

    async def person(self, token: str | None, *, using: bool = True) -> Person:
        """Who holds `token`. `using` counts as use, which puts off the idle expiry.

        Raises:
            KentonganError: `unauthenticated` without a known token, `session-expired` when it was good once.
        """
        if not token:
            raise KentonganError(ErrorKind.UNAUTHENTICATED, "log in first")
        return await self._person(token_hash(token), csrf_of(token), using=using)

    async def still(self, person: Person) -> Person:
        """`person` as of now, with the grants of now; watching does not count as use.

        Raises:
            KentonganError: the session is over.
        """
        return await self._person(person.session_hash, person.csrf_token, using=False)

    async def _person(self, hashed: str, csrf_token: str, *, using: bool) -> Person:
        now = self._clock.utc()
        async with self._database.read() as reading:
            record = await users.session_by_token(reading, hashed)
        if record is None:
            raise KentonganError(ErrorKind.UNAUTHENTICATED, "log in first")
        last_used_at = max(record.last_used_at, self._used.get(record.id, record.last_used_at))
        if record.disabled or now >= min(last_used_at + self._idle, record.created_at + self._absolute):
            self._used.pop(record.id, None)
            raise KentonganError(ErrorKind.SESSION_EXPIRED, "the session is over; log in again")
        if using:
            self._used[record.id] = last_used_at = now
        expires_at = min(last_used_at + self._idle, record.created_at + self._absolute)
        return Person(
            session_id=record.id,
            session_hash=hashed,
            csrf_token=csrf_token,
            user_id=record.user_id,
            user_name=record.user_name,
            display_name=record.display_name,
            language=record.language,
            grants=record.grants,
            expires_at=expires_at,
        )

    async def log_out(self, person: Person) -> None:
        async with self._database.write() as writing:
            await users.end_session(writing.session, person.session_hash)
            closed = AuditEntry(person.actor, "session.closed", None, person.actor)
            await audit.append(writing.session, self._clock.utc(), [closed])

    async def set_language(self, person: Person, language: str) -> None:
        async with self._database.write() as writing:
            await users.set_language(writing.session, person.user_id, language)


def check_csrf(person: Person, presented: str | None) -> None:
    """Raises:
    KentonganError: `csrf` unless `presented` is the session's token.
    """
    if presented is None or not hmac.compare_digest(presented.encode(), person.csrf_token.encode()):
        raise KentonganError(ErrorKind.CSRF, "the X-CSRF-Token header must hold the session's csrf_token")
