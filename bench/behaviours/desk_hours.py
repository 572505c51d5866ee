"""Simulated camera-hours: what a camera's rules report in an hour of a street, and which of it is true.

Every hour is of one camera with three usual places, whose dwell map has learned from earlier stops there. A report is
true if it is about people staged for it, during their act; every other report is false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from bench.scenarios.acts import ZONE_M, dispersal_scene, gathering_scene, spot
from bench.scenarios.people import Rng, Walker, lingering, random_stream
from bench.scenarios.sensor import Sensor, watch
from contract.event import Phase, Rule, Severity
from edge.config.zones import ZoneConfig
from edge.learned.dwell import cell_of
from edge.learned.state import CameraLearned
from edge.rules.engine import CameraBehaviours

HOUR_S = 3600.0
USUAL_STOP_S = 28.0
STAGED_AT_S = 1500.0
LATE_S = 60.0
"""Reports about staged people count until this long after their act: some rules report late."""
_HOUR_UTC = {"night": 18, "day": 3, "evening": 12}


@dataclass(frozen=True, slots=True)
class Street:
    """How busy a street is. habit: share of the stops that are made at one of the camera's three usual places.

    stop_s: median duration of a stop.
    """

    part: str
    passers_per_minute: float
    stops_per_hour: float
    habit: float = 0.9
    stop_s: float = USUAL_STOP_S
    rules: dict[str, object] = field(
        default_factory=lambda: {"loitering": {}, "occupancy": {"capacity": 15}, "gathering": {}, "dispersal": {}}
    )


QUIET = {
    "night": Street("night", 0.3, 0.3),
    "day": Street("day", 2.5, 5.0),
    "evening": Street("evening", 4.0, 8.0),
}
FAIR = Street(
    "evening", 8.0, 20.0, habit=0.75, stop_s=75.0,
    rules={
        "loitering": {}, "occupancy": {"capacity": 15}, "gathering": {}, "dispersal": {},
        "group": {}, "revisit": {}, "running": {},
    },
)  # fmt: skip
"""A night market: many people pass and stop longer than the dwell map has learned, a quarter of them at unusual places;
all common rules are on."""


@dataclass(frozen=True, slots=True)
class Said:
    """An alert of a camera-hour. at_s: capture time, seconds into the hour."""

    at_s: float
    rule: Rule
    severity: Severity
    score: float
    true: bool


@dataclass(frozen=True, slots=True)
class Act:
    """Staged people, and the rules that may rightly report them."""

    stage: Callable[[Rng], list[Walker]]
    rules: frozenset[Rule]
    fps: float = 2.0


def _dispersal(rng: Rng) -> list[Walker]:
    return dispersal_scene(rng, positive=True)[0]


def _gathering(rng: Rng) -> list[Walker]:
    return [one for one in gathering_scene(rng, positive=True)[0] if one.role == "member"]


def _loiterer(rng: Rng) -> list[Walker]:
    return [lingering(rng, 0.0, float(rng.uniform(300, 600)), spot(rng), radius_m=1.0)]


_CROWD = frozenset({Rule.GATHERING, Rule.GROUP, Rule.OCCUPANCY})
ACTS = {
    "dispersal": Act(_dispersal, _CROWD | {Rule.DISPERSAL, Rule.RUNNING}, fps=5.0),
    "gathering": Act(_gathering, _CROWD | {Rule.LOITERING}),
    "loiterer": Act(_loiterer, frozenset({Rule.LOITERING})),
}
"""A crowd that disperses has gathered before, and runs; people in it for two minutes or more loiter."""


def camera_hour(seed: int, street: Street, act: Act | None = None) -> list[Said]:
    """One hour of one camera; equal seeds give equal hours."""
    rng = np.random.default_rng(seed)
    places = [spot(rng) for _ in range(3)]
    walkers = random_stream(rng, HOUR_S, street.passers_per_minute)
    for _ in range(rng.poisson(street.stops_per_hour)):
        place = places[int(rng.integers(3))] if rng.uniform() < street.habit else spot(rng)
        at_s = float(rng.uniform(0, HOUR_S - 300))
        walkers.append(lingering(rng, at_s, _stop_s(rng, street.stop_s), place, radius_m=0.5, role="ordinary"))
    staged = [_later(one, STAGED_AT_S) for one in act.stage(rng)] if act else []
    until_s = max((float(one.times_s[-1]) for one in staged), default=0.0) + LATE_S
    sensor = Sensor(fps=act.fps if act else 2.0, miss=0.2, id_life_s=40.0)
    zone = {"id": "gang", "name": "Gang", "polygon": sensor.camera.zone(*ZONE_M), "rules": street.rules}
    config = ZoneConfig.model_validate(zone)
    camera = CameraBehaviours([config], learned=_taught(rng, config, sensor, places))
    starts_at = datetime(2026, 3, 4, _HOUR_UTC[street.part], tzinfo=UTC)
    sights = watch([*walkers, *staged], HOUR_S, sensor, seed, starts_at)
    began = [
        one for sight in sights for one in camera.observe(sight.observation) if one.phase is Phase.BEGAN
    ]  # fmt: skip
    return [
        Said(
            one.captured.mono_s, one.rule, one.severity, one.score,
            true=act is not None and one.rule in act.rules and STAGED_AT_S <= one.captured.mono_s <= until_s,
        )
        for one in began
    ]  # fmt: skip


def _later(one: Walker, by_s: float) -> Walker:
    return Walker(one.times_s + by_s, one.points, one.role, one.height_m, one.sway_m, one.seed)


def _stop_s(rng: Rng, median_s: float) -> float:
    """Duration of a stop (lognormal): one in sixteen usual stops exceeds two minutes."""
    return float(np.clip(rng.lognormal(np.log(median_s), 0.95), 4.0, 900.0))


def _taught(rng: Rng, config: ZoneConfig, sensor: Sensor, places: Sequence[tuple[float, float]]) -> CameraLearned:
    """Two weeks of stops at the usual places, learned into the dwell map as the worker learns them."""
    learned = CameraLearned()
    dwell = learned.zone(config.id, config.polygon).dwell
    for place in places:
        x, y = sensor.camera.to_frame(np.array(place)).tolist()
        for _ in range(300):
            dwell.learn(cell_of(x, y), int(rng.integers(168)), _stop_s(rng, USUAL_STOP_S))
    return learned
