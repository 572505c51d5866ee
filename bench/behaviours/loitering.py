"""Loitering on simulated streets: events, broken ids, steady streams of passers-by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from bench.behaviours.matching import Figures, Matched, figures, match
from bench.behaviours.naive import timer_per_id
from bench.scenarios.camera import SimulatedCamera
from bench.scenarios.people import Walker, lingering, parked, random_stream, steady_stream
from bench.scenarios.sensor import Sensor, Sighting, watch
from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.detections import Detections
from edge.geometry import FramePlane, Polygon
from edge.presence.stitch import Stitcher
from edge.rules.engine import CameraBehaviours
from edge.signals import Observation, Signal
from edge.tracker import Tracker

ZONE_M = (-4.0, 4.0, 6.5, 13.5)
"""Left, right, near and far edge of the zone on the ground, metres."""
THRESHOLD_S = 60.0
CAMERA_S = 900.0


@dataclass(frozen=True, slots=True)
class Scored:
    """Our rule and the naive rule on the same observations."""

    ours: Figures
    naive: Figures


@dataclass(frozen=True, slots=True)
class Joins:
    """Results of joining tracks: joins made, joins of two different people, breaks that should be joined."""

    made: int
    false: int
    breaks: int


def zone(camera: SimulatedCamera, rules: dict[str, object]) -> ZoneConfig:
    polygon = camera.zone(*ZONE_M)
    return ZoneConfig.model_validate({"id": "gang", "name": "Gang", "polygon": polygon, "rules": rules})


def street(rng: np.random.Generator) -> list[Walker]:
    """A quarter of an hour: random passers-by, some of whom stay for a while or too long, and a parked motorbike."""
    walkers = random_stream(rng, CAMERA_S, per_minute=float(rng.uniform(2, 6)))
    for _ in range(int(rng.integers(3, 7))):
        reach_m = float(rng.choice([0.3, 1.2, 2.5]))
        left, right, near, far = ZONE_M
        room = reach_m + 0.4
        spot = (float(rng.uniform(left + room, right - room)), float(rng.uniform(near + room, far - room)))
        stay_s = float(rng.choice([15, 30, 45, 54, 90, 150, 240, 400])) * float(rng.uniform(0.9, 1.1))
        at_s = float(rng.uniform(0, CAMERA_S - stay_s - 40))
        walkers.append(lingering(rng, at_s, stay_s, spot, radius_m=reach_m))
    if rng.uniform() < 0.5:
        walkers.append(parked(rng, (float(rng.uniform(-3, 3)), float(rng.uniform(8, 12))), CAMERA_S))
    return walkers


def due(walkers: Sequence[Walker], threshold_s: float) -> list[float]:
    """When each true stay reaches the threshold, seconds; a parked object makes no stay."""
    people = [one for one in walkers if one.role != "parked"]
    stays = [stay for one in people for stay in one.inside(*ZONE_M)]
    return [since + threshold_s for since, until in stays if until - since >= threshold_s]


def alerts_of(sightings: Sequence[Sighting], config: ZoneConfig) -> list[float]:
    camera = CameraBehaviours([config])
    signals = [signal for one in sightings for signal in camera.observe(one.observation)]
    return [signal.captured.mono_s for signal in signals if signal.phase is Phase.BEGAN]


def events(
    seeds: Sequence[int], *, cameras: int, id_lives_s: Sequence[float | None], hard_gap_s: float | None = None
) -> Scored:
    """Simulated cameras of a quarter of an hour each, `cameras` per seed; ids break at the given lives in turn."""
    ours: list[Matched] = []
    naive: list[Matched] = []
    for seed, number in product(seeds, range(cameras)):
        rng = np.random.default_rng((seed, number))
        walkers = street(rng)
        fps, id_life_s = float(rng.choice([2.0, 3.0, 5.0])), id_lives_s[number % len(id_lives_s)]
        sensor = Sensor(fps=fps, miss=0.3, id_life_s=id_life_s, hard_gap_s=hard_gap_s, drop=0.1)
        sightings = list(watch(walkers, CAMERA_S, sensor, seed=seed * 1000 + number))
        config = zone(sensor.camera, {"loitering": {"threshold_s": THRESHOLD_S}})
        wanted = due(walkers, THRESHOLD_S)
        ours.append(match(wanted, alerts_of(sightings, config)))
        polygon = Polygon.of(config.polygon)
        naive.append(match(wanted, timer_per_id((one.observation for one in sightings), polygon, THRESHOLD_S)))
    return Scored(figures(ours, seeds[0]), figures(naive, seeds[0]))


def events_with_tracker(seed: int, *, cameras: int) -> Scored:
    """The same streets through the product's own tracker: detections without ids, misses, jitter and occlusion."""
    ours: list[Matched] = []
    naive: list[Matched] = []
    for number in range(cameras):
        walkers = street(np.random.default_rng((seed, number)))
        sensor = Sensor(fps=5.0, miss=0.3, id_life_s=None)
        config = zone(sensor.camera, {"loitering": {"threshold_s": THRESHOLD_S}})
        tracker, camera = Tracker(), CameraBehaviours([config])
        observations: list[Observation] = []
        alerts: list[Signal] = []
        for sight in watch(walkers, CAMERA_S, sensor, seed=seed * 1000 + number):
            seen = sight.observation
            untracked = Detections.of(seen.people.boxes_xyxyn, seen.people.scores)
            people = tracker.update(untracked, seen.captured.mono_s, seen.aspect)
            observations.append(Observation(seen.captured, people, seen.aspect))
            alerts.extend(one for one in camera.observe(observations[-1]) if one.phase is Phase.BEGAN)
        wanted = due(walkers, THRESHOLD_S)
        ours.append(match(wanted, [one.captured.mono_s for one in alerts]))
        naive.append(match(wanted, timer_per_id(observations, Polygon.of(config.polygon), THRESHOLD_S)))
    return Scored(figures(ours, seed), figures(naive, seed))


