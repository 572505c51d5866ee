"""Verdicts on the alerts of one device, in the order in which they were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.store.devices import EnrolledDevice
from server.store.scoping import unscoped
from server.store.tables import Alert, AlertHistory


@dataclass(frozen=True, slots=True)
class JudgedAlert:
    """An alert and the decision that closed it."""

    alert: Alert
    decision: AlertHistory
    verdict: str


async def after(session: AsyncSession, device: EnrolledDevice, sequence: int, limit: int) -> Sequence[JudgedAlert]:
    """At most `limit` verdicts above the audit sequence `sequence`, oldest first.

    Both device and camera must fit: a box that took over a camera does not read what became of its predecessor's
    alerts, and one that lost a camera reads nothing of it any more.
    """
    query = (
        select(Alert, AlertHistory)
        .join(AlertHistory, AlertHistory.alert_id == Alert.id)
        .where(
            Alert.device_id == device.id,
            Alert.camera_id.in_(sorted(device.kampung_of)),
            AlertHistory.verdict.is_not(None),
            AlertHistory.audit_sequence > sequence,
        )
        .order_by(AlertHistory.audit_sequence)
        .limit(limit)
    )
    rows = (await session.execute(unscoped(query, "a device reads the verdicts on its own alerts"))).all()
    return [JudgedAlert(alert, decision, decision.verdict) for alert, decision in rows if decision.verdict is not None]
