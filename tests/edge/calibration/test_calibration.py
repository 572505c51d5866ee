from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from edge.calibration.ground import Calibration, GroundPlane, band, calibrate
from edge.calibration.pinhole import Pinhole, pinhole_of
from edge.calibration.solve import CalibrationError
from edge.config.calibration import CalibrationConfig
from edge.detections import Detections
from edge.geometry import Polygon

Array = npt.NDArray[np.float64]
ASPECT = 16 / 9
CAMERA = Pinhole(focal=1.1, height_m=5.0, tilt=0.35, roll=0.02)
CORNERS = np.array([[-3.0, 7.0], [3.0, 7.5], [4.0, 14.0], [-4.0, 13.0]])


def seen(points_m: Array) -> Array:
    """Normalised points of (N, 3) metres."""
    points: Array = CAMERA.project(points_m) / np.array([ASPECT, 1.0]) + 0.5
    return points


def on_ground(points_m: Array) -> Array:
    return seen(np.column_stack((points_m, np.zeros(len(points_m)))))


def by_points(noise: float = 0.0, pairs: int = 6, **more: object) -> CalibrationConfig:
    rng = np.random.default_rng(5)
    distances = [
        {
            "first": i + 1,
            "second": j + 1,
            "metres": float(np.linalg.norm(CORNERS[i] - CORNERS[j]) * (1 + noise * rng.normal())),
        }
        for i in range(4)
        for j in range(i + 1, 4)
    ][:pairs]
    marks = {"ground_points": on_ground(CORNERS).tolist(), "distances": distances}
    return CalibrationConfig.model_validate({**marks, **more})


def people(heights_m: list[float], told_m: list[float]) -> list[dict[str, object]]:
    spots = np.array([[-2.0, 7.0], [2.0, 12.0], [0.0, 18.0], [1.0, 9.0]])[: len(heights_m)]
    feet = on_ground(spots)
    heads = seen(np.column_stack((spots, heights_m)))
    return [
        {"foot": foot.tolist(), "head": head.tolist(), "height_m": told}
        for foot, head, told in zip(feet, heads, told_m, strict=True)
    ]


def distance_error(calibration: Calibration) -> float:
    rng = np.random.default_rng(3)
    first, second = (np.column_stack((rng.uniform(-4, 4, 200), rng.uniform(6, 18, 200))) for _ in range(2))
    real = np.linalg.norm(first - second, axis=1)
    ours = np.linalg.norm(calibration.to_ground(on_ground(first)) - calibration.to_ground(on_ground(second)), axis=1)
    return float(np.median(np.abs(ours / real - 1)))


@pytest.mark.parametrize("pairs", [5, 6])
def test_four_points_and_their_distances_give_metres(pairs: int) -> None:
    calibration = calibrate(by_points(pairs=pairs), ASPECT)

    assert distance_error(calibration) < 1e-3
    assert (calibration.distance_residual is None) == (pairs == 5)
    assert calibration.trusted


def test_tape_measures_that_are_a_little_off_show_in_the_residual_and_cost_little() -> None:
    calibration = calibrate(by_points(noise=0.02), ASPECT)

    assert calibration.distance_residual is not None
    assert 0 < calibration.distance_residual < 0.03
    assert distance_error(calibration) < 0.05


def test_distances_that_no_four_points_have_are_refused() -> None:
    config = by_points().model_dump()
    config["distances"][0]["metres"] = 40.0

    with pytest.raises(CalibrationError, match=r"no four points on flat ground have these distances"):
        calibrate(CalibrationConfig.model_validate(config), ASPECT)


