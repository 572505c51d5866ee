"""The load of one operator's desk: a replayed day of 32 kampung with four cameras each.

Whole camera-hours are simulated and run through the rules, a few of each kind; the day is then dealt from them, since
to simulate 3,072 camera-hours would take a night. The product's governor (`server.alerts.governor`) joins the
whole day's alerts to incidents and decides in the order of receipt which are shown and which wait in the digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from bench.scenarios.acts import ZONE_M, dispersal_scene, spot
from bench.scenarios.people import Rng, Walker, lingering, random_stream
from bench.scenarios.sensor import Sensor, watch
from contract.event import Phase, Rule, Severity
from edge.config.zones import ZoneConfig
from edge.learned.dwell import cell_of
from edge.learned.state import CameraLearned
from edge.rules.camera import CameraBehaviours
from server.alerts.governor import Ask, DayOfDesk, day_of, joined
from server.settings import AlertBudget

KAMPUNG, CAMERAS = 32, 4
PARTS = ("night", "day", "evening")
PART_OF_HOUR = ("night",) * 5 + ("day",) * 11 + ("evening",) * 6 + ("night",) * 2
PASSERS_PER_MINUTE = {"night": 0.3, "day": 2.5, "evening": 4.0}
STOPS_PER_HOUR = {"night": 0.3, "day": 5.0, "evening": 8.0}
HABIT = 0.9
"""Share of the stops that are made at one of the camera's three usual places."""
RULES: dict[str, object] = {"loitering": {}, "occupancy": {"capacity": 15}, "gathering": {}, "dispersal": {}}


@dataclass(frozen=True, slots=True)
class Alert:
    at_s: float
    rule: Rule
    severity: Severity
    score: float


@dataclass(frozen=True, slots=True)
class DeskAlert:
    """source: kampung, camera and rule. at: when it was captured and received."""

    source: str
    at: datetime
    rule: Rule
    severity: Severity


@dataclass(frozen=True, slots=True)
class DeskDay:
    """per_hour: incidents shown to the desk, mean; false_per_hour those of them that are no dispersal, which is all
    that is staged in the day. raw_per_hour: alerts before joining. digest: incidents left in the digest.
    critical, critical_shown: critical alerts and those of them in incidents that are shown.
    """

    per_hour: float
    worst_hour: int
    false_per_hour: float
    raw_per_hour: float
    digest: int
    critical: int
    critical_shown: int


def _stop_s(rng: Rng) -> float:
    """How long people stop: half of them under half a minute, one in sixteen over two (lognormal)."""
    return float(np.clip(rng.lognormal(np.log(28.0), 0.95), 4.0, 900.0))


def _places(rng: Rng) -> list[tuple[float, float]]:
    return [spot(rng) for _ in range(3)]


def camera_hour(seed: int, part: str, *, panic: bool = False) -> list[Alert]:
    """One hour of one camera with three usual places, whose dwell map has learned from earlier stops there."""
    rng = np.random.default_rng(seed)
    places = _places(rng)
    walkers = random_stream(rng, 3600.0, PASSERS_PER_MINUTE[part])
    for _ in range(rng.poisson(STOPS_PER_HOUR[part])):
        place = places[int(rng.integers(3))] if rng.uniform() < HABIT else spot(rng)
        walkers.append(lingering(rng, float(rng.uniform(0, 3300)), _stop_s(rng), place, radius_m=0.5, role="ordinary"))
    if panic:
        crowd, _ = dispersal_scene(rng, positive=True)
        walkers.extend(_later(one, 1800.0) for one in crowd)
    sensor = Sensor(fps=2.0 if not panic else 5.0, miss=0.2, id_life_s=40.0)
    zone = {"id": "gang", "name": "Gang", "polygon": sensor.camera.zone(*ZONE_M), "rules": RULES}
    config = ZoneConfig.model_validate(zone)
    camera = CameraBehaviours([config], learned=_taught(rng, config, sensor, places))
    hour_of_day = {"night": 18, "day": 3, "evening": 12}[part]  # UTC
    starts_at = datetime(2026, 3, 4, hour_of_day, tzinfo=UTC)
    said = [
        one for sight in watch(walkers, 3600.0, sensor, seed, starts_at) for one in camera.observe(sight.observation)
    ]
    return [Alert(one.captured.mono_s, one.rule, one.severity, one.score) for one in said if one.phase is Phase.BEGAN]


