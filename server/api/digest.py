"""The digest: how much waits there. Its alerts are listed with `placement=digest`."""

from __future__ import annotations

from fastapi import APIRouter

from server.api.schemas import Digest, KampungDigest
from server.deps import AlertReader, ServicesDep
from server.permissions import Permission

router = APIRouter(prefix="/api/v1/digest", tags=["alerts"])


@router.get("")
async def get_digest(person: AlertReader, services: ServicesDep) -> Digest:
    """How many incidents the alert budget holds back from this person, by kampung; every granted kampung is named."""
    overview = await services.alerts.digest(person.scope(Permission.ALERT_READ))
    budget = services.settings.alert_budget
    return Digest(
        enabled=budget.enabled,
        incidents_per_hour=budget.incidents_per_hour,
        hour_began_at=overview.hour_began_at,
        kampung=[
            KampungDigest(kampung_id=kampung_id, this_hour=count.this_hour, total=count.total)
            for kampung_id, count in overview.kampung
        ],
        complete=overview.complete,
    )
