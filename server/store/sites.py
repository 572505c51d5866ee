"""Writing kampung, cameras, zones and devices as a provisioning file says."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.tables import Camera, Device, Kampung, Zone


async def put_kampung(session: AsyncSession, kampung_id: str, name: str) -> None:
    await session.merge(Kampung(id=kampung_id, name=name))
    await session.flush()


async def kampung_of_camera(session: AsyncSession, camera_id: str) -> str | None:
    camera = await session.get(Camera, camera_id)
    return camera.kampung_id if camera else None


async def put_camera(
    session: AsyncSession, camera_id: str, name: str, kampung_id: str, zones: Sequence[tuple[str, str]]
) -> None:
    """Create or rename a camera; its zones (id, name) are exactly those given."""
    camera = await session.get(Camera, camera_id)
    if camera is None:
        session.add(Camera(id=camera_id, name=name, kampung_id=kampung_id, device_id=None))
    else:
        camera.name = name
    await session.flush()
    await session.execute(delete(Zone).where(Zone.camera_id == camera_id))
    session.add_all(Zone(camera_id=camera_id, id=zone_id, name=zone_name) for zone_id, zone_name in zones)
    await session.flush()


async def put_device(session: AsyncSession, device_id: str, name: str, camera_ids: Sequence[str]) -> None:
    """Create or rename a device; it speaks for exactly the cameras given."""
    device = await session.get(Device, device_id)
    if device is None:
        session.add(Device(id=device_id, name=name))
    else:
        device.name = name
    await session.flush()
    await session.execute(update(Camera).where(Camera.device_id == device_id).values(device_id=None))
    await session.execute(update(Camera).where(Camera.id.in_(camera_ids)).values(device_id=device_id))


async def known_kampung(session: AsyncSession) -> set[str]:
    return set((await session.execute(select(Kampung.id))).scalars())