def _later(one: Walker, by_s: float) -> Walker:
    return Walker(one.times_s + by_s, one.points, one.role, one.height_m, one.sway_m, one.seed)


def _taught(rng: Rng, config: ZoneConfig, sensor: Sensor, places: Sequence[tuple[float, float]]) -> CameraLearned:
    """Two weeks of stops at the usual places, put into the dwell map as the worker would have."""
    learned = CameraLearned()
    dwell = learned.zone(config.id, config.polygon).dwell
    for place in places:
        x, y = sensor.camera.picture(np.array(place)).tolist()
        for _ in range(300):
            dwell.learn(cell_of(x, y), int(rng.integers(168)), _stop_s(rng))
    return learned


def desk_day(seed: int, *, library: int = 4, panics: int = 3) -> DeskDay:
    """A day of all cameras, dealt from `library` simulated hours of each part of the day, with panics in it."""
    hours = {part: [camera_hour(seed * 97 + n, part) for n in range(library)] for part in PARTS}
    alarm_hours = [camera_hour(seed * 97 + 50 + n, "evening", panic=True) for n in range(panics)]
    rng = np.random.default_rng(seed)
    midnight = datetime(2026, 3, 3, 17, tzinfo=UTC)  # in Jakarta
    alerts: list[DeskAlert] = []
    for hour, part in enumerate(PART_OF_HOUR):
        for kampung in range(KAMPUNG):
            dealt = [hours[part][int(rng.integers(library))] for _ in range(CAMERAS)]
            if kampung < panics and hour == 17 + kampung % 4:
                dealt[0] = alarm_hours[kampung]
            for camera, said in enumerate(dealt):
                alerts.extend(on_the_desk(said, midnight + timedelta(hours=hour), kampung, camera))
    alerts.sort(key=lambda one: one.at)
    day, incident_of = _governed(alerts)
    shown_at = {number: alerts[number - 1].at for one in day.decisions.values() if (number := one.shown_by)}
    shown = [sum(at.hour == hour for at in shown_at.values()) for hour in range(24)]
    shown_ids = {one.incident_id for one in day.decisions.values() if one.shown_by is not None}
    true_ids = {incident for one, incident in zip(alerts, incident_of, strict=True) if one.rule is Rule.DISPERSAL}
    critical = [n for n, one in enumerate(alerts) if one.severity is Severity.CRITICAL]
    return DeskDay(
        float(np.mean(shown)),
        max(shown),
        len(shown_ids - true_ids) / 24.0,
        len(alerts) / 24.0,
        len(day.decisions) - len(shown_ids),
        len(critical),
        sum(incident_of[n] in shown_ids for n in critical),
    )


def _governed(alerts: Sequence[DeskAlert]) -> tuple[DayOfDesk, list[UUID]]:
    """The day's decisions, and the incident of each alert; the alerts are in the order of receipt."""
    known: dict[str, list[tuple[datetime, UUID]]] = {}
    asks = []
    for number, one in enumerate(alerts, 1):
        others = known.setdefault(one.source, [])
        incident = joined(one.at, others) or UUID(int=number)
        others.append((one.at, incident))
        asks.append(Ask(number, incident, one.at, one.severity))
    day = DayOfDesk(day_of(alerts[0].at) if alerts else 0, AlertBudget().incidents_per_hour)
    day.take(asks)
    return day, [one.incident_id for one in asks]


def on_the_desk(alerts: Sequence[Alert], starts_at: datetime, kampung: int, camera: int) -> list[DeskAlert]:
    """One camera-hour's alerts as the server would know them, received as they are captured."""
    return [
        DeskAlert(f"{kampung}-{camera}-{one.rule}", starts_at + timedelta(seconds=one.at_s), one.rule, one.severity)
        for one in alerts
    ]