def test_three_points_on_a_line_are_refused() -> None:
    line = np.array([[-3.0, 8.0], [0.0, 8.0], [3.0, 8.0], [0.0, 12.0]])
    distances = [
        {"first": i + 1, "second": j + 1, "metres": float(np.linalg.norm(line[i] - line[j]))}
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    config = CalibrationConfig.model_validate({"ground_points": on_ground(line).tolist(), "distances": distances})

    with pytest.raises(CalibrationError, match="three of the four ground points lie on a line"):
        calibrate(config, ASPECT)


def test_three_people_of_known_height_give_metres() -> None:
    marked = people([1.6, 1.7, 1.5], [1.6, 1.7, 1.5])

    calibration = calibrate(CalibrationConfig.model_validate({"people": marked}), ASPECT)

    assert calibration.height_residual is not None
    assert calibration.height_residual < 0.01
    assert distance_error(calibration) < 0.02


def test_people_at_one_distance_are_not_enough() -> None:
    row = [{"foot": [x, 0.8], "head": [x, 0.5], "height_m": 1.65} for x in (0.2, 0.5, 0.8)]

    with pytest.raises(CalibrationError, match="mark some near and some far"):
        calibrate(CalibrationConfig.model_validate({"people": row}), ASPECT)


def test_heights_check_the_points_and_a_residual_above_twelve_percent_refuses_metres() -> None:
    right = calibrate(by_points(people=people([1.6, 1.7], [1.6, 1.7])), ASPECT)
    wrong = calibrate(by_points(people=people([1.6, 1.7], [2.0, 2.1])), ASPECT)

    assert right.height_residual == pytest.approx(0.0, abs=0.01)
    assert right.trusted
    assert not wrong.trusted
    with pytest.raises(CalibrationError, match=r"trusted up to a residual of 12%; this one has heights 2\d%"):
        GroundPlane(wrong)


def test_the_pinhole_of_a_homography_is_the_camera_that_made_it() -> None:
    found = pinhole_of(CAMERA.homography())

    assert found is not None
    assert found[0] == pytest.approx(1.1, rel=1e-6)


def test_pixel_density_falls_with_distance_and_has_a_name() -> None:
    calibration = calibrate(by_points(), ASPECT)
    near, far = calibration.pixels_per_metre(on_ground(np.array([[0.0, 7.0], [0.0, 20.0]])), 1080)

    depth = 7.0 * np.cos(CAMERA.tilt) + 5.0 * np.sin(CAMERA.tilt)
    assert near == pytest.approx(1.1 * 1080 / depth, rel=0.01)
    assert far < 0.5 * near
    assert [band(value) for value in (10, 20, 79, 130, 2000)] == [
        None,
        "overview",
        "outline",
        "perceive",
        "scrutinise",
    ]
    assert band(near) == "perceive"


def test_the_grid_has_strokes_of_a_metre_that_reach_into_the_picture() -> None:
    calibration = calibrate(by_points(), ASPECT)

    strokes = calibration.grid()

    assert 100 < len(strokes) < 5000
    for one in strokes[::17]:
        ends_m = calibration.to_ground([one.start, one.end])
        assert np.linalg.norm(ends_m[0] - ends_m[1]) == pytest.approx(1.0, rel=0.01)
        assert any(0 <= x <= 1 and 0 <= y <= 1 for x, y in (one.start, one.end))


def test_every_fifth_line_of_the_grid_is_strong_and_both_ways() -> None:
    calibration = calibrate(by_points(), ASPECT)
    strong = [one for one in calibration.grid() if one.strong]
    ends_m = np.array([calibration.to_ground([one.start, one.end]) for one in strong])
    along_x = np.abs(ends_m[:, 0, 1] - ends_m[:, 1, 1]) < 1e-6

    assert 0.1 < len(strong) / len(calibration.grid()) < 0.3
    assert along_x.any()
    assert not along_x.all()
    np.testing.assert_allclose(ends_m[along_x, 0, 1], np.round(ends_m[along_x, 0, 1] / 5) * 5, atol=1e-6)


def test_ground_behind_the_camera_has_no_place_in_the_picture() -> None:
    calibration = calibrate(by_points(), ASPECT)
    ahead, behind = calibration.to_ground([(0.5, 0.9), (0.5, 0.5)])

    assert calibration.in_front([ahead, behind]).all()
    assert not calibration.in_front([ahead - 3 * (behind - ahead)])[0]


def test_a_calibration_is_computed_once_for_rules_and_tiles() -> None:
    first = calibrate(by_points(), ASPECT)

    assert calibrate(by_points(), ASPECT) is first
    assert calibrate(by_points(version=2), ASPECT) is not first
    assert calibrate(by_points(), 4 / 3) is not first


def test_a_zone_has_its_area_and_one_above_the_horizon_has_none() -> None:
    plane = GroundPlane(calibrate(by_points(), ASPECT))
    corners = on_ground(np.array([[-2.0, 8.0], [2.0, 8.0], [2.0, 11.0], [-2.0, 11.0]]))
    below = Polygon.of([(float(x), float(y)) for x, y in corners])
    above = Polygon.of([(0.1, 0.01), (0.9, 0.01), (0.5, 0.9)])

    assert plane.area_m2(below) == pytest.approx(12.0, rel=1e-3)
    assert plane.area_m2(above) is None


def test_people_stand_in_metres_and_another_picture_shape_is_refused() -> None:
    plane = GroundPlane(calibrate(by_points(), ASPECT))
    feet = on_ground(np.array([[0.0, 8.0], [0.0, 11.0]]))
    boxes = [(x - 0.01, y - 0.2, x + 0.01, y) for x, y in feet.tolist()]
    located = plane.locate(Detections.of(boxes, [0.9, 0.9], [1, 2]), ASPECT)

    assert np.linalg.norm(located.positions[0] - located.positions[1]) == pytest.approx(3.0, rel=1e-3)
    assert located.unit_lengths.tolist() == [1.0, 1.0]
    with pytest.raises(CalibrationError, match=r"marked on a frame of aspect 1\.778, this has 1\.333"):
        plane.locate(Detections.empty(), 4 / 3)


def test_points_beyond_the_horizon_are_far_away_and_not_behind_the_camera() -> None:
    calibration = calibrate(by_points(), ASPECT)

    assert not calibration.sees_ground([(0.5, 0.0)])[0]
    assert np.abs(calibration.to_ground([(0.5, 0.0)])).max() == 200.0


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ({}, "4 ground_points with distances, or at least 3 people, got 0 people"),
        ({"ground_points": [[0.1, 0.1]] * 3}, "exactly 4 points, got 3"),
        ({"ground_points": [[0.1, 0.9], [0.9, 0.9], [0.9, 1.4], [0.1, 0.5]]}, r"point 3 \(0.9, 1.4\) lies outside"),
        ({"ground_points": [[0.1, 0.9], [0.9, 0.9], [0.9, 0.5], [0.1, 0.5]]}, "at least 5 of their 6 distances"),
        ({"distances": [{"first": 1, "second": 2, "metres": 3.0}]}, "between ground_points, of which there are none"),
        ({"people": [{"foot": [0.5, 0.4], "head": [0.5, 0.6], "height_m": 1.6}]}, "the head must be above the foot"),
        ({"distances": [{"first": 2, "second": 2, "metres": 3.0}]}, "two different points, got point 2 twice"),
    ],
)
def test_marks_that_are_not_enough_say_what_is_missing(marks: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CalibrationConfig.model_validate(marks)
