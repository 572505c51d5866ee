from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Instant
from edge.calibration.ground import calibrate
from edge.calibration.pinhole import Pinhole
from edge.config import CameraConfig
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector import Detector
from edge.detector.far_people import (
    ENOUGH_GAIN,
    FRUITLESS_RUNS,
    MAX_TILES,
    RARE_FACTOR,
    FarPeopleDetector,
    detector_for_camera,
    plan_far_tiles,
)
from edge.detector.far_region import FAR_PX, STANDING_M, calibrated_region, standing_heights
from edge.detector.tiling import Region
from models.layouts import iou_matrix
from models.manifest import load_manifest
from tests.support.data import DataFile
from tests.support.footage import footage_frames, mot_set

INPUT_WH = (416, 256)
FULL_HD = (1920, 1080)
MIDDLE: Region = (0.45, 0.45, 0.55, 0.55)
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
Row = tuple[float, float, float, float, float]


def frame_at(at_s: float, width: int = 1920, height: int = 1080) -> Frame:
    luma = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    return Frame(luma, chroma, chroma, Instant(at_s, NOON))


TILE = plan_far_tiles(MIDDLE, FULL_HD, INPUT_WH)[0]
SAME_IN_WHOLE: Row = (
    (TILE.left + 104) / 1920,
    (TILE.top + 64) / 1080,
    (TILE.left + 208) / 1920,
    (TILE.top + 130) / 1080,
    0.7,
)
"""About the box (0.25, 0.25, 0.5, 0.5) of the tile, in coordinates of the frame."""


class Scripted:
    """A detector that finds some rows in whole frames and others in tiles."""

    spec = load_manifest().get()

    def __init__(self, whole: Sequence[Row] = (), tile: Sequence[Row] = ()) -> None:
        self._whole, self.tile = whole, tile
        self.seen_wh: list[tuple[int, int]] = []

    def detect(self, frame: Frame) -> Detections:
        self.seen_wh.append((frame.width, frame.height))
        rows = self._whole if (frame.width, frame.height) == FULL_HD else self.tile
        table = np.array(rows, np.float32).reshape(-1, 5)
        return Detections.of(table[:, :4], table[:, 4])


def always(region: Region | None) -> Callable[[tuple[int, int]], Region | None]:
    return lambda _frame_wh: region


def test_a_small_region_is_shown_at_the_frames_own_resolution() -> None:
    (tile,) = plan_far_tiles(MIDDLE, FULL_HD, INPUT_WH)

    assert (tile.width, tile.height) == INPUT_WH
    assert tile.left <= 0.45 * 1920
    assert tile.left + tile.width >= 0.55 * 1920


def test_a_wide_region_takes_two_tiles_that_share_a_small_person() -> None:
    first, second = plan_far_tiles((0.0, 0.3, 1.0, 0.5), FULL_HD, INPUT_WH)

    overlap_px = first.left + first.width - second.left
    assert (first.left, second.left + second.width) == (0, 1920)
    assert overlap_px >= FAR_PX / 2 * 1920 / 416 - 2


def test_one_tile_suffices_where_it_enlarges_enough() -> None:
    (tile,) = plan_far_tiles((0.5, 0.0, 1.0, 0.5), FULL_HD, INPUT_WH)

    assert 1920 / tile.width >= ENOUGH_GAIN


@pytest.mark.parametrize("frame_wh", [(416, 234), (480, 270)])
def test_a_frame_that_is_hardly_shrunk_gets_no_tiles(frame_wh: tuple[int, int]) -> None:
    assert plan_far_tiles(MIDDLE, frame_wh, INPUT_WH) == ()


def test_the_whole_frame_gets_no_tiles() -> None:
    assert plan_far_tiles((0.0, 0.0, 1.0, 1.0), FULL_HD, INPUT_WH) == ()


def test_a_frame_in_which_tiles_of_the_inputs_size_could_not_advance_is_planned_at_once() -> None:
    # 2560 / 320 x 24 px is the tile's own height.
    tiles = plan_far_tiles((0.0, 0.0, 0.2, 1.0), (2560, 1536), (320, 192))

    assert len(tiles) <= MAX_TILES


