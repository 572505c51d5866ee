"""Tiled inference on a crowd: tiles that cover it, and boxes in coordinates of the whole frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.crowds.crowd_detector import BODY_PX, MAX_TILES, CrowdDetector, plan_crowd_tiles
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.signals import TileRegion
from models.manifest import load_manifest
from tests.support.scenes import instant

INPUT_WH = (416, 256)
FULL_HD = (1920, 1080)


class Spots:
    """A detector that takes every bright spot for a person."""

    spec = load_manifest().get(load_manifest().default)

    def detect(self, frame: Frame) -> Detections:
        size = np.array([frame.width, frame.height] * 2)
        _, _, spots, _ = cv2.connectedComponentsWithStats((np.asarray(frame.y) > 200).astype(np.uint8))
        edges = [(left, top, left + width, top + height) for left, top, width, height, _ in spots[1:].tolist()]
        return Detections.of(np.array(edges).reshape(-1, 4) / size, [0.5] * len(edges))


def frame_with(spots: list[tuple[int, int]]) -> Frame:
    y = np.full((1080, 1920), 40, np.uint8)
    for left, top in spots:
        y[top : top + 20, left : left + 8] = 250
    chroma = np.full((540, 960), 128, np.uint8)
    return Frame(y, chroma, chroma.copy(), instant(0.0))


@pytest.mark.parametrize(
    ("region", "tall"),
    [
        ((0.4, 0.4, 0.5, 0.5), 0.1),
        ((0.1, 0.3, 0.9, 0.9), 0.1),
        ((0.0, 0.0, 1.0, 1.0), 0.02),
        ((0.9, 0.9, 1.0, 1.0), 0.3),
        ((0.0, 0.0, 0.1, 0.1), 0.1),
        ((0.0, 0.0, 1.0, 1.0), 0.5),
    ],
)
def test_a_few_tiles_cover_the_region_and_enlarge_nobody_beyond_the_agreed_height(
    region: tuple[float, float, float, float], tall: float
) -> None:
    tiles = plan_crowd_tiles(TileRegion(region, tall), FULL_HD, INPUT_WH)

    assert 1 <= len(tiles) <= MAX_TILES
    covered = np.zeros((1080, 1920), np.bool_)
    for one in tiles:
        assert one.left >= 0
        assert one.left + one.width <= 1920
        assert one.top + one.height <= 1080
        assert one.left % 2 == one.top % 2 == one.width % 2 == one.height % 2 == 0
        covered[one.top : one.top + one.height, one.left : one.left + one.width] = True
        # A tile is never larger than the frame, which by itself may show people taller.
        in_whole_px = tall * 1080 * min(416 / 1920, 256 / 1080)
        assert tall * 1080 * min(416 / one.width, 256 / one.height) <= max(BODY_PX * 1.05, in_whole_px)
    left, top, right, bottom = (round(part * size) for part, size in zip(region, (1920, 1080) * 2, strict=True))
    # Sizes and starts are rounded down to even pixels.
    assert covered[top : bottom - 2, left : right - 2].all()


def test_a_small_crowd_is_enlarged_to_the_agreed_height() -> None:
    (tile,) = plan_crowd_tiles(TileRegion((0.45, 0.45, 0.5, 0.5), 0.1), FULL_HD, INPUT_WH)

    assert 0.1 * 1080 * 256 / tile.height == pytest.approx(BODY_PX, rel=0.02)


def test_people_in_several_tiles_are_returned_once_where_they_are_in_the_frame() -> None:
    spots = [(700, 500), (900, 520), (1200, 700)]

    region = TileRegion((0.3, 0.4, 0.7, 0.75), 0.1)
    tiles = plan_crowd_tiles(region, FULL_HD, INPUT_WH)

    found = CrowdDetector(Spots()).detect(frame_with(spots), region)

    assert sum(one.left <= 900 < one.left + one.width and one.top <= 520 < one.top + one.height for one in tiles) > 1
    assert found is not None
    corners = sorted((found.boxes_xyxyn[:, :2] * FULL_HD).round().astype(int).tolist())
    assert corners == [list(one) for one in spots]


def test_without_spare_time_no_tile_runs() -> None:
    crowd_detector = CrowdDetector(Spots(), lambda: False)

    assert crowd_detector.detect(frame_with([(700, 500)]), TileRegion((0.3, 0.4, 0.7, 0.75), 0.1)) is None
