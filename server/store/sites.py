"""Writing kampung, cameras, zones and devices as a provisioning file says."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.scoping import unscoped
from server.store.tables import Camera, Device, Kampung, Zone

_PROVISIONING = "provisioning: an administrator at the command line writes the whole site"


async def put_kampung(session: AsyncSession, kampung_id: str, name: str) -> None:
    """Create or rename a kampung."""
    query = select(Kampung).where(Kampung.id == kampung_id)
    kampung = (await session.execute(unscoped(query, _PROVISIONING))).scalar_one_or_none()
    if kampung is None:
        session.add(Kampung(id=kampung_id, name=name))
    else:
        kampung.name = name
    await session.flush()


async def kampung_of_camera(session: AsyncSession, camera_id: str) -> str | None:
    """The kampung of a camera; None if the camera does not exist."""
    query = select(Camera.kampung_id).where(Camera.id == camera_id)
    return (await session.execute(unscoped(query, _PROVISIONING))).scalar_one_or_none()


async def put_camera(
    session: AsyncSession, camera_id: str, name: str, kampung_id: str, zones: Sequence[tuple[str, str]]
) -> None:
    """Create or rename a camera; its zones become exactly the given (id, name)."""
    query = select(Camera).where(Camera.id == camera_id)
    camera = (await session.execute(unscoped(query, _PROVISIONING))).scalar_one_or_none()
    if camera is None:
        session.add(Camera(id=camera_id, name=name, kampung_id=kampung_id, device_id=None))
    else:
        camera.name = name
    await session.flush()
    await session.execute(unscoped(delete(Zone).where(Zone.camera_id == camera_id), _PROVISIONING))
    session.add_all(Zone(camera_id=camera_id, id=zone_id, name=zone_name) for zone_id, zone_name in zones)
    await session.flush()


async def put_device(session: AsyncSession, device_id: str, name: str, camera_ids: Sequence[str]) -> None:
    """Create or rename a device; it acts for exactly the given cameras."""
    device = await session.get(Device, device_id)
    if device is None:
        session.add(Device(id=device_id, name=name))
    else:
        device.name = name
    await session.flush()
    former = update(Camera).where(Camera.device_id == device_id).values(device_id=None)
    given = update(Camera).where(Camera.id.in_(camera_ids)).values(device_id=device_id)
    for statement in (former, given):
        await session.execute(unscoped(statement, _PROVISIONING))


async def known_kampung(session: AsyncSession) -> set[str]:
    """The ids of every kampung."""
    return set((await session.execute(unscoped(select(Kampung.id), _PROVISIONING))).scalars())
