from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Instant, ManualClock
from edge.calibration.ground import calibrate
from edge.calibration.pinhole import Pinhole
from edge.config import CameraConfig
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector import Detector
from edge.detector.far_people import PATIENCE_LOOKS, RARELY, FarSight, far_sighted
from edge.detector.far_region import STANDING_M, calibrated_region, standing_heights
from edge.detector.frame_scheduler import FrameScheduler
from edge.detector.slack import HOLD_S, LONGEST_HOLD_S, Slack
from edge.detector.tiles import ENOUGH_GAIN, FAR_PX, MAX_WINDOWS, Region, Window, plan_windows
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


WINDOW = plan_windows(MIDDLE, FULL_HD, INPUT_WH)[0]
SAME_IN_WHOLE: Row = (
    (WINDOW.left + 104) / 1920,
    (WINDOW.top + 64) / 1080,
    (WINDOW.left + 208) / 1920,
    (WINDOW.top + 130) / 1080,
    0.7,
)
"""About the box (0.25, 0.25, 0.5, 0.5) in the window, as the first look gives it."""


class Scripted:
    """Finds what it is told in whole pictures, and something else in windows of them."""

    spec = load_manifest().get()

    def __init__(self, whole: Sequence[Row] = (), window: Sequence[Row] = ()) -> None:
        self._whole, self.window = whole, window
        self.seen_wh: list[tuple[int, int]] = []

    def detect(self, frame: Frame) -> Detections:
        self.seen_wh.append((frame.width, frame.height))
        rows = self._whole if (frame.width, frame.height) == FULL_HD else self.window
        table = np.array(rows, np.float32).reshape(-1, 5)
        return Detections.of(table[:, :4], table[:, 4])


def looking_at(region: Region | None) -> Callable[[tuple[int, int]], Region | None]:
    return lambda _picture_wh: region


def test_a_small_region_is_seen_at_the_cameras_own_resolution() -> None:
    (window,) = plan_windows(MIDDLE, FULL_HD, INPUT_WH)

    assert (window.width, window.height) == INPUT_WH
    assert window.left <= 0.45 * 1920
    assert window.left + window.width >= 0.55 * 1920


def test_a_wide_region_takes_two_windows_that_share_a_small_person() -> None:
    first, second = plan_windows((0.0, 0.3, 1.0, 0.5), FULL_HD, INPUT_WH)

    overlap_px = first.left + first.width - second.left
    assert (first.left, second.left + second.width) == (0, 1920)
    assert overlap_px >= FAR_PX / 2 * 1920 / 416 - 2


def test_one_window_is_enough_where_it_enlarges_enough() -> None:
    (window,) = plan_windows((0.5, 0.0, 1.0, 0.5), FULL_HD, INPUT_WH)

    assert 1920 / window.width >= ENOUGH_GAIN


@pytest.mark.parametrize("picture_wh", [(416, 234), (480, 270)])
def test_a_picture_that_is_hardly_shrunk_gets_no_second_look(picture_wh: tuple[int, int]) -> None:
    assert plan_windows(MIDDLE, picture_wh, INPUT_WH) == ()


def test_the_whole_picture_gets_no_second_look() -> None:
    assert plan_windows((0.0, 0.0, 1.0, 1.0), FULL_HD, INPUT_WH) == ()


@given(
    corners=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=2),
    picture_wh=st.tuples(st.integers(160, 4096), st.integers(120, 2160)),
)
def test_windows_lie_in_the_picture_cover_the_region_and_are_few(
    corners: list[tuple[float, float]], picture_wh: tuple[int, int]
) -> None:
    (x1, y1), (x2, y2) = corners
    region = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    windows = plan_windows(region, picture_wh, INPUT_WH)

    assert len(windows) <= MAX_WINDOWS
    for window in windows:
        assert not any(value % 2 for value in (window.left, window.top, window.width, window.height))
        assert min(window.left, window.top) >= 0
        assert window.left + window.width <= picture_wh[0]
        assert window.top + window.height <= picture_wh[1]
    if windows:
        # Rounded to even pixels.
        assert min(window.left for window in windows) <= region[0] * picture_wh[0] + 2
        assert min(window.top for window in windows) <= region[1] * picture_wh[1] + 2
        assert max(window.left + window.width for window in windows) >= region[2] * picture_wh[0] - 4
        assert max(window.top + window.height for window in windows) >= region[3] * picture_wh[1] - 4


