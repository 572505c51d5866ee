"""How the benchmark counts the boxes that the gate keeps."""

from __future__ import annotations

import numpy as np

from bench.edge.boxes import Frames, boxes_kept, iou

PERSON = [0.1, 0.1, 0.2, 0.5]
OTHER = [0.6, 0.1, 0.7, 0.5]


def frames(*seen: tuple[float, list[list[float]]]) -> Frames:
    return [(at_s, np.asarray(boxes, np.float64).reshape(-1, 4)) for at_s, boxes in seen]


def test_a_box_is_kept_only_by_a_box_at_its_place_in_the_same_look() -> None:
    ungated = frames((0.0, [PERSON]), (0.2, [PERSON, OTHER]), (0.4, [PERSON]), (5.0, [PERSON]))
    gated = frames((0.0, [PERSON]), (0.2, [OTHER]), (0.6, [PERSON]))
    assert boxes_kept(ungated, gated, np.ones(4, np.bool_)) == (2, 5)


def test_inactive_time_does_not_count() -> None:
    ungated = frames((0.0, [PERSON]), (0.2, [PERSON]))
    assert boxes_kept(ungated, frames(), np.array([False, True])) == (0, 1)


def test_a_frame_without_boxes_keeps_nothing_and_breaks_nothing() -> None:
    assert boxes_kept(frames((0.0, [PERSON])), frames((0.0, [])), np.ones(1, np.bool_)) == (0, 1)


def test_intersection_over_union_of_half_overlapping_boxes() -> None:
    found = iou(np.array([[0.0, 0.0, 2.0, 1.0]]), np.array([[1.0, 0.0, 3.0, 1.0], [5.0, 5.0, 6.0, 6.0]]))
    np.testing.assert_allclose(found, [[1 / 3, 0.0]])
