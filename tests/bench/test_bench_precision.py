"""The benchmark of the page of precision measures a report that is right."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

from bench.bench_precision import CAMERAS, ZONES_PER_CAMERA, Stored, measure, rows


def test_the_report_that_is_timed_holds_every_zone(tmp_path: Path) -> None:
    measured = asyncio.run(measure(tmp_path, Stored(alerts=2000, judged=500, spot_checks=100), (90,)))
    assert measured["90 days"]["zones"] == CAMERAS * ZONES_PER_CAMERA
    assert measured["90 days"]["cpu_s"] < 30.0


def test_as_many_alerts_are_judged_and_as_many_stays_are_audits_as_asked_for() -> None:
    made = list(rows(Stored(alerts=50, judged=20, spot_checks=5), datetime(2026, 11, 24, tzinfo=UTC), random.Random(1)))
    assert len(made) == 55
    assert sum(row["spot_check_chance"] is not None for row in made) == 5
    assert sum(row["verdict"] is not None and row["spot_check_chance"] is None for row in made) == 20
