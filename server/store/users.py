"""Accounts, their grants and their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Grant, Role
from server.store.scoping import unscoped
from server.store.tables import User, UserGrant, UserSession

_GRANTS = "scopes are made of grants"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session with its user, as stored; whether it is still good is not decided here."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_id: UUID
    user_name: str
    display_name: str
    language: str
    disabled: bool
    grants: tuple[Grant, ...]


async def by_name(session: AsyncSession, name: str) -> User | None:
    return (await session.execute(select(User).where(User.name == name))).scalar_one_or_none()


async def everybody(session: AsyncSession) -> Sequence[User]:
    return (await session.execute(select(User).order_by(User.name))).scalars().all()


async def grants_of(session: AsyncSession, user_id: UUID) -> tuple[Grant, ...]:
    query = select(UserGrant.role, UserGrant.kampung_id).where(UserGrant.user_id == user_id).order_by(UserGrant.id)
    rows = await session.execute(unscoped(query, _GRANTS))
    return tuple(Grant(Role(role), kampung_id) for role, kampung_id in rows)


async def replace_grants(session: AsyncSession, user_id: UUID, grants: Sequence[Grant]) -> None:
    await session.execute(unscoped(delete(UserGrant).where(UserGrant.user_id == user_id), _GRANTS))
    session.add_all(UserGrant(user_id=user_id, role=grant.role.value, kampung_id=grant.kampung_id) for grant in grants)
    await session.flush()


async def session_by_token(session: AsyncSession, token_hash: str) -> SessionRecord | None:
    query = (
        select(UserSession, User).join(User, User.id == UserSession.user_id).where(UserSession.token_hash == token_hash)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    record, user = found
    return SessionRecord(
        id=record.id,
        created_at=record.created_at,
        last_used_at=record.last_used_at,
        user_id=user.id,
        user_name=user.name,
        display_name=user.display_name,
        language=user.language,
        disabled=user.disabled_at is not None,
        grants=await grants_of(session, user.id),
    )


async def touch_session(session: AsyncSession, session_id: UUID, at: datetime) -> None:
    await session.execute(update(UserSession).where(UserSession.id == session_id).values(last_used_at=at))


async def end_session(session: AsyncSession, token_hash: str) -> None:
    await session.execute(delete(UserSession).where(UserSession.token_hash == token_hash))


async def end_sessions_of(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(UserSession).where(UserSession.user_id == user_id))


async def forget_sessions(session: AsyncSession, created_before: datetime) -> None:
    """Delete sessions that have been over for long; until then their holder learns that they expired."""
    await session.execute(delete(UserSession).where(UserSession.created_at < created_before))


async def set_language(session: AsyncSession, user_id: UUID, language: str) -> None:
    await session.execute(update(User).where(User.id == user_id).values(language=language))


async def set_password_hash(session: AsyncSession, user_id: UUID, password_hash: str) -> None:
    await session.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))
