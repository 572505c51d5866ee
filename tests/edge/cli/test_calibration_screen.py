"""`kentongan-edge calibration`: the grid lies on whole metres, and every error is a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from typer.testing import CliRunner, Result

from edge.calibration.ground import BANDS, Calibration, calibrate
from edge.calibration.pinhole import Pinhole
from edge.cli.calibration_overlay import draw_calibration
from edge.cli.main import app
from edge.config.calibration import CalibrationConfig
from edge.config.zones import ZoneConfig
from tests.support.data import DataFile
from tests.support.media import Film, make_video
from tests.support.rtsp import RtspCameras
from tests.support.workers import camera, write_config

BgrImage = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 1280, 720
ASPECT = WIDTH / HEIGHT
CAMERA = Pinhole(focal=1.0, height_m=5.0, tilt=0.3)
CORNERS_M = np.array([[-3.0, 7.0], [3.0, 7.0], [3.0, 14.0], [-3.0, 14.0]])
PETS_POINTS = [[0.2842, 0.3918], [0.8769, 0.3443], [0.8703, 0.6782], [0.2132, 0.7698]]
PETS_METRES = (11.9, 14.8, 13.4, 13.5, 18.1, 7.8)
"""Distances 1-2, 1-3, 1-4, 2-3, 2-4, 3-4 by the surveyed camera of PETS2009, view 1, rounded to decimetres."""


def seen(points_m: npt.NDArray[np.float64], height_m: float = 0.0) -> npt.NDArray[np.float64]:
    at = np.column_stack((points_m, np.full(len(points_m), height_m)))
    found: npt.NDArray[np.float64] = CAMERA.project(at) / np.array([ASPECT, 1.0]) + 0.5
    return found


def marks(stretch: float = 1.0) -> dict[str, Any]:
    """Four corners and their distances; a `stretch` other than 1 also marks people, as tall as that makes them."""
    distances = [
        {"first": i + 1, "second": j + 1, "metres": float(np.linalg.norm(CORNERS_M[i] - CORNERS_M[j]))}
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    spots = np.array([[-1.0, 8.0], [1.0, 12.0]])
    people = [
        {"foot": foot, "head": head, "height_m": 1.6 * stretch}
        for foot, head in zip(seen(spots).tolist(), seen(spots, 1.6).tolist(), strict=True)
    ]
    return {"version": 7, "ground_points": seen(CORNERS_M).tolist(), "distances": distances, "people": people}


def zone_over(corners_m: npt.NDArray[np.float64], rules: dict[str, object]) -> dict[str, Any]:
    return {"id": "halaman", "name": "Halaman", "polygon": seen(corners_m).tolist(), "rules": rules}


def config_with(folder: Path, *, url: str = "rtsp://admin:hunter2@127.0.0.1:9/x", **more: Any) -> Path:  # noqa: ANN401 -- settings
    return write_config(
        folder, "http://127.0.0.1:1", "token-token-token", [camera("gate", url, {"loitering": {}}, **more)]
    )


def run(config: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["calibration", "--config", str(config), *(str(one) for one in arguments)])


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.png"
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    return path


def brightness(image: BgrImage, ground: Calibration, metres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The brightest of the 3 x 3 pixels around points on the ground."""
    bright = cv2.dilate(image.min(axis=2), np.ones((3, 3), np.uint8))
    at = (ground.to_frame(metres) * (WIDTH, HEIGHT)).astype(int)
    return np.asarray(bright[at[:, 1], at[:, 0]], dtype=np.float64)


def test_the_lines_lie_on_whole_metres_and_nothing_is_drawn_between_them() -> None:
    config = CalibrationConfig.model_validate({**marks(), "people": []})
    ground = calibrate(config, ASPECT)
    black = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    zone = ZoneConfig.model_validate(zone_over(CORNERS_M, {"loitering": {}}))
    image = draw_calibration(black, ground, config, [zone], "")
    middle = ground.to_ground(seen(np.array([[0.6, 9.0], [0.3, 10.5], [-0.8, 8.2], [-1.5, 9.5]])))

    on_lines = np.concatenate([np.column_stack((np.round(middle[:, 0]), middle[:, 1])), np.round(middle)])
    between = np.floor(middle) + 0.5

    assert (brightness(image, ground, on_lines) > 100).all()
    assert (brightness(image, ground, between) < 60).all()