def test_a_window_shows_the_same_pixels_without_a_copy() -> None:
    frame = frame_at(0.0)
    part = Window(100, 200, 416, 256).cut(frame)

    assert (part.width, part.height) == (416, 256)
    assert np.array_equal(part.y, frame.y[200:456, 100:516])
    assert np.shares_memory(part.y, frame.y)
    assert np.shares_memory(part.u, frame.u)
    assert part.captured == frame.captured


def test_people_of_the_second_look_come_back_in_parts_of_the_whole_picture() -> None:
    detector = Scripted(window=[(0.25, 0.25, 0.5, 0.5, 0.8)])
    sight = FarSight(detector, looking_at(MIDDLE))
    (window,) = sight.windows_for(FULL_HD)

    found = sight.detect(frame_at(0.0))

    left, top = (window.left + 104) / 1920, (window.top + 64) / 1080
    right, bottom = (window.left + 208) / 1920, (window.top + 128) / 1080
    np.testing.assert_allclose(found.boxes_xyxyn, [(left, top, right, bottom)], atol=1e-6)
    assert detector.seen_wh == [FULL_HD, INPUT_WH]


def test_somebody_seen_twice_is_one_person_with_the_better_box() -> None:
    whole = [(*SAME_IN_WHOLE[:4], 0.4), (0.1, 0.1, 0.2, 0.4, 0.6)]
    found = FarSight(Scripted(whole, [(0.25, 0.25, 0.5, 0.5, 0.8)]), looking_at(MIDDLE)).detect(frame_at(0.0))

    assert found.scores.tolist() == pytest.approx([0.8, 0.6])


def test_who_is_cut_by_a_windows_edge_is_left_to_the_first_look() -> None:
    cut = [(0.0, 0.3, 0.1, 0.6, 0.9), (0.3, 0.0, 0.4, 0.3, 0.9), (0.9, 0.3, 1.0, 0.6, 0.9), (0.3, 0.7, 0.4, 1.0, 0.9)]
    assert len(FarSight(Scripted(window=cut), looking_at(MIDDLE)).detect(frame_at(0.0))) == 0


def test_who_stands_at_the_pictures_own_edge_is_not_cut() -> None:
    corner: Region = (0.0, 0.0, 0.1, 0.1)
    edge = [(0.0, 0.3, 0.1, 0.6, 0.9), (0.3, 0.0, 0.4, 0.3, 0.8), (0.9, 0.3, 1.0, 0.6, 0.7)]
    found = FarSight(Scripted(window=edge), looking_at(corner)).detect(frame_at(0.0))

    assert found.scores.tolist() == pytest.approx([0.9, 0.8])


def test_tall_people_are_the_first_looks_business() -> None:
    wide: Region = (0.2, 0.2, 0.7, 0.7)
    tall = [(0.3, 0.1, 0.6, 0.9, 0.9)]
    assert len(FarSight(Scripted(window=tall), looking_at(wide)).detect(frame_at(0.0))) == 0


def test_second_looks_keep_their_distance_and_ask_for_slack() -> None:
    slack, told = [True], list[bool]()
    detector = Scripted()
    sight = FarSight(detector, looking_at(MIDDLE), every_s=0.4, has_slack=lambda: slack[0], on_look=told.append)

    for number in range(5):
        sight.detect(frame_at(number * 0.2))
    assert told == [True, True, True]
    assert detector.seen_wh.count(INPUT_WH) == 3
    slack[0] = False
    sight.detect(frame_at(1.2))
    slack[0] = True
    sight.detect(frame_at(1.4))

    assert told == [True, True, True, False, True]
    assert detector.seen_wh.count(INPUT_WH) == 4


