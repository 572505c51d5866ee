"""Crowds on PETS2009's square: people who walk as annotated, and standing crowds of any density."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np

from bench.behaviours.calibration import HEIGHT, PETS, WIDTH, Tsai
from bench.crowds.sprites import SPARSE, VIDEO, Body, Cast, Image, composed
from bench.motdata import FloatArray, read_mot
from bench.tracker_sets import PETS_RATE_HZ, read_cvml
from edge.calibration.ground import Calibration, calibrate
from edge.config.calibration import CalibrationConfig
from edge.detector.far_region import STANDING_M, standing_heights

ASPECT = WIDTH / HEIGHT
MARKS_XYN = ((0.284, 0.392), (0.877, 0.344), (0.870, 0.678), (0.213, 0.770))
"""Points where people stood, one towards each corner of the square."""
MIDDLE_XYN = (0.5, 0.5)
MEAN_HEIGHT_M = 1.72
SWAY_M = 0.03
"""Amplitude of each of the two slow waves by which a standing body moves."""
BODY_WIDTH = 0.38
"""As a share of body height."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """An image (height, width, 3) uint8 BGR and the true boxes in it, (N, 4) in normalised coordinates."""

    at_s: float
    image: Image
    boxes_xyxyn: FloatArray


def square() -> CalibrationConfig:
    """Four marks on the square, with the distances that its surveyed camera gives, to 0.1 m."""
    metres = Tsai.read(PETS / "calibration/View_001.xml").ground(np.array(MARKS_XYN) * (WIDTH, HEIGHT))
    distances = [
        {"first": i + 1, "second": j + 1, "metres": round(float(np.linalg.norm(metres[i] - metres[j])), 1)}
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    return CalibrationConfig.model_validate({"ground_points": MARKS_XYN, "distances": distances})


def around_middle(side_m: float) -> tuple[tuple[float, float], ...]:
    """The corners, in normalised coordinates, of a square on the ground around the middle of the crushes."""
    ground = calibrate(square(), ASPECT)
    corners_m = ground.to_ground([MIDDLE_XYN])[0] + side_m / 2 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return tuple((float(x), float(y)) for x, y in ground.to_frame(corners_m))


def walking(cast: Cast, name: str, seed: int) -> Iterator[Moment]:
    """The people of the annotated crowd `name` (for example S1L2-1), each played by a random member of the cast."""
    rng = np.random.default_rng(seed)
    players: dict[int, tuple[tuple[Body, ...], int]] = {}
    for number, truth in enumerate(read_cvml(PETS / f"annotations/PETS2009-{name}.xml")):
        boxes = truth.boxes_xyxyn * np.tile([WIDTH, HEIGHT], 2)
        places = np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3], boxes[:, 3] - boxes[:, 1]))
        bodies = []
        for person in truth.ids.tolist():
            if person not in players:
                players[person] = cast.walks[rng.integers(len(cast.walks))], int(rng.integers(1000))
            bodies.append(_step(*players[person], number))
        yield Moment(number / PETS_RATE_HZ, composed(places, bodies, cast.empty), truth.boxes_xyxyn)


@dataclass(frozen=True, slots=True)
class Crush:
    """`people` people stand at `per_m2` a square metre.

    They arrive one by one between `first_s` and `comes_s`, and leave from `goes_s` on (infinite: never).
    """

    people: int
    per_m2: float
    first_s: float = 0.0
    comes_s: float = 0.0
    goes_s: float = np.inf
    ends_s: float = 12.0
    fps: float = 5.0


def crush(cast: Cast, scene: Crush, seed: int) -> Iterator[Moment]:
    """The scene's moments. People stand on a jittered lattice, so that no two stand at the same point."""
    rng = np.random.default_rng(seed)
    ground = calibrate(square(), ASPECT)
    places_m = ground.to_ground([MIDDLE_XYN])[0] + _lattice(rng, scene)
    walks = [cast.walks[rng.integers(len(cast.walks))] for _ in range(scene.people)]
    stands = [int(rng.integers(len(walk))) for walk in walks]
    tall = rng.normal(MEAN_HEIGHT_M, 0.07, scene.people) / STANDING_M
    phases = rng.uniform(0.0, 2 * np.pi, (scene.people, 4))
    come_s = np.sort(rng.uniform(scene.first_s, scene.comes_s, scene.people))
    leave_s = scene.goes_s + rng.uniform(0.0, 20.0, scene.people)
    gates_m = ground.to_ground([(0.02, 0.33), (0.98, 0.5), (0.75, 0.28), (0.05, 0.9)])
    ways = gates_m[rng.integers(len(gates_m), size=scene.people)] - places_m
    for number in range(round(scene.ends_s * scene.fps)):
        at_s = number / scene.fps
        # The share of the way from the place to the frame's edge at which each person is now, walking 1.3 m/s.
        far_m = np.hypot(*ways.T)
        away = np.maximum(1.3 * (come_s - at_s), 1.3 * (at_s - leave_s)) / far_m
        there = away < 1.0
        feet_m = places_m + np.clip(away, 0.0, 1.0)[:, None] * ways + _sway(at_s, phases) * (away <= 0)[:, None]
        bodies = [
            _step(walk, 0, number) if away[index] > 0 else walk[stands[index]] for index, walk in enumerate(walks)
        ]
        yield _moment(at_s, ground, cast, (feet_m[there], tall[there]), [bodies[i] for i in np.flatnonzero(there)])


