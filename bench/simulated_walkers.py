"""Simulated people before a simulated camera: they walk to a place, may wait there, and cross each other."""

from __future__ import annotations

import numpy as np

from bench.motdata import FloatArray, Truth

CAMERA_HEIGHT_M = 4.0
TILT_RAD = 0.32
FOCAL = 1.1
PERSON_HEIGHT_M, PERSON_WIDTH_M = 1.7, 0.55
# Ground in front of the camera: metres across and away.
PLACE_X_M, PLACE_Z_M = (-6.0, 6.0), (6.0, 20.0)


def walkers(
    aspect: float, *, seed: int, people: int = 10, duration_s: float = 40.0, rate_hz: float = 25.0
) -> list[Truth]:
    """True boxes of every frame, clipped at the frame's edges; boxes outside are left out."""
    rng = np.random.default_rng(seed)
    count = int(duration_s * rate_hz)
    paths = [_path(rng, count, 1 / rate_hz) for _ in range(people)]
    truths = []
    for index in range(count):
        feet = np.array([path[index] for path in paths])
        boxes = _project(feet, aspect)
        inside = np.clip(boxes, 0, 1)
        seen = ((inside[:, 2:] - inside[:, :2]) > 0.4 * (boxes[:, 2:] - boxes[:, :2])).all(axis=1)
        truths.append(Truth(inside[seen], np.flatnonzero(seen) + 1, np.empty((0, 4))))
    return truths


def _place(rng: np.random.Generator) -> FloatArray:
    return np.array([rng.uniform(*PLACE_X_M), rng.uniform(*PLACE_Z_M)])


def _path(rng: np.random.Generator, count: int, dt_s: float) -> FloatArray:
    """(count, 2) metres: legs at a walker's own speed, with waits, turns smoothed over half a second."""
    at, goal = _place(rng), _place(rng)
    speed_mps = float(np.clip(rng.normal(1.3, 0.25), 0.6, 2.2))
    velocity = np.zeros(2)
    wait_s = 0.0
    path = np.empty((count, 2))
    for index in range(count):
        away = goal - at
        distance = float(np.hypot(*away))
        if distance < 0.4:
            wait_s = float(rng.exponential(4.0)) if rng.random() < 0.4 else 0.0
            goal = _place(rng)
        wanted = np.zeros(2) if wait_s > 0 else away / max(distance, 1e-9) * speed_mps
        wait_s -= dt_s
        velocity += (wanted - velocity) * min(1.0, dt_s / 0.5)
        at = at + velocity * dt_s
        path[index] = at
    return path


def _project(feet: FloatArray, aspect: float) -> FloatArray:
    """(N, 2) ground points to (N, 4) boxes in normalised coordinates, by a pinhole camera tilted down by TILT_RAD."""
    foot, head = (_pinhole(feet, height_m, aspect) for height_m in (0.0, PERSON_HEIGHT_M))
    half_width = (foot[:, 1] - head[:, 1]) * PERSON_WIDTH_M / PERSON_HEIGHT_M / 2 / aspect
    middle = (foot[:, 0] + head[:, 0]) / 2
    return np.stack((middle - half_width, head[:, 1], middle + half_width, foot[:, 1]), axis=1)


def _pinhole(feet: FloatArray, height_m: float, aspect: float) -> FloatArray:
    below, away = CAMERA_HEIGHT_M - height_m, feet[:, 1]
    depth = away * np.cos(TILT_RAD) + below * np.sin(TILT_RAD)
    down = below * np.cos(TILT_RAD) - away * np.sin(TILT_RAD)
    return np.stack((0.5 + FOCAL * feet[:, 0] / depth / aspect, 0.5 + FOCAL * down / depth), axis=1)
