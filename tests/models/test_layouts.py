from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layouts import decode, expected_output, iou_matrix, suppress
from models.manifest import ModelSpec
from tests.support.onnx_models import spec_for, write_constant_model

PERSON = 3
CLASSES = 5
# Two people far apart, and one box that repeats the first, weaker.
PEOPLE = np.array([[8, 4, 20, 28], [40, 2, 52, 30]], np.float32)
SCORES = np.array([0.9, 0.6], np.float32)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    return write_constant_model(tmp_path / "any.onnx", np.zeros((1, 1, 5), np.float32))


def _boxes5(boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.concatenate((boxes, scores[:, None]), axis=1)[None]


def _yolov8(boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    columns = np.zeros((4 + CLASSES, len(boxes)), np.float32)
    columns[:2] = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
    columns[2:4] = (boxes[:, 2:] - boxes[:, :2]).T
    columns[4 + PERSON] = scores
    columns[4] = 0.99  # another class is surer everywhere: only the person's score may count
    return columns[None]


def _yolo26(boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows = np.concatenate((boxes, scores[:, None], np.full((len(boxes), 1), PERSON)), axis=1)
    other = np.array([[0, 0, 64, 32, 0.95, 0]])
    return np.concatenate((other, rows)).astype(np.float32)[None]


def _yolox(boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """After the paper's formula, cell by cell, apart from the decoder: each box from the stride-8 cell it is in."""
    rows = np.zeros((8 * 4 + 4 * 2 + 2 * 1, 5 + CLASSES), np.float32)
    for box, score in zip(boxes, scores, strict=True):
        centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        column, row = int(centre_x // 8), int(centre_y // 8)
        rows[row * 8 + column, :2] = centre_x / 8 - column, centre_y / 8 - row
        rows[row * 8 + column, 2:4] = np.log((box[2] - box[0]) / 8), np.log((box[3] - box[1]) / 8)
        rows[row * 8 + column, 4] = 0.95
        rows[row * 8 + column, 5 + PERSON] = score / 0.95
        rows[row * 8 + column, 5] = 0.99
    return rows[None]


MAKERS = {"boxes5": _boxes5, "yolox": _yolox, "yolov8": _yolov8, "yolo26": _yolo26}


def _spec(model_file: Path, layout: str) -> ModelSpec:
    if layout == "boxes5":
        return spec_for(model_file, layout)
    return spec_for(model_file, layout, classes=CLASSES, person_class=PERSON)


@pytest.mark.parametrize("layout", sorted(MAKERS))
def test_each_layout_decodes_to_the_people_that_were_written_into_it(model_file: Path, layout: str) -> None:
    boxes, scores = decode(MAKERS[layout](PEOPLE, SCORES), _spec(model_file, layout), 0.3)

    np.testing.assert_allclose(boxes, PEOPLE, atol=1e-3)
    np.testing.assert_allclose(scores, SCORES, atol=1e-5)


@pytest.mark.parametrize("layout", sorted(MAKERS))
def test_each_layout_leaves_out_who_is_below_the_threshold(model_file: Path, layout: str) -> None:
    boxes, scores = decode(MAKERS[layout](PEOPLE, SCORES), _spec(model_file, layout), 0.7)

    np.testing.assert_allclose(boxes, PEOPLE[:1], atol=1e-3)
    assert scores.tolist() == pytest.approx([0.9], abs=1e-5)


@pytest.mark.parametrize("layout", ["boxes5", "yolov8"])
def test_a_weaker_copy_of_a_box_is_suppressed(model_file: Path, layout: str) -> None:
    boxes = np.concatenate((PEOPLE[:1] + 1, PEOPLE))
    scores = np.array([0.5, 0.9, 0.6], np.float32)

    kept, kept_scores = decode(MAKERS[layout](boxes, scores), _spec(model_file, layout), 0.3)

    np.testing.assert_allclose(kept, PEOPLE, atol=1e-3)
    assert kept_scores.tolist() == pytest.approx([0.9, 0.6])


def test_an_end_to_end_layout_is_not_suppressed_again(model_file: Path) -> None:
    twice = np.concatenate((PEOPLE[:1], PEOPLE[:1]))

    boxes, _ = decode(_yolo26(twice, SCORES), _spec(model_file, "yolo26"), 0.3)

    assert len(boxes) == 2


@pytest.mark.parametrize("layout", sorted(MAKERS))
def test_an_output_of_another_shape_is_refused_with_both_shapes(model_file: Path, layout: str) -> None:
    spec = _spec(model_file, layout)

    with pytest.raises(ValueError, match=r"must give \(1, .*got \(1, 7, 3\)") as refusal:
        decode(np.zeros((1, 7, 3), np.float32), spec, 0.3)

    assert str(expected_output(spec)) in str(refusal.value)


def test_boxes_and_scores_that_are_no_numbers_are_dropped(model_file: Path) -> None:
    boxes = np.array([[np.nan, 0, 5, 5], [0, 0, np.inf, 5], [1, 1, 9, 9], [2, 2, 6, 6]], np.float32)
    scores = np.array([0.9, 0.9, np.nan, 0.8], np.float32)

    kept, _ = decode(_boxes5(boxes, scores), _spec(model_file, "boxes5"), 0.3)

    assert kept.tolist() == [[2, 2, 6, 6]]


def test_a_yolox_size_that_would_overflow_raises_no_warning(model_file: Path) -> None:
    output = _yolox(PEOPLE, SCORES)
    output[0, :, 2:4] = 200

    boxes, _ = decode(output, _spec(model_file, "yolox"), 0.3)

    assert np.isfinite(boxes).all()


def test_the_overlap_of_known_boxes_is_the_known_share() -> None:
    first = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    second = np.array([[5, 0, 15, 10], [20, 20, 30, 30]], np.float32)

    np.testing.assert_allclose(iou_matrix(first, second), np.array([[1 / 3, 0.0], [0.0, 0.0]]), atol=1e-6)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([0.3, 0.45, 0.6]))
def test_suppression_keeps_what_opencv_keeps(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 60, (count, 2)), rng.uniform(4, 40, (count, 2))
    boxes = np.concatenate((corner, corner + size), axis=1).astype(np.float32)
    scores = np.sort(rng.uniform(0.1, 1, count))[::-1].astype(np.float32)

    kept = suppress(boxes, threshold)

    rectangles = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1).tolist()
    theirs = cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, threshold)
    assert kept.tolist() == np.asarray(theirs).reshape(-1).astype(int).tolist()


def test_a_flood_of_candidates_is_bounded(model_file: Path) -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 1000, (5000, 2))
    flood = np.concatenate((corner, corner + 0.5), axis=1).astype(np.float32)

    boxes, scores = decode(
        _boxes5(flood, rng.uniform(0.3, 1, 5000).astype(np.float32)), _spec(model_file, "boxes5"), 0.3
    )

    assert 900 < len(boxes) <= 1000
    assert (np.diff(scores) <= 0).all()
