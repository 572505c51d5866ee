"""The marks on a frame from which a camera's metres are computed."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from edge.config.hours import StrictModel

PointXyn = tuple[float, float]

LEAST_DISTANCES = 5
"""The shape of four points in a plane has five degrees of freedom, so fewer distances do not determine it."""


class KnownDistance(StrictModel):
    """The distance on the ground between two ground points, numbered from 1."""

    first: int = Field(ge=1, le=4)
    second: int = Field(ge=1, le=4)
    metres: float = Field(gt=0.1, le=500.0)

    @model_validator(mode="after")
    def _two_points(self) -> Self:
        if self.first == self.second:
            raise ValueError(f"a distance lies between two different points, got point {self.first} twice")
        return self


class MarkedPerson(StrictModel):
    """A standing person of known height; foot and head in normalised coordinates."""

    foot: PointXyn
    head: PointXyn
    height_m: float = Field(ge=0.8, le=2.3)

    @model_validator(mode="after")
    def _upright(self) -> Self:
        if not self.head[1] < self.foot[1]:
            raise ValueError(f"the head must be above the foot in the frame, got head {self.head}, foot {self.foot}")
        return self


class CalibrationConfig(StrictModel):
    """Four ground points with the distances between them, or at least three marked people; preferably both.

    `version` counts the calibrations of this camera. Learned state belongs to one version.
    """

    version: int = Field(default=1, ge=1, le=1_000_000)
    ground_points: tuple[PointXyn, ...] = ()
    distances: tuple[KnownDistance, ...] = Field(default=(), max_length=6)
    people: tuple[MarkedPerson, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        for name, points in (("ground_points", self.ground_points), ("people", _points_of(self.people))):
            for number, (x, y) in enumerate(points, start=1):
                if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
                    raise ValueError(f"{name}: point {number} ({x:g}, {y:g}) lies outside the frame, 0 to 1")
        if self.ground_points and len(self.ground_points) != 4:
            raise ValueError(f"ground_points needs exactly 4 points, got {len(self.ground_points)}")
        pairs = {frozenset((distance.first, distance.second)) for distance in self.distances}
        if len(pairs) != len(self.distances):
            raise ValueError("distances names a pair of points twice; each pair has one distance")
        if self.ground_points and len(pairs) < LEAST_DISTANCES:
            raise ValueError(
                f"4 ground points need at least {LEAST_DISTANCES} of their 6 distances, sides and diagonals, "
                f"got {len(pairs)}; the sixth shows how good the measuring was"
            )
        if self.distances and not self.ground_points:
            raise ValueError("distances are between ground_points, of which there are none")
        if not self.ground_points and len(self.people) < 3:
            raise ValueError(
                "a calibration needs 4 ground_points with distances, or at least 3 people, "
                f"got {len(self.people)} people"
            )
        return self


def _points_of(people: tuple[MarkedPerson, ...]) -> list[PointXyn]:
    return [point for person in people for point in (person.foot, person.head)]
