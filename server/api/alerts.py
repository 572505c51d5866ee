"""Alerts: the list, one alert, and what people decide about it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from server.alerts.service import AlertTransition
from server.api.present import alert_detail, alert_summary
from server.api.schemas import AlertDetail, AlertPage, AlertQuery, NewNote, Transition
from server.deps import AlertHandler, AlertReader, ServicesDep
from server.permissions import Permission
from server.store.alerts import AlertFilter

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


@router.get("")
async def list_alerts(wanted: Annotated[AlertQuery, Query()], person: AlertReader, services: ServicesDep) -> AlertPage:
    """Alerts of the granted kampung, newest first. `next_cursor` leads to the next page and is null on the last.

    With `placement`, a page may hold fewer than `limit` although it is not the last.
    """
    narrowed = AlertFilter(**wanted.model_dump(exclude={"placement", "cursor", "limit"}))
    found, next_cursor = await services.alerts.page(
        person.scope(Permission.ALERT_READ), narrowed, wanted.placement, wanted.cursor, wanted.limit
    )
    pictures = person.scope(Permission.PICTURE_VIEW)
    return AlertPage(items=[alert_summary(alert, pictures) for alert in found], next_cursor=next_cursor)


@router.get("/{alert_id}")
async def get_alert(alert_id: UUID, person: AlertReader, services: ServicesDep) -> AlertDetail:
    """One alert with everything that is known about it."""
    return alert_detail(await services.alerts.detail(person, alert_id), person.scope(Permission.PICTURE_VIEW))


@router.post("/{alert_id}/transitions")
async def transition_alert(
    alert_id: UUID, body: Transition, person: AlertHandler, services: ServicesDep
) -> AlertDetail:
    """Acknowledge, resolve or dismiss. 409 when somebody else decided meanwhile; the detail names the new version."""
    wanted = AlertTransition(body.to, body.verdict, body.note, body.expected_version)
    changed = await services.alerts.transition(person, alert_id, wanted)
    return alert_detail(changed, person.scope(Permission.PICTURE_VIEW))


@router.post("/{alert_id}/notes")
async def note_alert(alert_id: UUID, body: NewNote, person: AlertHandler, services: ServicesDep) -> AlertDetail:
    """Add a note; the state stays as it is."""
    changed = await services.alerts.note(person, alert_id, body.note, body.expected_version)
    return alert_detail(changed, person.scope(Permission.PICTURE_VIEW))