@given(
    corners=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=2),
    frame_wh=st.tuples(st.integers(160, 4096), st.integers(120, 2160)),
)
def test_tiles_are_few_cover_the_region_and_are_not_smaller_than_the_input(
    corners: list[tuple[float, float]], frame_wh: tuple[int, int]
) -> None:
    (x1, y1), (x2, y2) = corners
    region = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    tiles = plan_far_tiles(region, frame_wh, INPUT_WH)

    assert len(tiles) <= MAX_TILES
    for tile in tiles:
        assert tile.width >= min(INPUT_WH[0], frame_wh[0] - 1)
        assert tile.height >= min(INPUT_WH[1], frame_wh[1] - 1)
    if tiles:
        # Rounded to even pixels.
        assert min(tile.left for tile in tiles) <= region[0] * frame_wh[0] + 2
        assert min(tile.top for tile in tiles) <= region[1] * frame_wh[1] + 2
        assert max(tile.left + tile.width for tile in tiles) >= region[2] * frame_wh[0] - 4
        assert max(tile.top + tile.height for tile in tiles) >= region[3] * frame_wh[1] - 4


def test_people_of_a_tile_are_returned_in_coordinates_of_the_frame() -> None:
    detector = Scripted(tile=[(0.25, 0.25, 0.5, 0.5, 0.8)])
    far_detector = FarPeopleDetector(detector, always(MIDDLE))
    (tile,) = far_detector.tiles_for(FULL_HD)

    found = far_detector.detect(frame_at(0.0))

    left, top = (tile.left + 104) / 1920, (tile.top + 64) / 1080
    right, bottom = (tile.left + 208) / 1920, (tile.top + 128) / 1080
    np.testing.assert_allclose(found.boxes_xyxyn, [(left, top, right, bottom)], atol=1e-6)
    assert detector.seen_wh == [FULL_HD, INPUT_WH]


def test_somebody_in_frame_and_tile_is_one_person_with_the_better_box() -> None:
    whole = [(*SAME_IN_WHOLE[:4], 0.4), (0.1, 0.1, 0.2, 0.4, 0.6)]
    found = FarPeopleDetector(Scripted(whole, [(0.25, 0.25, 0.5, 0.5, 0.8)]), always(MIDDLE)).detect(frame_at(0.0))

    assert found.scores.tolist() == pytest.approx([0.8, 0.6])


def test_a_person_whom_a_tile_cuts_is_left_to_the_whole_frame() -> None:
    cut = [(0.0, 0.3, 0.1, 0.6, 0.9), (0.3, 0.0, 0.4, 0.3, 0.9), (0.9, 0.3, 1.0, 0.6, 0.9), (0.3, 0.7, 0.4, 1.0, 0.9)]
    assert len(FarPeopleDetector(Scripted(tile=cut), always(MIDDLE)).detect(frame_at(0.0))) == 0


def test_tall_people_are_left_to_the_whole_frame() -> None:
    wide: Region = (0.2, 0.2, 0.7, 0.7)
    tall = [(0.3, 0.1, 0.6, 0.9, 0.9)]
    assert len(FarPeopleDetector(Scripted(tile=tall), always(wide)).detect(frame_at(0.0))) == 0


def test_tiles_run_at_their_interval_and_only_in_spare_time() -> None:
    spare, ran = [True], list[bool]()
    detector = Scripted()
    far_detector = FarPeopleDetector(
        detector, always(MIDDLE), every_s=0.4, has_spare_time=lambda: spare[0], on_tiles=ran.append
    )

    for number in range(5):
        far_detector.detect(frame_at(number * 0.2))
    assert ran == [True, True, True]
    assert detector.seen_wh.count(INPUT_WH) == 3
    spare[0] = False
    far_detector.detect(frame_at(1.2))
    spare[0] = True
    far_detector.detect(frame_at(1.4))

    assert ran == [True, True, True, False, True]
    assert detector.seen_wh.count(INPUT_WH) == 4