@pytest.mark.parametrize(
    ("whole", "window"),
    [([], []), ([], [(0.25, 0.25, 0.5, 0.5, 0.4)]), ([SAME_IN_WHOLE], [(0.25, 0.25, 0.5, 0.5, 0.8)])],
    ids=["nobody", "nobody for sure", "somebody whom the first look sees too"],
)
def test_where_a_closer_look_shows_nobody_new_it_is_taken_rarely(whole: list[Row], window: list[Row]) -> None:
    detector = Scripted(whole, window)
    sight = FarSight(detector, looking_at(MIDDLE), every_s=0.4)
    for number in range(PATIENCE_LOOKS):
        sight.detect(frame_at(number * 0.4))
    assert detector.seen_wh.count(INPUT_WH) == PATIENCE_LOOKS

    detector.seen_wh.clear()
    for number in range(PATIENCE_LOOKS, PATIENCE_LOOKS + 10 * RARELY):
        sight.detect(frame_at(number * 0.4))

    assert detector.seen_wh.count(INPUT_WH) == 10


def test_whoever_is_found_is_looked_at_closely_again_at_once() -> None:
    detector = Scripted()
    sight = FarSight(detector, looking_at(MIDDLE), every_s=0.4)
    for number in range(PATIENCE_LOOKS):
        sight.detect(frame_at(number * 0.4))
    detector.window = [(0.25, 0.25, 0.5, 0.5, 0.8)]

    found = [len(sight.detect(frame_at((PATIENCE_LOOKS + number) * 0.4))) for number in range(RARELY + 3)]

    assert found == [0] * (RARELY - 1) + [1] * 4


def test_another_picture_size_is_planned_anew() -> None:
    asked = list[tuple[int, int]]()

    def region_for(picture_wh: tuple[int, int]) -> Region:
        asked.append(picture_wh)
        return MIDDLE

    detector = Scripted()
    sight = FarSight(detector, region_for, every_s=0.0)
    for width, height in (FULL_HD, FULL_HD, (416, 234), FULL_HD):
        sight.detect(frame_at(len(asked), width, height))

    assert asked == [FULL_HD, (416, 234), FULL_HD]
    assert detector.seen_wh[-4:] == [INPUT_WH, (416, 234), FULL_HD, INPUT_WH]


class Load:
    def __init__(self) -> None:
        self.queued = self.lost = 0

    def waiting(self) -> int:
        return self.queued

    def dropped_in_all(self) -> int:
        return self.lost


def test_there_is_slack_until_frames_wait_or_a_rate_is_lowered() -> None:
    load, degraded = Load(), [False]
    slack = Slack(load, 2, lambda: degraded[0], ManualClock(NOON))
    assert slack()
    load.queued = 3
    assert not slack()
    load.queued = 2
    assert slack()
    degraded[0] = True
    assert not slack()


def test_after_drops_that_come_back_the_wait_doubles_and_a_quiet_minute_forgives() -> None:
    load, clock = Load(), ManualClock(NOON)
    slack = Slack(load, 1, lambda: False, clock)

    def wait_after_a_drop_s() -> float:
        load.lost += 1
        began_s = clock.mono_s()
        while not slack():
            clock.advance(0.5)
        return clock.mono_s() - began_s

    assert [wait_after_a_drop_s() for _ in range(7)] == [HOLD_S, 4.0, 8.0, 16.0, 32.0, LONGEST_HOLD_S, LONGEST_HOLD_S]
    clock.advance(LONGEST_HOLD_S)
    assert wait_after_a_drop_s() == HOLD_S


