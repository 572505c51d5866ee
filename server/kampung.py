"""The kampung that a person is granted, with their cameras and the number of their open alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.permissions import Scope
from server.store import alerts, places
from server.store.database import Database
from server.store.places import CameraRecord


@dataclass(frozen=True, slots=True)
class KampungOverview:
    """A kampung with its cameras by name. open_alerts: number of open alerts by severity; absent means 0."""

    id: str
    name: str
    open_alerts: dict[str, int]
    cameras: list[CameraRecord]


class KampungService:
    """Lists kampung."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def names(self, scope: Scope) -> Sequence[tuple[str, str]]:
        """(id, name) of the kampung in `scope`, by name."""
        async with self._database.read() as reading:
            return await places.kampung_names(reading, scope)

    async def overview(self, scope: Scope, alert_scope: Scope) -> list[KampungOverview]:
        """The kampung in `scope`, by name; open alerts are counted only in `alert_scope`."""
        async with self._database.read() as reading:
            names = await places.kampung_names(reading, scope)
            cameras = await places.cameras(reading, scope)
            counts = await alerts.open_counts(reading, alert_scope)
        return [
            KampungOverview(
                id=kampung_id,
                name=name,
                open_alerts=counts.get(kampung_id, {}),
                cameras=[camera for camera in cameras if camera.kampung_id == kampung_id],
            )
            for kampung_id, name in names
        ]
