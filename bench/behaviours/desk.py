"""The load of one operator's desk: a replayed day of 32 kampung with four cameras each.

Whole camera-hours are simulated and run through the rules, a few of each kind; the day is then dealt from them, since
to simulate 3,072 camera-hours would take a night. Alerts of one kampung, zone and rule within ten minutes are one
incident, as on the server. What exceeds the budget of six incidents an hour goes to the digest, least severe and least
certain first, and is counted: nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bench.scenarios.acts import ZONE_M, dispersal_scene, spot
from bench.scenarios.people import Rng, Walker, lingering, random_stream
from bench.scenarios.sensor import Sensor, watch
from contract.event import Phase, Rule, Severity
from edge.config.zones import ZoneConfig
from edge.learned.dwell import cell_of
from edge.learned.state import CameraLearned
from edge.rules.camera import CameraBehaviours

KAMPUNG, CAMERAS = 32, 4
BUDGET_PER_HOUR = 6
JOIN_WITHIN_S = 600.0
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
class DeskDay:
    """per_hour: incidents shown to the desk, mean. raw_per_hour: alerts before joining. digest: incidents that the
    budget moved to the digest in the day. critical, critical_shown: critical incidents and those shown at once.
    """

    per_hour: float
    worst_hour: int
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
    shown, digest, raw, critical, critical_shown = [], 0, 0, 0, 0
    for hour, part in enumerate(PART_OF_HOUR):
        incidents: list[Alert] = []
        for kampung in range(KAMPUNG):
            dealt = [hours[part][int(rng.integers(library))] for _ in range(CAMERAS)]
            if kampung < panics and hour == 17 + kampung % 4:
                dealt[0] = alarm_hours[kampung]
            raw += sum(len(one) for one in dealt)
            incidents.extend(incident for one in dealt for incident in joined(one))
        first, rest = govern(incidents)
        shown.append(len(first))
        digest += len(rest)
        critical += sum(one.severity is Severity.CRITICAL for one in incidents)
        critical_shown += sum(one.severity is Severity.CRITICAL for one in first)
    return DeskDay(float(np.mean(shown)), max(shown), raw / 24.0, digest, critical, critical_shown)


def joined(alerts: Sequence[Alert]) -> list[Alert]:
    """One camera's alerts as incidents: those of a rule within ten minutes of the last are one, its worst kept."""
    incidents: list[Alert] = []
    last_s: dict[Rule, float] = {}
    for alert in sorted(alerts, key=lambda one: one.at_s):
        if alert.at_s - last_s.get(alert.rule, -np.inf) > JOIN_WITHIN_S:
            incidents.append(alert)
        last_s[alert.rule] = alert.at_s
    return incidents


def govern(incidents: Sequence[Alert]) -> tuple[list[Alert], list[Alert]]:
    """(shown at once, digest): every critical one, then by severity and score up to the hour's budget."""
    order = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.NOTICE: 2}
    ranked = sorted(incidents, key=lambda one: (order[one.severity], -one.score))
    critical = sum(one.severity is Severity.CRITICAL for one in ranked)
    keep = max(BUDGET_PER_HOUR, critical)
    return ranked[:keep], ranked[keep:]