def test_the_scheduler_tells_its_load() -> None:
    scheduler = FrameScheduler(["gate", "yard"], capacity=1)
    slack = Slack(scheduler, 2, lambda: False, ManualClock(NOON))
    scheduler.offer("gate", [frame_at(0.0)])
    scheduler.offer("yard", [frame_at(0.0)])
    assert (scheduler.waiting(), scheduler.dropped_in_all(), slack()) == (2, 0, True)
    scheduler.offer("gate", [frame_at(0.2)])
    assert (scheduler.waiting(), scheduler.dropped_in_all(), slack()) == (2, 1, False)


# ---- from a camera's settings ---------------------------------------------------------------------------------------

CAMERA = Pinhole(focal=1.2, height_m=5.0, tilt=0.35)
ASPECT = 16 / 9
WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def seen(ground_m: Sequence[tuple[float, float]], z_m: float) -> list[list[float]]:
    points = np.array([(x, y, z_m) for x, y in ground_m])
    picture = CAMERA.project(points) / np.array([ASPECT, 1.0]) + 0.5
    return [[float(x), float(y)] for x, y in picture]


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


def test_zones_near_the_camera_need_no_second_look() -> None:
    near = [[0.1, 0.7], [0.9, 0.7], [0.9, 1.0], [0.1, 1.0]]
    assert calibrated_region(camera_config(near), FULL_HD, INPUT_WH) is None


def test_a_calibration_that_is_not_trusted_gives_no_region() -> None:
    calibration = camera_config().calibration
    assert calibration is not None
    people = [one.model_dump() for one in calibration.people]
    people[0]["height_m"], people[2]["height_m"] = 0.9, 2.3
    wrong = camera_config(calibration={"people": people})

    assert calibrated_region(wrong, FULL_HD, INPUT_WH) is None


def test_settings_decide_whether_a_camera_looks_twice() -> None:
    detector = Scripted()
    region = [[0.4, 0.4], [0.6, 0.4], [0.5, 0.6]]

    assert far_sighted(detector, camera_config(calibration=None)) is detector
    assert far_sighted(detector, camera_config(far_sight=None)) is detector
    assert isinstance(far_sighted(detector, camera_config()), FarSight)
    sight = far_sighted(detector, camera_config(calibration=None, far_sight={"region": region}))
    assert isinstance(sight, FarSight)
    (window,) = sight.windows_for(FULL_HD)
    assert window.left <= 0.4 * 1920
    assert window.top + window.height >= 0.6 * 1080


def test_on_real_footage_far_people_are_found_who_were_not(data_file: DataFile) -> None:
    street = mot_set(data_file, "KITTI-17")
    far: Region = (0.41, 0.36, 0.57, 0.62)
    detector = Detector(load_manifest().get(), score_threshold=0.5)
    once = twice = people = 0
    sight = FarSight(detector, looking_at(far), every_s=0.0)
    for index, picture in street.pictures(12):
        assert isinstance(picture, Frame)
        frame = replace(picture, captured=Instant(float(index), NOON))
        truth = street.truths[index].boxes_xyxyn.astype(np.float32)
        small = truth[(truth[:, 3] - truth[:, 1]) * frame.height * INPUT_WH[0] / frame.width < FAR_PX]
        first, both = detector.detect(frame).boxes_xyxyn, sight.detect(frame).boxes_xyxyn
        once += int((iou_matrix(small, first).max(axis=1, initial=0) > 0.5).sum())
        twice += int((iou_matrix(small, both).max(axis=1, initial=0) > 0.5).sum())
        people += len(small)

    assert people >= 8
    assert twice >= 0.6 * people > 2 * once


def test_a_closer_look_at_traffic_finds_nobody_who_is_not_there(data_file: DataFile) -> None:
    sight = FarSight(Detector(load_manifest().get(), score_threshold=0.5), looking_at((0.25, 0.05, 0.75, 0.5)))
    looks = 0
    for frame in footage_frames(data_file("video/intel_car_noperson.mp4"), range(0, 160, 20)):
        looks += len(sight.windows_for((frame.width, frame.height)))
        assert len(sight.detect(frame)) == 0

    assert looks == 8
