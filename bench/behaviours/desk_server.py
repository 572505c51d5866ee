"""A day's alerts through the server itself: its ingest, its database, and the lists that a console reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from contract.clock import ManualClock
from contract.event import Event, EventData, Phase, Rule, Severity
from contract.ids import UuidV7Factory
from contract.reasons import Reason
from server.alerts.governor import Placement
from server.alerts.placements import PlacedAlert, PlacementService
from server.alerts.service import AlertService
from server.ingest.events import EventIngest
from server.permissions import Scope
from server.provision import Site, apply_site
from server.serve import prepare_folders
from server.settings import AlertBudget, Settings
from server.store import migrate
from server.store.alerts import AlertFilter
from server.store.database import Database
from server.store.devices import EnrolledDevice

EVERYTHING = Scope(everywhere=True, kampung_ids=frozenset())
_NO_MODEL = hashlib.sha256(b"simulated").hexdigest()


@dataclass(frozen=True, slots=True)
class DeskAlert:
    """A camera's alert, when the server receives it, and whether it is true. Times are aware."""

    kampung: int
    camera: int
    captured_at: datetime
    received_at: datetime
    rule: Rule
    severity: Severity
    score: float
    true: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """An alert as a console lists it: its incident, that incident's placement, and when it was first shown."""

    alert: DeskAlert
    incident: UUID
    placement: Placement
    shown_at: datetime | None


async def through_the_server(
    alerts: Sequence[DeskAlert], folder: Path, kampung: int, cameras: int, budget: AlertBudget
) -> list[Listed]:
    """Send a day's alerts in the order of receipt, then read both lists of a desk that covers every kampung.

    Raises:
        RuntimeError: the lists do not hold every alert exactly once.
    """
    settings = Settings(data_dir=folder, alert_budget=budget)
    prepare_folders(settings)
    migrate.upgrade(settings.database)
    in_order = sorted(alerts, key=lambda one: (one.received_at, one.captured_at))
    clock = ManualClock(in_order[0].received_at)
    database = Database(settings.database)
    try:
        await apply_site(database, clock, _site(kampung, cameras), "shell:bench")
        sent = await _send(in_order, database, clock, settings)
        desk = AlertService(database, clock, PlacementService(budget), lambda: None)
        found = [(placement, one) for placement in Placement for one in await _listed(desk, placement)]
    finally:
        await database.close()
    if sorted(one.named.alert.id for _, one in found) != sorted(sent):
        raise RuntimeError(f"{len(sent)} alerts were sent and {len(found)} are listed")
    return [
        Listed(sent[one.named.alert.id], one.incident.incident_id, placement, one.incident.shown_at)
        for placement, one in found
    ]


async def _send(
    alerts: Sequence[DeskAlert], database: Database, clock: ManualClock, settings: Settings
) -> dict[UUID, DeskAlert]:
    ingest = EventIngest(database, clock, lambda: None, settings.limits.clip_bytes, lambda: None)
    new_id = UuidV7Factory(clock)
    sent: dict[UUID, DeskAlert] = {}
    ingest.start()
    try:
        for number, one in enumerate(alerts, 1):
            clock.advance((one.received_at - clock.utc()).total_seconds())
            event = Event.wrap(new_id(), _data(one, number, new_id()))
            box = EnrolledDevice(event.data.device_id, {event.data.camera_id: event.data.kampung_id})
            sent[(await ingest.accept(box, event)).alert_id] = one
    finally:
        await ingest.stop()
    return sent


async def _listed(desk: AlertService, placement: Placement) -> list[PlacedAlert]:
    found, cursor = await desk.page(EVERYTHING, AlertFilter(), placement, None, 200)
    while cursor is not None:
        more, cursor = await desk.page(EVERYTHING, AlertFilter(), placement, cursor, 200)
        found += more
    return found


def _site(kampung: int, cameras: int) -> Site:
    places = [(k, c) for k in range(kampung) for c in range(cameras)]
    return Site.model_validate(
        {
            "kampung": [{"id": f"kampung-{k}", "name": f"Kampung {k}"} for k in range(kampung)],
            "cameras": [
                {"id": f"kamera-{k}-{c}", "name": f"Kamera {c}", "kampung_id": f"kampung-{k}"} for k, c in places
            ],
            "devices": [
                {"id": f"kotak-{k}", "name": f"Kotak {k}", "cameras": [f"kamera-{k}-{c}" for c in range(cameras)]}
                for k in range(kampung)
            ],
        }
    )


def _data(one: DeskAlert, sequence: int, signal_id: UUID) -> EventData:
    return EventData(
        signal_id=signal_id,
        device_id=f"kotak-{one.kampung}",
        device_sequence=sequence,
        kampung_id=f"kampung-{one.kampung}",
        camera_id=f"kamera-{one.kampung}-{one.camera}",
        zone_id="gang",
        rule=one.rule,
        phase=Phase.BEGAN,
        severity=one.severity,
        score=one.score,
        reasons=(Reason(code="stayed", params={"dwell_s": 60.0}),),
        began_at=one.captured_at - timedelta(seconds=60),
        captured_at=one.captured_at,
        time_uncertainty_s=0.5,
        people_count=1,
        zone_polygon=((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)),
        model_sha256=_NO_MODEL,
        config_sha256=_NO_MODEL,
        software_version="0",
    )
