"""Verdicts for devices on their own alerts."""

from __future__ import annotations

from contract.event import Rule
from contract.verdict import AlertVerdict, VerdictKind, VerdictPage
from server.store import verdicts
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.verdicts import JudgedAlert


class VerdictService:
    """Hands out verdicts. It only reads, so a device may ask again for what it has lost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, device: EnrolledDevice, after: int, limit: int) -> VerdictPage:
        """The verdicts given after the cursor `after`, oldest first, at most `limit`."""
        async with self._database.read() as reading:
            found = await verdicts.after(reading, device, after, limit + 1)
            shown = tuple(_verdict_of(judged) for judged in found[:limit])
        return VerdictPage(verdicts=shown, cursor=shown[-1].cursor if shown else after, more=len(found) > limit)


def _verdict_of(judged: JudgedAlert) -> AlertVerdict:
    alert = judged.alert
    return AlertVerdict(
        cursor=judged.decision.audit_sequence,
        signal_id=str(alert.signal_id),
        camera_id=alert.camera_id,
        zone_id=alert.zone_id,
        rule=Rule(alert.rule),
        began_at=alert.began_at,
        ended_at=alert.ended_at,
        verdict=VerdictKind(judged.verdict),
        decided_at=judged.decision.at,
    )