def _moment(
    at_s: float, ground: Calibration, cast: Cast, people: tuple[FloatArray, FloatArray], bodies: Sequence[Body]
) -> Moment:
    feet_m, tall = people
    if len(feet_m) == 0:
        return Moment(at_s, cast.empty, np.empty((0, 4)))
    feet = ground.to_frame(feet_m)
    heights = standing_heights(ground, feet) * tall
    aside = BODY_WIDTH / 2 * heights / ASPECT
    boxes = np.column_stack((feet[:, 0] - aside, feet[:, 1] - heights, feet[:, 0] + aside, feet[:, 1]))
    places = np.column_stack((feet * (WIDTH, HEIGHT), heights * HEIGHT))
    return Moment(at_s, composed(places, bodies, cast.empty), boxes)


def _lattice(rng: np.random.Generator, scene: Crush) -> FloatArray:
    side = int(np.ceil(np.sqrt(scene.people)))
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    # Fill a square block from its middle, so that the crowd has its density.
    nearest = np.argsort(np.abs(cells - (side - 1) / 2).max(axis=1) + rng.uniform(0, 0.1, len(cells)))
    step_m = 1.0 / np.sqrt(scene.per_m2)
    block = (cells[nearest[: scene.people]] - (side - 1) / 2) * step_m
    return np.asarray(block + rng.normal(0.0, 0.12 * step_m, block.shape))


def _sway(at_s: float, phases: FloatArray) -> FloatArray:
    waves = [np.sin(2 * np.pi * at_s / period_s + phases[:, i]) for i, period_s in enumerate((3.1, 11.0, 4.1, 13.0))]
    return SWAY_M * np.column_stack((waves[0] + waves[1], waves[2] + waves[3]))


def _step(walk: tuple[Body, ...], offset: int, number: int) -> Body:
    """A body of the walk played forwards and backwards."""
    period = 2 * len(walk) - 2
    index = (number + offset) % period
    return walk[index if index < len(walk) else period - index]


def sparse(ends_s: float) -> Iterator[Moment]:
    """The real video of the sparse square, at most 113 s."""
    labelled = read_mot(VIDEO / SPARSE)
    with av.open(labelled.source) as container:
        for number, frame in enumerate(container.decode(video=0)):
            at_s = number / PETS_RATE_HZ
            if at_s >= ends_s or number >= len(labelled.truths):
                return
            image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            yield Moment(at_s, image, labelled.truths[number].boxes_xyxyn)


def after(first: Iterator[Moment], then: Iterator[Moment]) -> Iterator[Moment]:
    """One scene after the other, on one clock."""
    ends_s = 0.0
    for moment in first:
        ends_s = moment.at_s + 1.0 / PETS_RATE_HZ
        yield moment
    for moment in then:
        yield Moment(ends_s + moment.at_s, moment.image, moment.boxes_xyxyn)
