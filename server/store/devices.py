"""Devices and what they may speak for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.scoping import unscoped
from server.store.tables import Camera, Device


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """A device with a valid token; `kampung_of` maps each camera it may speak for to the camera's kampung."""

    id: str
    kampung_of: dict[str, str]


async def by_token(session: AsyncSession, token_hash: str) -> EnrolledDevice | None:
    query = select(Device.id).where(Device.token_hash == token_hash, Device.revoked_at.is_(None))
    device_id = (await session.execute(query)).scalar_one_or_none()
    if device_id is None:
        return None
    own = select(Camera.id, Camera.kampung_id).where(Camera.device_id == device_id)
    cameras = await session.execute(unscoped(own, "a device acts for its own cameras"))
    return EnrolledDevice(device_id, dict(cameras.all()))


async def by_id(session: AsyncSession, device_id: str) -> Device | None:
    return await session.get(Device, device_id)


async def everyone(session: AsyncSession) -> Sequence[Device]:
    return (await session.execute(select(Device).order_by(Device.id))).scalars().all()


async def set_token(session: AsyncSession, device_id: str, token_hash: str, at: datetime) -> None:
    await session.execute(
        update(Device).where(Device.id == device_id).values(token_hash=token_hash, token_issued_at=at, revoked_at=None)
    )


async def revoke(session: AsyncSession, device_id: str, at: datetime) -> None:
    await session.execute(update(Device).where(Device.id == device_id).values(token_hash=None, revoked_at=at))


async def seen(session: AsyncSession, device_id: str, at: datetime) -> None:
    await session.execute(update(Device).where(Device.id == device_id).values(last_seen_at=at))
