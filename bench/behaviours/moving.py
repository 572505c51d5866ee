"""Running and counter-flow on scripted scenes of a minute, half of them look-alikes; a frame-to-frame rule beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from bench.behaviours.matching import Figures, Matched, figures, match
from bench.scenarios.acts import ZONE_M
from bench.scenarios.people import PathMaker, Rng, Walker, random_stream
from bench.scenarios.sensor import Sensor, Sighting, watch
from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.geometry import Polygon
from edge.learned.state import CameraLearned
from edge.rules.engine import CameraBehaviours
from edge.rules.moment import BODY_HEIGHT_M

SCENE_S, ACTS_AT_S = 60.0, 25.0
RUN_MPS, RUN_FOR_S, AGAINST_FOR_S = 3.0, 1.0, 2.0
"""The rules' defaults: speed and duration of running, duration of counter-flow."""
LANE_M = (8.0, 12.0)
GOES = 0.5
"""Body heights per second from which the naive rule takes somebody to go somewhere."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Ours and the naive rule's on the same scenes."""

    ours: Figures
    naive: Figures


@dataclass(frozen=True, slots=True)
class Rule:
    """odd: whether the naive rule takes a velocity (body heights per second) for what the rule looks for."""

    name: str
    duration_s: float
    learned: CameraLearned | None
    odd: Callable[[float, float], bool]


def running_scene(rng: Rng, *, positive: bool) -> list[Walker]:
    """One crosses at 3.6 to 5.5 m/s among passers-by; or at a brisk 1.9 to 2.5 m/s, which is no running."""
    speed_mps = float(rng.uniform(3.6, 5.5) if positive else rng.uniform(1.9, 2.5))
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    path = PathMaker(rng, ACTS_AT_S, (-side * 14.0, float(rng.uniform(7.5, 12.5))))
    path.walk_to(side * 14.0, float(rng.uniform(7.5, 12.5)), speed_mps)
    return [path.done("runner" if positive else "brisk"), *random_stream(rng, SCENE_S, float(rng.uniform(4, 10)))]


def with_the_flow(rng: Rng, at_s: float) -> PathMaker:
    return PathMaker(rng, at_s, (-14.0, float(rng.uniform(*LANE_M))))


def stream(rng: Rng, duration_s: float, every_s: float) -> list[Walker]:
    """People who all go to the right, one every `every_s` seconds."""
    starts_s = np.arange(-10.0, duration_s, every_s)
    return [(path := with_the_flow(rng, float(at))).walk_to(14.0, path.where[1]).done("passer") for at in starts_s]


def counter_flow_scene(rng: Rng, *, positive: bool) -> list[Walker]:
    """One walks against a one-way stream; or goes along, stops, takes a step back and goes on."""
    y = float(rng.uniform(*LANE_M))
    if positive:
        actor = PathMaker(rng, ACTS_AT_S, (14.0, y)).walk_to(-14.0, y).done("against")
    else:
        path = PathMaker(rng, ACTS_AT_S - 10.0, (-14.0, y)).walk_to(float(rng.uniform(-1, 1)), y).stay(4.0)
        actor = path.walk_to(path.where[0] - 0.8, y, 0.8).stay(3.0).walk_to(14.0, y).done("hesitant")
    return [actor, *stream(rng, SCENE_S, float(rng.uniform(4, 10)))]


def learned_flow(seed: int, learn_s: float) -> CameraLearned:
    """What a camera has learned after so many seconds of the one-way stream, one person every three seconds."""
    sensor = Sensor(fps=3.0, miss=0.3, id_life_s=30.0)
    camera = CameraBehaviours([_zone(sensor, "counter_flow")], learned=CameraLearned())
    for sight in watch(stream(np.random.default_rng(seed), learn_s, 3.0), learn_s, sensor, seed):
        camera.observe(sight.observation)
    return camera.learned


def running(seeds: Sequence[int], *, scenes: int) -> Scored:
    """Due when the runner has been in the zone for the rule's duration. scenes: of each seed."""
    limit = RUN_MPS / BODY_HEIGHT_M

    def rule(_: int) -> Rule:
        return Rule("running", RUN_FOR_S, None, lambda vx, vy: math.hypot(vx, vy) > limit)

    return _score(seeds, scenes, running_scene, rule)


def counter_flow(seeds: Sequence[int], *, scenes: int, learn_s: float = 3600.0) -> Scored:
    """Due when the one against the stream has been in the zone for the rule's duration. scenes: of each seed."""

    def rule(seed: int) -> Rule:
        return Rule("counter_flow", AGAINST_FOR_S, learned_flow(seed, learn_s), lambda vx, _: vx < -GOES)

    return _score(seeds, scenes, counter_flow_scene, rule)


def _score(
    seeds: Sequence[int], scenes: int, scene: Callable[..., list[Walker]], rule_of: Callable[[int], Rule]
) -> Scored:
    ours: list[Matched] = []
    naive: list[Matched] = []
    for seed in seeds:
        rule = rule_of(seed)
        for number in range(scenes):
            walkers = scene(np.random.default_rng((seed, 3, number)), positive=number % 2 == 0)
            sensor = Sensor(fps=5.0, miss=0.3, id_life_s=30.0)
            zone = _zone(sensor, rule.name)
            sightings = list(watch(walkers, SCENE_S, sensor, seed * 1000 + number))
            camera = CameraBehaviours([zone], learned=deepcopy(rule.learned))
            said = [signal for one in sightings for signal in camera.observe(one.observation)]
            due = [since + rule.duration_s for since, _ in walkers[0].inside(*ZONE_M)] if number % 2 == 0 else []
            alerts = [one.captured.mono_s for one in said if one.phase is Phase.BEGAN]
            steps = step_rule(sightings, Polygon.of(zone.polygon), rule.odd)
            ours.append(match(due, alerts, early_s=rule.duration_s, late_s=5.0))
            naive.append(match(due, steps, early_s=rule.duration_s, late_s=5.0))
    return Scored(figures(ours, seeds[0]), figures(naive, seeds[0]))


def step_rule(sightings: Sequence[Sighting], polygon: Polygon, odd: Callable[[float, float], bool]) -> list[float]:
    """Alerts, once per id, when the step between two sightings in the zone is odd (body heights per second)."""
    last: dict[int, tuple[float, float, float]] = {}
    alerted: set[int] = set()
    alerts: list[float] = []
    for one in sightings:
        people, now_s = one.observation.people, one.observation.captured.mono_s
        inside = polygon.contains(people.foot_points_xyn).tolist()
        for row, track_id in enumerate(people.track_ids.tolist()):
            x, y = people.foot_points_xyn[row].tolist()
            height = float(people.boxes_xyxyn[row, 3] - people.boxes_xyxyn[row, 1])
            before = last.get(track_id)
            last[track_id] = (now_s, x, y)
            if before is None or not inside[row] or track_id in alerted:
                continue
            scale = height * (now_s - before[0])
            if odd((x - before[1]) * one.observation.aspect / scale, (y - before[2]) / scale):
                alerted.add(track_id)
                alerts.append(now_s)
    return alerts


def _zone(sensor: Sensor, rule: str) -> ZoneConfig:
    zone = {"id": "gang", "name": "Gang", "polygon": sensor.camera.zone(*ZONE_M), "rules": {rule: {}}}
    return ZoneConfig.model_validate(zone)
