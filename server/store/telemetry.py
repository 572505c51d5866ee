"""Writing what devices report about themselves and their cameras."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from contract.heartbeat import CameraTelemetry, Heartbeat
from server.store.scoping import unscoped
from server.store.tables import CameraTelemetryRow, Device


async def record_device(session: AsyncSession, heartbeat: Heartbeat, at: datetime) -> None:
    await session.execute(
        update(Device)
        .where(Device.id == heartbeat.device_id)
        .values(
            last_seen_at=at,
            software_version=heartbeat.software_version,
            outbox_pending=heartbeat.outbox_pending,
            last_sequence=heartbeat.last_sequence,
        )
    )


async def record_cameras(session: AsyncSession, reports: Sequence[CameraTelemetry], at: datetime) -> list[str]:
    """Store the reports and return the cameras whose state consoles have not received yet."""
    changed = []
    for report in reports:
        row = await _row(session, report.camera_id)
        if row is None:
            row = CameraTelemetryRow(camera_id=report.camera_id, published_state="unknown")
            session.add(row)
        row.state = report.state.value
        row.last_frame_at = report.last_frame_at
        row.coverage = report.coverage
        row.analysed_fps = report.analysed_fps
        row.dropped_frames = report.dropped_frames
        row.people_count = report.people_count
        row.fault = report.fault
        row.reported_at = at
        if row.published_state != row.state:
            row.published_state = row.state
            changed.append(report.camera_id)
    await session.flush()
    return changed


async def publish_state(session: AsyncSession, camera_id: str, state: str) -> None:
    row = await _row(session, camera_id)
    if row is not None:
        row.published_state = state
        await session.flush()


async def _row(session: AsyncSession, camera_id: str) -> CameraTelemetryRow | None:
    query = select(CameraTelemetryRow).where(CameraTelemetryRow.camera_id == camera_id)
    return (
        await session.execute(unscoped(query, "ingest and camera watch write, no person reads"))
    ).scalar_one_or_none()