def passers_by(seed: int, duration_s: float = 3600.0) -> tuple[int, int]:
    """Alerts of our rule and of a timer per label (somebody is always there) for one person crossing every 5 s."""
    walkers = steady_stream(np.random.default_rng(seed), duration_s, 5.0)
    sensor = Sensor(id_life_s=60.0)
    sightings = list(watch(walkers, duration_s, sensor, seed))
    config = zone(sensor.camera, {"loitering": {"threshold_s": THRESHOLD_S}})
    return len(alerts_of(sightings, config)), _timer_per_label(sightings, Polygon.of(config.polygon))


def _timer_per_label(sightings: Sequence[Sighting], polygon: Polygon) -> int:
    """OpenNVR's timer of (camera, label): it restarts after 10 s without a person, otherwise counts on."""
    alerts, since_s, last_s = 0, None, -1e9
    for one in sightings:
        now_s = one.observation.captured.mono_s
        if not polygon.contains(one.observation.people.foot_points_xyn).any():
            continue
        if now_s - last_s > 10.0 or since_s is None:
            since_s = now_s
        last_s = now_s
        if now_s - since_s >= THRESHOLD_S:
            alerts, since_s = alerts + 1, now_s
    return alerts


def joins(seed: int, *, cameras: int, id_life_s: float) -> Joins:
    """How the stitcher joins broken ids in streets of random passers-by and stays."""
    made = false = breaks = 0
    for number in range(cameras):
        walkers = street(np.random.default_rng((seed, number)))
        stitcher, plane = Stitcher(), FramePlane()
        walker_of: dict[int, int] = {}
        track_of: dict[int, int] = {}
        for one in watch(walkers, CAMERA_S, Sensor(id_life_s=id_life_s), seed * 1000 + number):
            people = one.observation.people
            located = plane.locate(people, one.observation.aspect)
            stitched = stitcher.observe(one.observation.captured.mono_s, people, located)
            for walker, track_id in zip(one.walkers, people.track_ids.tolist(), strict=True):
                breaks += track_of.get(walker, track_id) != track_id
                track_of[walker] = track_id
            for later, earlier in stitched.merged:
                made += 1
                index = stitched.person_ids.index(earlier) if earlier in stitched.person_ids else None
                walker = one.walkers[index] if index is not None else walker_of[later]
                false += walker_of.get(earlier, walker) != walker
            walker_of.update(zip(stitched.person_ids, one.walkers, strict=True))
    return Joins(made, false, breaks)
