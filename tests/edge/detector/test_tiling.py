"""Tiles: they cover a region, show the frame's own pixels, and return everybody once where they are in the frame."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Instant
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector.tiling import Region, Tile, detect_tile, detect_tiles, merge, plan_tiles
from models.manifest import load_manifest

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
FULL_HD = (1920, 1080)
Row = tuple[float, float, float, float, float]


class Scripted:
    """A detector that finds the same rows (x1, y1, x2, y2, score) in every tile."""

    spec = load_manifest().get()

    def __init__(self, *rows: Row) -> None:
        self._table = np.array(rows, np.float32).reshape(-1, 5)

    def detect(self, frame: Frame) -> Detections:  # noqa: ARG002 - the same rows in every frame
        return Detections.of(self._table[:, :4], self._table[:, 4])


def full_hd() -> Frame:
    luma = np.add.outer(np.arange(1080), np.arange(1920)).astype(np.uint8)
    chroma = np.full((540, 960), 128, np.uint8)
    return Frame(luma, chroma, chroma, Instant(0.0, NOON))


@given(
    corners=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=2),
    frame_wh=st.tuples(st.integers(160, 4096), st.integers(120, 2160)),
    size_wh=st.tuples(st.integers(50, 1200), st.integers(50, 1200)),
    overlap_px=st.tuples(st.floats(0, 60), st.floats(0, 60)),
    max_tiles=st.integers(1, 6),
)
def test_tiles_lie_in_the_frame_cover_the_region_overlap_and_are_few(
    corners: list[tuple[float, float]],
    frame_wh: tuple[int, int],
    size_wh: tuple[int, int],
    overlap_px: tuple[float, float],
    max_tiles: int,
) -> None:
    (x1, y1), (x2, y2) = corners
    region: Region = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))

    tiles = plan_tiles(region, frame_wh, [size_wh], overlap_px=overlap_px, max_tiles=max_tiles)

    assert len(tiles) <= max_tiles
    for axis, stretches in enumerate(
        ([(one.left, one.width) for one in tiles], [(one.top, one.height) for one in tiles])
    ):
        ordered = sorted(set(stretches))
        assert not any(start % 2 or length % 2 for start, length in ordered)
        assert all(start >= 0 and start + length <= frame_wh[axis] for start, length in ordered)
        # Starts and sizes are rounded down to even pixels.
        for (start, length), (following, _) in pairwise(ordered):
            assert start + length - following >= overlap_px[axis] - 4
        if ordered:
            assert ordered[0][0] <= region[axis] * frame_wh[axis]
            assert sum(ordered[-1]) >= region[axis + 2] * frame_wh[axis] - 4


def test_the_first_size_that_needs_few_enough_tiles_is_taken() -> None:
    sizes = [(200.0, 100.0), (400.0, 200.0), (960.0, 540.0), (1920.0, 1080.0)]
    region = (0.0, 0.0, 0.5, 0.5)

    (one,) = plan_tiles(region, FULL_HD, sizes, overlap_px=(40.0, 40.0), max_tiles=1)
    twelve = plan_tiles(region, FULL_HD, sizes, overlap_px=(40.0, 40.0), max_tiles=12)

    assert one == Tile(0, 0, 960, 540)
    assert {(tile.width, tile.height) for tile in twelve} == {(400, 200)}


def test_no_size_that_covers_the_region_with_few_enough_tiles_gives_none() -> None:
    assert plan_tiles((0.0, 0.0, 1.0, 1.0), FULL_HD, [(400.0, 200.0)], overlap_px=(0.0, 0.0), max_tiles=4) == ()


@pytest.mark.parametrize("overlap", [199.99999999999997, 200.0, 300.0])
def test_tiles_that_would_hardly_advance_are_refused_at_once(overlap: float) -> None:
    sizes = [(200.0, 200.0)]

    assert plan_tiles((0.0, 0.0, 1.0, 0.1), FULL_HD, sizes, overlap_px=(overlap, overlap), max_tiles=4) == ()


def test_a_tile_shows_the_same_pixels_without_a_copy() -> None:
    frame = full_hd()

    part = Tile(100, 200, 416, 256).cut(frame)

    assert (part.width, part.height) == (416, 256)
    assert np.array_equal(part.y, frame.y[200:456, 100:516])
    assert np.shares_memory(part.y, frame.y)
    assert np.shares_memory(part.u, frame.u)
    assert part.captured == frame.captured


def test_boxes_of_a_tile_are_returned_in_coordinates_of_the_frame() -> None:
    found = detect_tile(Scripted((0.25, 0.5, 0.5, 1.0, 0.8)), full_hd(), Tile(960, 540, 480, 270))

    expected = (1080 / 1920, 675 / 1080, 1200 / 1920, 810 / 1080)
    np.testing.assert_allclose(found.boxes_xyxyn, [expected], atol=1e-6)
    assert found.scores.tolist() == pytest.approx([0.8])


EDGES: list[Row] = [
    (0.0, 0.3, 0.1, 0.6, 0.9),
    (0.3, 0.0, 0.4, 0.3, 0.8),
    (0.9, 0.3, 1.0, 0.6, 0.7),
    (0.3, 0.7, 0.4, 1.0, 0.6),
]
"""A box at the left, upper, right and lower edge of a tile."""


@pytest.mark.parametrize(
    ("tile", "kept"),
    [
        (Tile(600, 300, 416, 256), []),
        (Tile(0, 0, 416, 256), [0.9, 0.8]),
        (Tile(1504, 824, 416, 256), [0.7, 0.6]),
        (Tile(0, 0, 1920, 1080), [0.9, 0.8, 0.7, 0.6]),
    ],
    ids=["in the middle", "upper left", "lower right", "whole frame"],
)
def test_a_box_at_a_tiles_edge_is_cut_unless_the_edge_is_the_frames_own(tile: Tile, kept: list[float]) -> None:
    detector = Scripted(*EDGES)

    assert detect_tile(detector, full_hd(), tile, keep_cut=False).scores.tolist() == pytest.approx(kept)
    assert len(detect_tile(detector, full_hd(), tile)) == 4


def test_a_person_in_the_overlap_of_two_tiles_is_returned_once() -> None:
    tiles = [Tile(0, 0, 400, 400), Tile(200, 0, 400, 400)]

    # The same rows in both tiles: four people in the frame, of whom the middle two are one.
    found = detect_tiles(Scripted((0.1, 0.1, 0.2, 0.4, 0.7), (0.6, 0.1, 0.7, 0.4, 0.9)), full_hd(), tiles)

    assert (found.boxes_xyxyn[:, 0] * 1920).round().tolist() == [240, 440, 40]
    assert found.scores.tolist() == pytest.approx([0.9, 0.9, 0.7])


def test_of_overlapping_boxes_the_best_is_kept() -> None:
    boxes = [(0.1, 0.1, 0.2, 0.4), (0.5, 0.1, 0.6, 0.4)]

    found = merge([Detections.of(boxes, [0.4, 0.6]), Detections.of(boxes[:1], [0.8])], nms_iou=0.5)

    assert found.scores.tolist() == pytest.approx([0.8, 0.6])
    assert len(merge([], nms_iou=0.5)) == 0