def test_nothing_is_drawn_above_the_horizon_but_its_line() -> None:
    low = Pinhole(focal=1.0, height_m=3.0, tilt=0.1)
    ground = Calibration(low.homography(), ASPECT, 1, None, 0.02)
    config = CalibrationConfig.model_validate(marks())
    horizon_px = round((0.5 - np.tan(0.1)) * HEIGHT)

    plain_grey = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image = draw_calibration(plain_grey, ground, config.model_copy(update={"people": ()}), [], "")

    above = image[60 : horizon_px - 6]  # above it stands the headline
    assert (above == 40).all()
    assert (image[horizon_px - 5 : horizon_px + 6, WIDTH // 4] != 40).any()


def test_an_image_file_gives_the_overlay_and_its_figures(plain: Path, tmp_path: Path) -> None:
    zones = [zone_over(CORNERS_M, {"loitering": {}, "density": {}})]
    config = config_with(tmp_path, calibration=marks(), zones=zones)
    out = tmp_path / "made" / "grid.jpg"

    result = run(config, "--image", plain, "--output", out)

    assert result.exit_code == 0, result.stderr
    row = next(line for line in result.stdout.splitlines() if "halaman" in line)
    assert "42 m²" in row
    low, high = (float(value) for value in re.findall(r"(\d+) to (\d+)", row)[0])
    across = [HEIGHT / (y * np.cos(0.3) + 5 * np.sin(0.3)) for y in (14.0, 7.0)]
    assert low == pytest.approx(across[0], rel=0.03)
    assert high == pytest.approx(across[1], rel=0.03)
    assert "outline to discern" in row
    assert "calibration 7 of gate: heights off by 0.0%, distances off by 0.0%" in result.stdout
    assert "metric rules: accepted" in result.stdout
    assert out.stat().st_mode & 0o077 == 0
    shown = cv2.imread(str(out))
    assert shown is not None
    assert shown.shape == (HEIGHT, WIDTH, 3)


def test_a_residual_above_twelve_percent_says_that_metres_are_refused_and_ends_with_one(
    plain: Path, tmp_path: Path
) -> None:
    config = config_with(tmp_path, calibration=marks(stretch=1.3))

    result = run(config, "--image", plain, "--output", tmp_path / "grid.png")

    assert result.exit_code == 1
    assert re.search(
        r"metric rules: REFUSED.*trusted up to a residual of 12%; this one has heights 3\d%", result.stdout
    )


def test_a_density_zone_above_the_horizon_is_named_as_the_reason(plain: Path, tmp_path: Path) -> None:
    whole = camera("gate", "", {"density": {}})["zones"]
    tilted = Pinhole(focal=1.0, height_m=3.0, tilt=0.1)
    spots = np.array([[-1.0, 6.0], [1.0, 12.0], [0.0, 18.0]])
    people = [
        {"foot": foot, "head": head, "height_m": 1.6}
        for foot, head in zip(
            *(
                (tilted.project(np.column_stack((spots, np.full(3, tall)))) / (ASPECT, 1.0) + 0.5).tolist()
                for tall in (0, 1.6)
            ),
            strict=True,
        )
    ]

    result = run(
        config_with(tmp_path, calibration={"people": people}, zones=whole),
        "--image",
        plain,
        "--output",
        tmp_path / "g.png",
    )

    assert result.exit_code == 1
    assert "reaches above the horizon" in result.stdout
    assert "density (off)" in result.stdout


def test_the_overlay_shows_nothing_that_a_privacy_mask_covers(plain: Path, tmp_path: Path) -> None:
    mask = [[0.6, 0.85], [0.7, 0.85], [0.7, 0.95], [0.6, 0.95]]
    config = config_with(tmp_path, calibration=marks(), masks=[mask])
    noisy = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    shown = []
    for image in (noisy, noisy[::-1]):
        cv2.imwrite(str(plain), image)
        assert run(config, "--image", plain, "--output", tmp_path / "grid.png").exit_code == 0
        made = cv2.imread(str(tmp_path / "grid.png"))
        assert made is not None
        shown.append(made)

    rows, columns = slice(round(0.85 * HEIGHT), round(0.95 * HEIGHT)), slice(round(0.6 * WIDTH), round(0.7 * WIDTH))

    np.testing.assert_array_equal(shown[0][rows, columns], shown[1][rows, columns])
    assert (shown[0] != shown[1]).mean() > 0.5


@pytest.mark.parametrize(
    ("more", "arguments", "words"),
    [
        ({}, ("--output", "grid.png"), "camera gate has no calibration in the configuration"),
        ({"calibration": marks()}, ("--output", "grid.gif"), "--output is an image, .jpg, .jpeg, .png; got grid.gif"),
        ({"calibration": marks()}, ("--output", "g.png", "--image", "no.png"), "no.png is neither an image nor a"),
        ({"calibration": marks()}, ("--output", "grid.png"), "no frame from camera gate: rtsp://***@127.0.0.1:9/x"),
        ({"calibration": marks()}, ("--output", "g.png", "--camera", "yard"), "no camera yard in the configuration"),
    ],
)
def test_missing_input_is_reported_in_a_sentence_without_credentials(
    tmp_path: Path, more: dict[str, Any], arguments: tuple[str, ...], words: str
) -> None:
    result = run(config_with(tmp_path, **more), *arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert "hunter2" not in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_an_output_that_cannot_be_written_is_reported(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.png").mkdir()

    result = run(config_with(tmp_path, calibration=marks()), "--image", plain, "--output", tmp_path / "grid.png")

    assert result.exit_code == 2
    assert "grid.png cannot be written: Is a directory" in result.stderr


def test_a_frame_is_read_from_the_camera_by_default(tmp_path: Path) -> None:
    video = make_video(tmp_path / "video.mp4")
    config = config_with(tmp_path, url=f"file://{video}", calibration=marks())

    result = run(config, "--output", tmp_path / "grid.png")

    assert result.exit_code == 0, result.stderr
    assert "px/m at 320 x 192" in result.stdout


def test_a_frame_is_read_from_a_camera_on_the_network(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    make_video(folder / "street.mp4", Film(seconds=4.0))
    with RtspCameras(folder) as cameras:
        config = config_with(tmp_path, url=f"rtsp://127.0.0.1:{cameras.port}/street.mp4", calibration=marks())
        result = run(config, "--output", tmp_path / "grid.png")

    assert result.exit_code == 0, result.stderr
    assert "px/m at 320 x 192" in result.stdout


def test_the_grid_over_real_footage_lies_where_its_surveyed_camera_says(data_file: DataFile, tmp_path: Path) -> None:
    pairs = [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    distances = [{"first": a, "second": b, "metres": m} for (a, b), m in zip(pairs, PETS_METRES, strict=True)]
    zone = {"id": "jalan", "name": "Jalan", "rules": {"density": {}}, "polygon": PETS_POINTS}
    config = config_with(
        tmp_path,
        calibration={"ground_points": PETS_POINTS, "distances": distances},
        zones=[zone],
        url="rtsp://127.0.0.1:9/",
    )
    video = data_file("mot/PETS09-S2L1-vtest.mp4")

    result = run(config, "--image", video, "--output", tmp_path / "grid.png")

    assert result.exit_code == 0, result.stderr
    # The four corners by Heron's formula on two triangles of the surveyed distances.
    halves = [(11.9, 13.5, 14.8), (14.8, 7.8, 13.4)]
    area = sum((s * (s - a) * (s - b) * (s - c)) ** 0.5 for a, b, c in halves for s in [(a + b + c) / 2])
    found = re.search(r"(\d+) m²", result.stdout)
    assert found
    assert float(found[1]) == pytest.approx(area, rel=0.02)
    with_grid, without = cv2.imread(str(tmp_path / "grid.png")), first_frame(video)
    assert with_grid is not None
    changed = np.abs(with_grid.astype(int) - without.astype(int)).max(axis=2) > 40
    assert 0.02 < changed.mean() < 0.5


def first_frame(video: Path) -> BgrImage:
    capture = cv2.VideoCapture(str(video))
    read, frame = capture.read()
    assert read
    return np.asarray(frame, dtype=np.uint8)


PAGE = (Path(__file__).parents[3] / "docs/calibration.md").read_text("utf-8")


def test_the_calibration_on_the_page_is_one_that_is_accepted() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)

    ground = calibrate(CalibrationConfig.model_validate(yaml.safe_load(example)["cameras"][0]["calibration"]), 4 / 3)

    assert ground.trusted
    assert ground.distance_residual is not None
    assert ground.height_residual is not None


def test_the_page_lists_the_lower_limit_of_every_band() -> None:
    rows = re.findall(r"^\| (\w+) \| (\d+) \|$", PAGE, flags=re.MULTILINE)

    assert [(name, float(least)) for name, least in rows] == [(name, least) for least, name in reversed(BANDS)]
