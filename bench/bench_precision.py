"""What the report on precision costs the server: `python -m bench.bench_precision`.

Fills a new SQLite database with alerts of the last 90 days, some of them judged, and with spot checks; then makes the
report and prints its CPU and wall-clock seconds. HTTP is left out, as it costs the same for every report.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from contract.clock import SystemClock
from contract.ids import UuidV7Factory
from server.permissions import Scope
from server.precision.service import PrecisionService
from server.provision import Site, apply_site
from server.settings import Settings
from server.store import migrate
from server.store.database import Database
from server.store.tables import Alert

ZONES_PER_CAMERA, CAMERAS = 4, 15
LIMIT_S = 120.0
_new_id = UuidV7Factory(SystemClock())


@dataclass(frozen=True, slots=True)
class Stored:
    """Numbers of alerts, of those with a verdict, and of spot checks, all judged."""

    alerts: int
    judged: int
    spot_checks: int


def rows(stored: Stored, now: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Database rows of stays. Half of them are useful; useful ones last longer. Spot checks end at three quarters of
    the limit."""
    for number in range(stored.alerts + stored.spot_checks):
        spot_check, useful = number >= stored.alerts, rng.random() < 0.5
        dwell_s = 0.75 * LIMIT_S if spot_check else LIMIT_S + rng.expovariate(1.0 / (300.0 if useful else 40.0))
        at = now - timedelta(days=rng.uniform(0.0, 90.0))
        limit = "shorter_than_threshold" if spot_check else "stayed_over_threshold"
        alert_id, judged = _new_id(), spot_check or number < stored.judged
        yield {
            "id": alert_id, "signal_id": _new_id(), "device_id": "box", "kampung_id": "bahari",
            "camera_id": f"camera-{rng.randrange(CAMERAS)}", "zone_id": f"zone-{rng.randrange(ZONES_PER_CAMERA)}",
            "rule": "loitering", "severity": "notice", "score": rng.uniform(0.3, 1.0), "people_count": 1,
            "reasons": [
                {"code": "stayed", "params": {"dwell_s": dwell_s if spot_check else LIMIT_S}},
                {"code": limit, "params": {"threshold_s": LIMIT_S}},
            ],
            "trigger_boxes": [], "began_at": at, "captured_at": at, "ended_at": at + timedelta(seconds=dwell_s),
            "stayed_s": dwell_s, "time_uncertainty_s": 0.5, "received_at": at, "updated_at": at,
            "opening_event_id": alert_id, "trigger_event_id": alert_id,
            "spot_check_chance": 0.03 if spot_check else None,
            "config_sha256": "0" * 64, "first_sequence": number + 1, "clip_id": None, "clip_fault": None,
            "clip_stored": False, "thumbnail_event_id": None, "state": "resolved" if judged else "new",
            "verdict": ("useful" if useful else "normal_activity") if judged else None, "acknowledged_by": None,
            "version": 1, "incident_id": alert_id,
        }  # fmt: skip


async def measure(folder: Path, stored: Stored, days: tuple[int, ...]) -> dict[str, Any]:
    url = Settings(data_dir=folder).database
    migrate.upgrade(url)
    database, clock = Database(url), SystemClock()
    cameras = [{"id": f"camera-{n}", "name": f"Kamera {n}", "kampung_id": "bahari"} for n in range(CAMERAS)]
    site = {
        "kampung": [{"id": "bahari", "name": "Kampung Bahari"}],
        "cameras": cameras,
        "devices": [{"id": "box", "name": "Kotak", "cameras": [camera["id"] for camera in cameras]}],
    }
    try:
        await apply_site(database, clock, Site.model_validate(site), "shell:bench")
        async with database.write() as writing:
            await writing.session.execute(insert(Alert), list(rows(stored, clock.utc(), random.Random(1))))
        desk = PrecisionService(database, clock)
        return {f"{span} days": await _report(desk, span) for span in days}
    finally:
        await database.close()


async def _report(desk: PrecisionService, days: int) -> dict[str, float]:
    cpu_s, began_s = time.process_time(), time.perf_counter()
    report = await desk.report(Scope(everywhere=True, kampung_ids=frozenset()), None, days)
    return {
        "zones": len(report.zones),
        "cpu_s": round(time.process_time() - cpu_s, 2),
        "wall_s": round(time.perf_counter() - began_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--judged", type=int, default=10_000)
    parser.add_argument("--spot-checks", type=int, default=3_000)
    chosen = parser.parse_args()
    stored = Stored(chosen.alerts, chosen.judged, chosen.spot_checks)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), stored, (30, 90)))))


if __name__ == "__main__":
    main()
