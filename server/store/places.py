"""Kampung, cameras and zones, and how the cameras are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.scoping import unscoped, within
from server.store.tables import Camera, CameraTelemetryRow, Kampung


@dataclass(frozen=True, slots=True)
class CameraRecord:
    """A camera and the newest report about it; `telemetry` is None before the first."""

    id: str
    name: str
    kampung_id: str
    telemetry: CameraTelemetryRow | None

    @property
    def last_frame_at(self) -> datetime | None:
        return self.telemetry.last_frame_at if self.telemetry else None


async def kampung_names(session: AsyncSession, scope: Scope) -> Sequence[tuple[str, str]]:
    """Id and name of the kampung in `scope`, by name."""
    query = within(select(Kampung.id, Kampung.name), Kampung.id, scope).order_by(Kampung.name, Kampung.id)
    return (await session.execute(query)).all()


async def cameras(session: AsyncSession, scope: Scope) -> list[CameraRecord]:
    """The cameras of the kampung in `scope`, by name."""
    rows = await session.execute(_cameras(scope).order_by(Camera.name, Camera.id))
    return [CameraRecord(camera.id, camera.name, camera.kampung_id, telemetry) for camera, telemetry in rows]


async def cameras_by_id(session: AsyncSession, scope: Scope, camera_ids: Sequence[str]) -> dict[str, CameraRecord]:
    """Those of the cameras that lie in `scope`."""
    rows = await session.execute(_cameras(scope).where(Camera.id.in_(camera_ids)))
    return {camera.id: CameraRecord(camera.id, camera.name, camera.kampung_id, telemetry) for camera, telemetry in rows}


def _cameras(scope: Scope) -> Select[Camera, CameraTelemetryRow]:
    query = select(Camera, CameraTelemetryRow).outerjoin(CameraTelemetryRow, CameraTelemetryRow.camera_id == Camera.id)
    return within(query, Camera.kampung_id, scope)


async def telemetry_rows(session: AsyncSession) -> Sequence[tuple[CameraTelemetryRow, str]]:
    """The newest telemetry of every camera, with the camera's kampung."""
    query = select(CameraTelemetryRow, Camera.kampung_id).join(Camera, Camera.id == CameraTelemetryRow.camera_id)
    return (await session.execute(unscoped(query, "the camera watch publishes states, to the feed's scopes"))).all()
