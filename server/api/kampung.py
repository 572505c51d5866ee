"""The kampung that a person may see, with their open alerts and the health of their cameras."""

from __future__ import annotations

from fastapi import APIRouter

from server.api.present import camera_status
from server.api.schemas import KampungStatus, OpenAlerts
from server.deps import KampungReader, ServicesDep
from server.permissions import Permission

router = APIRouter(prefix="/api/v1/kampung", tags=["kampung"])


@router.get("")
async def list_kampung(person: KampungReader, services: ServicesDep) -> list[KampungStatus]:
    """Every kampung granted to this person; the others do not exist for them."""
    overview = await services.kampung.overview(
        person.scope(Permission.KAMPUNG_READ), person.scope(Permission.ALERT_READ)
    )
    ages = services.cameras
    return [
        KampungStatus(
            id=kampung.id,
            name=kampung.name,
            open_alerts=OpenAlerts(**kampung.open_alerts),
            cameras=[camera_status(camera, ages.state_of(camera)) for camera in kampung.cameras],
        )
        for kampung in overview
    ]