@pytest.mark.parametrize(
    ("whole", "tile"),
    [([], []), ([], [(0.25, 0.25, 0.5, 0.5, 0.4)]), ([SAME_IN_WHOLE], [(0.25, 0.25, 0.5, 0.5, 0.8)])],
    ids=["nobody", "nobody for sure", "somebody whom the whole frame shows too"],
)
def test_a_tile_that_shows_nobody_new_becomes_rare(whole: list[Row], tile: list[Row]) -> None:
    detector = Scripted(whole, tile)
    far_detector = FarPeopleDetector(detector, always(MIDDLE), every_s=0.4)
    for number in range(FRUITLESS_RUNS):
        far_detector.detect(frame_at(number * 0.4))
    assert detector.seen_wh.count(INPUT_WH) == FRUITLESS_RUNS

    detector.seen_wh.clear()
    for number in range(FRUITLESS_RUNS, FRUITLESS_RUNS + 10 * RARE_FACTOR):
        far_detector.detect(frame_at(number * 0.4))

    assert detector.seen_wh.count(INPUT_WH) == 10


def test_a_rare_tile_that_shows_somebody_new_is_frequent_again_at_once() -> None:
    detector = Scripted()
    far_detector = FarPeopleDetector(detector, always(MIDDLE), every_s=0.4)
    for number in range(FRUITLESS_RUNS):
        far_detector.detect(frame_at(number * 0.4))
    detector.tile = [(0.25, 0.25, 0.5, 0.5, 0.8)]

    found = [len(far_detector.detect(frame_at((FRUITLESS_RUNS + number) * 0.4))) for number in range(RARE_FACTOR + 3)]

    assert found == [0] * (RARE_FACTOR - 1) + [1] * 4


def test_another_frame_size_is_planned_anew() -> None:
    asked = list[tuple[int, int]]()

    def region_for(frame_wh: tuple[int, int]) -> Region:
        asked.append(frame_wh)
        return MIDDLE

    detector = Scripted()
    far_detector = FarPeopleDetector(detector, region_for, every_s=0.0)
    for width, height in (FULL_HD, FULL_HD, (416, 234), FULL_HD):
        far_detector.detect(frame_at(len(asked), width, height))

    assert asked == [FULL_HD, (416, 234), FULL_HD]
    assert detector.seen_wh[-4:] == [INPUT_WH, (416, 234), FULL_HD, INPUT_WH]


# ---- from a camera's settings ---------------------------------------------------------------------------------------

CAMERA = Pinhole(focal=1.2, height_m=5.0, tilt=0.35)
ASPECT = 16 / 9
WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def seen(ground_m: Sequence[tuple[float, float]], z_m: float) -> list[list[float]]:
    points = np.array([(x, y, z_m) for x, y in ground_m])
    points_xyn = CAMERA.project(points) / np.array([ASPECT, 1.0]) + 0.5
    return [[float(x), float(y)] for x, y in points_xyn]


def camera_config(zone: list[list[float]] | None = None, **changes: object) -> CameraConfig:
    standing = [(-2.0, 8.0), (2.0, 14.0), (0.0, 25.0), (-4.0, 30.0), (3.0, 10.0)]
    people = [
        {"foot": foot, "head": head, "height_m": 1.7}
        for foot, head in zip(seen(standing, 0.0), seen(standing, 1.7), strict=True)
    ]
    settings: dict[str, object] = {
        "id": "gate",
        "kampung_id": "bahari",
        "url": "file:///footage.mp4",
        "calibration": {"people": people},
        "zones": [{"id": "street", "name": "Street", "polygon": zone or WHOLE, "rules": {"loitering": {}}}],
    }
    return CameraConfig.model_validate(settings | changes)


