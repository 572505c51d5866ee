"""Find the ground in a frame from four points and their distances, or from people of known height."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from edge.calibration.pinhole import Pinhole
from edge.config.calibration import KnownDistance, MarkedPerson

Array = npt.NDArray[np.float64]


MAX_DISTANCE_RESIDUAL = 0.25
"""Relative error of the distances above which no four points in a plane have them."""


class CalibrationError(ValueError):
    """Marks that determine no ground; the message names the error."""


def homography_of_points(marks: Array, distances: Sequence[KnownDistance]) -> tuple[Array, float]:
    """((3, 3) frame to metres, relative residual of the distances) for (4, 2) marks in frame heights.

    The distances determine the shape of the four points on the ground up to position and mirroring; a camera above
    the ground does not mirror it. Raises CalibrationError for distances that no four points in a plane have, and for
    three points on a line.
    """
    shape, residual = _shape(marks, distances)
    if residual > MAX_DISTANCE_RESIDUAL:
        raise CalibrationError(
            f"no four points on flat ground have these distances (they miss by {residual:.0%}); measure again"
        )
    for left_out in range(4):
        three = [shape[index] for index in range(4) if index != left_out]
        longest = max(float(np.linalg.norm(three[i] - three[j])) for i in range(3) for j in range(i))
        if abs(_cross(three[0], three[1], three[2])) < 0.02 * longest**2:
            raise CalibrationError("three of the four ground points lie on a line; spread them over the ground")
    return _homography(marks, shape), residual


def pinhole_of_people(people: Sequence[MarkedPerson], aspect: float) -> tuple[Pinhole, float]:
    """(camera, relative height residual) that sees every marked person at their height.

    Least squares over focal length, height, tilt and roll from several starting points (Gauss and Newton, damped);
    the residual is the root mean square error of the heads in heights of the people.
    """
    feet = np.array([(one.foot[0] - 0.5, one.foot[1] - 0.5) for one in people]) * np.array([aspect, 1.0])
    heads = np.array([(one.head[0] - 0.5, one.head[1] - 0.5) for one in people]) * np.array([aspect, 1.0])
    tall_m = np.array([one.height_m for one in people])
    seen = np.linalg.norm(heads - feet, axis=1)
    if float(np.ptp(feet[:, 1])) < 0.05:
        raise CalibrationError("the marked people stand at one distance from the camera; mark some near and some far")

    def errors(values: Array) -> Array:
        camera = Pinhole(math.exp(values[0]), math.exp(values[1]), values[2], values[3])
        ground = camera.ground(feet)
        if np.isnan(ground).any():
            return np.full(2 * len(people) + 2, 1e3)
        expected = camera.project(np.column_stack((ground, tall_m)))
        # A mild pull towards an ordinary lens and a level camera decides what a few people leave open.
        pull = np.array([0.02 * (values[0] - math.log(1.1)), 0.1 * values[3]])
        return np.concatenate((((expected - heads) / seen[:, None]).ravel(), pull))

    starts = product((0.7, 1.2, 2.2), (2.5, 5.0, 9.0), (0.2, 0.45, 0.9))
    found = [_least_squares(errors, np.array([math.log(f), math.log(h), tilt, 0.0])) for f, h, tilt in starts]
    best = min(found, key=lambda values: float((errors(values) ** 2).sum()))
    camera = Pinhole(math.exp(best[0]), math.exp(best[1]), float(best[2]), float(best[3]))
    residual = math.sqrt(float((errors(best)[:-2] ** 2).sum()) / len(people))
    return camera, residual


def _shape(marks: Array, distances: Sequence[KnownDistance]) -> tuple[Array, float]:
    pairs = [(one.first - 1, one.second - 1) for one in distances]
    metres = np.array([one.metres for one in distances])

    def errors(flat: Array) -> Array:
        points = flat.reshape(4, 2)
        lengths = np.array([np.linalg.norm(points[i] - points[j]) for i, j in pairs])
        off: Array = (lengths - metres) / metres
        return off

    tried: list[tuple[int, float, Array]] = []
    for stretch in (1.0, 2.0, 4.0, 8.0):
        start = marks * np.array([1.0, stretch])
        lengths = np.array([np.linalg.norm(start[i] - start[j]) for i, j in pairs])
        start = start * float(np.median(metres / np.maximum(lengths, 1e-9)))
        points = _least_squares(errors, start.ravel()).reshape(4, 2)
        turned = [_cross(*points[list(three)]) * _cross(*marks[list(three)]) for three in ((0, 1, 2), (0, 2, 3))]
        if sum(value > 0 for value in turned) == 0:
            points = points * np.array([-1.0, 1.0])
        left = float(np.sqrt((errors(points.ravel()) ** 2).mean()))
        mirrored = sum(_cross(*points[list(t)]) * _cross(*marks[list(t)]) < 0 for t in ((0, 1, 2), (0, 2, 3)))
        tried.append((mirrored, left, points))
    mirrored, left, points = min(tried, key=lambda one: (one[0] + one[1], one[0]))
    if mirrored and left <= MAX_DISTANCE_RESIDUAL:
        raise CalibrationError("the ground points seem to be in another order than their distances imply")
    return points, left


def _cross(a: Array, b: Array, c: Array) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _homography(marks: Array, ground: Array) -> Array:
    """The (3, 3) matrix that maps four points onto four points (direct linear transform)."""
    rows = []
    for (x, y), (u, v) in zip(marks, ground, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    matrix: Array = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    return matrix


def _least_squares(errors: Callable[[Array], Array], start: Array, rounds: int = 60) -> Array:
    """Levenberg and Marquardt with a numerical derivative; small problems only."""
    values, damping = start.astype(np.float64), 1e-3
    now = errors(values)
    for _ in range(rounds):
        slopes = np.empty((len(now), len(values)))
        for column in range(len(values)):
            step = 1e-6 * max(1.0, abs(values[column]))
            moved = values.copy()
            moved[column] += step
            slopes[:, column] = (errors(moved) - now) / step
        curvature = slopes.T @ slopes
        change = np.linalg.solve(
            curvature + damping * (np.diag(np.diag(curvature)) + 1e-9 * np.eye(len(values))), slopes.T @ now
        )
        tried = errors(values - change)
        if float((tried**2).sum()) < float((now**2).sum()):
            values, now, damping = values - change, tried, damping / 3
            if float(np.abs(change).max()) < 1e-10:
                break
        else:
            damping *= 4
            if damping > 1e12:
                break
    return values
