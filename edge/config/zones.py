"""Zones of a camera's frame, and areas where staying is normal."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from contract.ids import Slug
from edge.config.hours import Hours, StrictModel
from edge.config.rules import ZoneRules
from edge.geometry import polygon_fault

PointXyn = tuple[float, float]
"""A point x, y in normalised coordinates, 0 to 1, origin top left."""


def _simple(vertices: tuple[PointXyn, ...]) -> tuple[PointXyn, ...]:
    fault = polygon_fault(vertices)
    if fault is not None:
        raise ValueError(fault)
    return vertices


PolygonXyn = Annotated[tuple[PointXyn, ...], Field(max_length=64), AfterValidator(_simple)]
"""A polygon of 3 to 64 corners that does not cross itself."""


class ExpectedDwellArea(StrictModel):
    """An area where staying is normal (a stall, an ojek stand, a porch), with a longer loitering threshold."""

    name: str = Field(min_length=1, max_length=64)
    polygon: PolygonXyn
    hours: tuple[Hours, ...] = Field(default=(), max_length=32, description="local hours; empty: always")
    threshold_s: float | None = Field(
        default=None, ge=5.0, le=14_400.0, description="threshold in the area; null: no loitering alerts there"
    )


class ZoneConfig(StrictModel):
    """A polygon on the frame with its rules."""

    id: Slug
    name: str = Field(min_length=1, max_length=64)
    polygon: PolygonXyn
    rules: ZoneRules
    expected_dwell: tuple[ExpectedDwellArea, ...] = Field(default=(), max_length=32)