def test_heights_follow_from_the_calibration() -> None:
    calibration = camera_config().calibration
    assert calibration is not None
    standing = [(0.0, 9.0), (3.0, 20.0), (-5.0, 40.0)]
    feet, heads = np.array(seen(standing, 0.0)), np.array(seen(standing, STANDING_M))

    heights = standing_heights(calibrate(calibration, ASPECT), feet)

    np.testing.assert_allclose(heights, feet[:, 1] - heads[:, 1], rtol=0.03)


def test_the_region_is_where_people_in_a_zone_are_small() -> None:
    region = calibrated_region(camera_config(), FULL_HD, INPUT_WH)

    assert region is not None
    (foot, near_foot), (head, _) = seen([(0.0, 40.0), (0.0, 8.0)], 0.0), seen([(0.0, 40.0), (0.0, 8.0)], 1.6)
    assert region[1] <= head[1] < foot[1] <= region[3]
    assert near_foot[1] > region[3] + 0.05


def test_zones_near_the_camera_need_no_tiles() -> None:
    near = [[0.1, 0.7], [0.9, 0.7], [0.9, 1.0], [0.1, 1.0]]
    assert calibrated_region(camera_config(near), FULL_HD, INPUT_WH) is None


def test_a_calibration_that_is_not_trusted_gives_no_region() -> None:
    calibration = camera_config().calibration
    assert calibration is not None
    people = [one.model_dump() for one in calibration.people]
    people[0]["height_m"], people[2]["height_m"] = 0.9, 2.3
    wrong = camera_config(calibration={"people": people})

    assert calibrated_region(wrong, FULL_HD, INPUT_WH) is None


def test_settings_decide_whether_a_camera_has_tiles() -> None:
    detector = Scripted()
    region = [[0.4, 0.4], [0.6, 0.4], [0.5, 0.6]]

    assert detector_for_camera(detector, camera_config(calibration=None)) is detector
    assert detector_for_camera(detector, camera_config(far_people=None)) is detector
    assert isinstance(detector_for_camera(detector, camera_config()), FarPeopleDetector)
    far_detector = detector_for_camera(detector, camera_config(calibration=None, far_people={"region": region}))
    assert isinstance(far_detector, FarPeopleDetector)
    (tile,) = far_detector.tiles_for(FULL_HD)
    assert tile.left <= 0.4 * 1920
    assert tile.top + tile.height >= 0.6 * 1080


def test_on_real_footage_far_people_are_found_who_were_not(data_file: DataFile) -> None:
    street = mot_set(data_file, "KITTI-17")
    far: Region = (0.41, 0.36, 0.57, 0.62)
    detector = Detector(load_manifest().get(), score_threshold=0.5)
    without = with_tiles = people = 0
    far_detector = FarPeopleDetector(detector, always(far), every_s=0.0)
    for index, labelled in street.frames(12):
        assert isinstance(labelled, Frame)
        frame = replace(labelled, captured=Instant(float(index), NOON))
        truth = street.truths[index].boxes_xyxyn.astype(np.float32)
        small = truth[(truth[:, 3] - truth[:, 1]) * frame.height * INPUT_WH[0] / frame.width < FAR_PX]
        first, both = detector.detect(frame).boxes_xyxyn, far_detector.detect(frame).boxes_xyxyn
        without += int((iou_matrix(small, first).max(axis=1, initial=0) > 0.5).sum())
        with_tiles += int((iou_matrix(small, both).max(axis=1, initial=0) > 0.5).sum())
        people += len(small)

    assert people >= 8
    assert with_tiles >= 0.6 * people > 2 * without


def test_tiles_on_traffic_find_nobody(data_file: DataFile) -> None:
    detector = Detector(load_manifest().get(), score_threshold=0.5)
    far_detector = FarPeopleDetector(detector, always((0.25, 0.05, 0.75, 0.5)))
    tiles = 0
    for frame in footage_frames(data_file("video/intel_car_noperson.mp4"), range(0, 160, 20)):
        tiles += len(far_detector.tiles_for((frame.width, frame.height)))
        assert len(far_detector.detect(frame)) == 0

    assert tiles == 8
