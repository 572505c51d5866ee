"""Simulated detector and tracker: misses, jitter, occlusion, broken ids, uneven frame rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from bench.scenarios.camera import SimulatedCamera
from bench.scenarios.people import Walker
from contract.clock import Instant
from edge.detections import Detections
from edge.signals import Observation

Array = npt.NDArray[np.float64]
NOON_WIB = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
COVERED = 0.65
"""A person is not detected while boxes of nearer people cover more than this share of theirs."""
BLOCK_S = 120.0
"""Scenarios are computed in blocks of this length, so that an hour needs little memory."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """miss: probability of no detection per frame. jitter: of the box's edges, body heights (1 sigma).

    id_life_s: mean life of a track id (exponential), None for infinite.
    id_gap_s: mean pause between two ids of one person (exponential, at most 9 s), besides misses and occlusion.
    hard_gap_s: if given, the pause is uniform up to this instead. drop: probability that a frame is skipped, as under
        load.
    """

    fps: float = 5.0
    miss: float = 0.3
    jitter: float = 0.025
    id_life_s: float | None = 30.0
    id_gap_s: float = 2.5
    hard_gap_s: float | None = None
    drop: float = 0.0
    camera: SimulatedCamera = field(default_factory=SimulatedCamera)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """An observation and its truth: the index of the walker behind each detection."""

    observation: Observation
    walkers: tuple[int, ...]


def watch(
    walkers: Sequence[Walker], duration_s: float, sensor: Sensor, seed: int, starts_at: datetime = NOON_WIB
) -> Iterator[Sighting]:
    """The scenario's observations in order; equal seeds give equal observations."""
    rng = np.random.default_rng(seed)
    ids = IdBreaker(rng, sensor)
    start = Instant(0.0, starts_at)
    for block in np.arange(0.0, duration_s, BLOCK_S):
        times_s = np.arange(block, min(block + BLOCK_S, duration_s), 1.0 / sensor.fps)
        present = [i for i, one in enumerate(walkers) if one.times_s[0] <= times_s[-1] and one.times_s[-1] >= block]
        boxes = _boxes(walkers, present, times_s, sensor.camera)
        seen = _detected(boxes, rng, sensor)
        jitter = rng.normal(0.0, sensor.jitter, boxes.shape)
        jitter[..., 3] *= 0.6
        tall = boxes[..., 3:] - boxes[..., 1:2]
        noisy = boxes + jitter * tall / np.array([sensor.camera.aspect, 1.0, sensor.camera.aspect, 1.0])
        still = np.array([walkers[i].role == "parked" for i in present], dtype=np.bool_)
        noisy[still] = boxes[still] + 0.1 * (noisy[still] - boxes[still])
        for number, at_s in enumerate(times_s):
            if sensor.drop and rng.uniform() < sensor.drop:
                continue
            there = [row for row in range(len(present)) if seen[row, number]]
            shown = [(row, track) for row in there if (track := ids.of(present[row], float(at_s))) > 0]
            rows = [row for row, _ in shown]
            cut = np.clip(noisy[rows, number], 0.0, 1.0)
            people = Detections.of(cut, np.full(len(rows), 0.8), [track for _, track in shown])
            observation = Observation(start.shifted(float(at_s)), people, sensor.camera.aspect)
            yield Sighting(observation, tuple(present[row] for row in rows))


class IdBreaker:
    """Assigns track ids and breaks them."""

    def __init__(self, rng: np.random.Generator, sensor: Sensor) -> None:
        self._rng, self._sensor = rng, sensor
        self._track: dict[int, tuple[int, float, float]] = {}
        self._next = 1

    def of(self, walker: int, at_s: float) -> int:
        """The walker's current track id; 0 while the track is lost."""
        known = self._track.get(walker)
        if known is None or at_s >= known[2]:
            life_s = np.inf if self._sensor.id_life_s is None else float(self._rng.exponential(self._sensor.id_life_s))
            lost_at_s = at_s + max(1.0, life_s)
            hard_s = self._sensor.hard_gap_s
            if hard_s is None:
                gap_s = min(9.0, float(self._rng.exponential(self._sensor.id_gap_s)))
            else:
                gap_s = float(self._rng.uniform(0.0, hard_s))
            known = (self._next, lost_at_s, lost_at_s + gap_s)
            self._track[walker] = known
            self._next += 1
        return known[0] if at_s < known[1] else 0


def _boxes(walkers: Sequence[Walker], present: list[int], times_s: Array, camera: SimulatedCamera) -> Array:
    if not present:
        return np.empty((0, len(times_s), 4))
    feet = np.stack([walkers[i].at(times_s) for i in present])
    heights = np.array([walkers[i].height_m for i in present])[:, None]
    return camera.boxes(feet, heights)


def _detected(boxes: Array, rng: np.random.Generator, sensor: Sensor) -> npt.NDArray[np.bool_]:
    centre_x, centre_y = (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2
    visible = (centre_x > 0.0) & (centre_x < 1.0) & (centre_y > 0.0) & (centre_y < 1.0) & (boxes[..., 3] < 1.05)
    seen: npt.NDArray[np.bool_] = visible & (rng.uniform(size=visible.shape) >= sensor.miss)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    for row in range(len(boxes)):
        mine = boxes[row]
        across = np.minimum(boxes[..., 2], mine[:, 2]) - np.maximum(boxes[..., 0], mine[:, 0])
        down = np.minimum(boxes[..., 3], mine[:, 3]) - np.maximum(boxes[..., 1], mine[:, 1])
        nearer = visible & (boxes[..., 3] > mine[:, 3])
        covered = np.where(nearer & (across > 0) & (down > 0), across * down, 0.0).max(axis=0, initial=0.0)
        seen[row] &= ~(covered > COVERED * area[row])
    return seen
