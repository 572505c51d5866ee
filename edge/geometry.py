"""Polygons and lengths in a frame: whether a foot point is in a zone, and how far apart two people are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from edge.detections import BoolArray, Detections

Points = npt.NDArray[np.float64]
Lengths = npt.NDArray[np.float64]

SMALLEST_AREA = 1e-4
"""A zone must cover at least a ten-thousandth of the frame (10 x 10 px of 1000 x 1000): less is a mistake."""


def polygon_fault(vertices: Sequence[tuple[float, float]]) -> str | None:
    """Why a polygon in normalised coordinates is invalid, and where; None if it is valid."""
    if len(vertices) < 3:
        word = "point" if len(vertices) == 1 else "points"
        return f"a polygon needs at least 3 points, got {len(vertices)} {word}"
    for number, (x, y) in enumerate(vertices, start=1):
        if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
            return f"point {number} ({x:g}, {y:g}) lies outside the frame: x and y are normalised coordinates, 0 to 1"
    for number, point in enumerate(vertices, start=1):
        following = number % len(vertices)
        if point == vertices[following]:
            return f"points {number} and {following + 1} are the same, ({point[0]:g}, {point[1]:g}); drop one of them"
    crossing = _first_crossing(vertices)
    if crossing is not None:
        first, second = crossing
        count = len(vertices)
        return (
            f"the edge from point {first + 1} to {(first + 1) % count + 1} crosses or touches the edge from point "
            f"{second + 1} to {(second + 1) % count + 1}; list the corners in order around the zone"
        )
    area = abs(_signed_area(np.asarray(vertices, dtype=np.float64)))
    if area < SMALLEST_AREA:
        return f"the polygon covers {area:.2g} of the frame, at least {SMALLEST_AREA:g} is needed"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """A simple polygon. vertices: (V, 2) float64, normalised coordinates, V >= 3."""

    vertices: Points
    _following: Points = field(init=False, repr=False)
    _rise: Lengths = field(init=False, repr=False)

    def __post_init__(self) -> None:
        following = np.roll(self.vertices, -1, axis=0)
        rise = following[:, 1] - self.vertices[:, 1]
        object.__setattr__(self, "_following", following)
        # A horizontal edge spans no row, so this placeholder is never used.
        object.__setattr__(self, "_rise", np.where(rise == 0.0, 1.0, rise))

    @classmethod
    def of(cls, vertices: Sequence[tuple[float, float]]) -> Self:
        """A polygon with these corners. Raises ValueError if they form no simple polygon, see `polygon_fault`."""
        fault = polygon_fault(vertices)
        if fault is not None:
            raise ValueError(fault)
        return cls(np.asarray(vertices, dtype=np.float64))

    @property
    def area(self) -> float:
        """The share of the frame that it covers, 0..1."""
        return abs(_signed_area(self.vertices))

    def contains(self, points_xyn: npt.ArrayLike) -> BoolArray:
        """(N,) bool for (N, 2) points: inside by the even-odd rule. A point on an edge may count either way."""
        points = np.asarray(points_xyn, dtype=np.float64).reshape(-1, 2)
        if len(points) == 0:
            return np.zeros(0, dtype=np.bool_)
        x, y = points[:, 0, None], points[:, 1, None]
        x1, y1 = self.vertices[:, 0], self.vertices[:, 1]
        x2, y2 = self._following[:, 0], self._following[:, 1]
        spans = (y1 > y) != (y2 > y)
        crosses = spans & (x < x1 + (y - y1) / self._rise * (x2 - x1))
        inside: BoolArray = (crosses.sum(axis=1) % 2).astype(np.bool_)
        return inside

    def distance_to_edge(self, points_xyn: npt.ArrayLike, aspect: float) -> Lengths:
        """(N,) float64: distance of each point, on either side, to the nearest edge, in frame heights."""
        stretch = np.array([aspect, 1.0])
        points = np.asarray(points_xyn, dtype=np.float64).reshape(-1, 1, 2) * stretch
        starts = self.vertices * stretch
        along = self._following * stretch - starts
        part = ((points - starts) * along).sum(axis=2) / (along * along).sum(axis=1)
        nearest = starts + np.clip(part, 0.0, 1.0)[:, :, None] * along
        distances: Lengths = np.sqrt(((points - nearest) ** 2).sum(axis=2)).min(axis=1)
        return distances


def _signed_area(vertices: Points) -> float:
    """The area by the shoelace formula; its sign depends on the direction of the corners."""
    x, y = vertices[:, 0], vertices[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2.0


def _first_crossing(vertices: Sequence[tuple[float, float]]) -> tuple[int, int] | None:
    """The first two edges that cross or touch, by index; neighbours may share a corner."""
    count = len(vertices)
    for first in range(count):
        for second in range(first + 1, count):
            neighbours = second == first + 1 or (first == 0 and second == count - 1)
            edge_a = vertices[first], vertices[(first + 1) % count]
            edge_b = vertices[second], vertices[(second + 1) % count]
            if neighbours:
                shared = edge_a[1] if second == first + 1 else edge_a[0]
                if _folds_back(edge_a, edge_b, shared):
                    return first, second
            elif _meet(edge_a, edge_b):
                return first, second
    return None


_Edge = tuple[tuple[float, float], tuple[float, float]]


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _on(a: tuple[float, float], b: tuple[float, float], point: tuple[float, float]) -> bool:
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])


def _meet(first: _Edge, second: _Edge) -> bool:
    (a, b), (c, d) = first, second
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    touching = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(turn == 0 and _on(start, end, point) for turn, start, end, point in touching)


def _folds_back(first: _Edge, second: _Edge, shared: tuple[float, float]) -> bool:
    """Whether two neighbouring edges overlap, so that the polygon has a spike without area."""
    far_a = first[0] if first[1] == shared else first[1]
    far_b = second[0] if second[1] == shared else second[1]
    same_way = (far_a[0] - shared[0]) * (far_b[0] - shared[0]) + (far_a[1] - shared[1]) * (far_b[1] - shared[1]) > 0
    return _turn(shared, far_a, far_b) == 0 and same_way


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Where people stand. positions: (N, 2) float64 on the plane; unit_lengths: (N,) float64, one unit at each person.
    feet_xyn: (N, 2) float64, their foot points in normalised coordinates.

    positions: (N, 2) float64, on the plane. unit_lengths: (N,) float64, the length of one unit at each person.
    feet_xyn: (N, 2) float64, foot points in normalised coordinates.
    The distance between two people, in units, is the distance between their positions over their mean unit length.
    """

    positions: Points
    unit_lengths: Lengths
    feet_xyn: Points


class Plane(Protocol):
    """Turns boxes into positions in metres, or in body heights without a calibration."""

    @property
    def metric(self) -> bool:
        """Whether one unit is a metre; otherwise it is the person's own height in the frame."""
        ...

    def locate(self, people: Detections, aspect: float) -> Located:
        """Where people stand in a frame of this width over height."""
        ...

    def area_m2(self, polygon: Polygon) -> float | None:
        """Area of a zone on the ground in m²; None if it is unknown."""
        ...


class FramePlane:
    """The plane of an uncalibrated camera: frame heights, measured in body heights (the height of a person's box).

    A step towards the camera appears shorter than one across it, so distances along the line of sight are too small;
    rules that need metres are refused on such a camera.
    """

    metric = False

    def locate(self, people: Detections, aspect: float) -> Located:
        boxes = people.boxes_xyxyn.astype(np.float64)
        feet = people.foot_points_xyn.astype(np.float64)
        return Located(feet * (aspect, 1.0), np.maximum(boxes[:, 3] - boxes[:, 1], 1e-3), feet)

    def area_m2(self, polygon: Polygon) -> float | None:  # noqa: ARG002 -- part of the protocol
        return None
