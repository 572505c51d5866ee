from __future__ import annotations

import re

import numpy as np
import pytest

from edge.detections import Detections
from edge.geometry import FramePlane, Polygon, polygon_fault

SQUARE = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]


@pytest.mark.parametrize(
    ("vertices", "says"),
    [
        ([], "at least 3 points, got 0 points"),
        ([(0.1, 0.1)], "at least 3 points, got 1 point"),
        ([(0.1, 0.1), (0.9, 0.9)], "at least 3 points, got 2 points"),
        ([(0.1, 0.1), (0.9, 0.1), (0.9, 1.2)], "point 3 (0.9, 1.2) lies outside the frame"),
        ([(0.1, 0.1), (0.1, 0.1), (0.9, 0.9)], "points 1 and 2 are the same"),
        ([(0.1, 0.1), (0.9, 0.1), (0.5, 0.9), (0.1, 0.1)], "points 4 and 1 are the same"),
        ([(0, 0), (1, 1), (1, 0), (0, 1)], "the edge from point 1 to 2 crosses or touches the edge from point 3 to 4"),
        ([(0, 0), (0.5, 0.5), (1, 1)], "crosses or touches"),
        ([(0, 0), (1, 0), (1, 1), (0.5, 0), (0, 1)], "crosses or touches"),
        ([(0.5, 0.5), (0.501, 0.5), (0.5, 0.501)], "of the frame, at least 0.0001 is needed"),
        ([(float("nan"), 0.1), (0.9, 0.1), (0.5, 0.9)], "point 1 (nan, 0.1) lies outside the frame"),
    ],
)
def test_a_bad_polygon_is_told_what_is_wrong_and_where(vertices: list[tuple[float, float]], says: str) -> None:
    fault = polygon_fault(vertices)

    assert fault is not None
    assert says in fault
    with pytest.raises(ValueError, match=re.escape(fault)):
        Polygon.of(vertices)


@pytest.mark.parametrize("turned", [SQUARE, SQUARE[::-1], [(0.2, 0.2), (0.8, 0.2), (0.5, 0.4), (0.8, 0.8), (0.2, 0.8)]])
def test_a_sound_polygon_is_taken_in_either_direction_and_with_a_dent(turned: list[tuple[float, float]]) -> None:
    assert polygon_fault(turned) is None
    assert Polygon.of(turned).area > 0.2


def test_a_point_in_the_dent_of_a_polygon_is_outside() -> None:
    dented = Polygon.of([(0.2, 0.2), (0.8, 0.2), (0.5, 0.4), (0.8, 0.8), (0.2, 0.8)])

    assert dented.contains([(0.3, 0.5), (0.7, 0.45), (0.1, 0.5), (0.5, 0.19)]).tolist() == [True, False, False, False]


def test_the_inside_agrees_with_a_grid_count_of_the_area() -> None:
    polygon = Polygon.of([(0.1, 0.15), (0.7, 0.05), (0.95, 0.6), (0.4, 0.9)])
    grid = (np.stack(np.meshgrid(np.arange(200), np.arange(200)), axis=2).reshape(-1, 2) + 0.5) / 200

    assert polygon.contains(grid).mean() == pytest.approx(polygon.area, abs=0.005)


def test_the_distance_to_the_edge_is_in_picture_heights_on_both_sides() -> None:
    polygon = Polygon.of(SQUARE)

    distances = polygon.distance_to_edge([(0.5, 0.25), (0.5, 0.9), (0.85, 0.5)], aspect=2.0)

    assert distances == pytest.approx([0.05, 0.1, 0.1])


def test_an_uncalibrated_plane_measures_in_body_heights() -> None:
    people = Detections.of([[0.1, 0.3, 0.2, 0.5], [0.4, 0.1, 0.5, 0.5]], [0.9, 0.9], [1, 2])

    located = FramePlane().locate(people, aspect=2.0)

    assert located.positions == pytest.approx(np.array([[0.3, 0.5], [0.9, 0.5]]))
    assert located.unit_lengths == pytest.approx([0.2, 0.4])
