"""The peer with Frigate's structure does what it is measured for: it finds motion, looks there, and follows people."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.bench_edge import FRIGATE, MIXED_MAIN, WORKER, Bench, module, run
from bench.edge.environment import PeerMissingError, ffmpeg_path
from bench.edge.frigate_parts import Box, Found, MotionDetector, Plane, Tracks, regions_of, without_duplicates
from bench.edge.run_frigate import Crop, DetectSize, PipedFrame, work
from edge.detections import Detections
from edge.detector import DetectorStats, ResizableFrame
from tests.support.data import DataFile
from tests.support.media import Film, make_video, people_images

WIDTH, HEIGHT = 1280, 720
PERSON: Box = (600.0, 300.0, 650.0, 420.0)

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the peer needs the ffmpeg command")


class Nobody:
    """A detector of an empty world."""

    stats = DetectorStats()

    def detect(self, frame: ResizableFrame) -> Detections:  # noqa: ARG002 - as it is called
        return Detections.empty()


def street(rng: np.random.Generator, block_left: int | None = None) -> Plane:
    """A textured picture with sensor noise, and a bright block of 60 x 150 in it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    frame = 110 + 40 * np.sin(columns / 70.0) + 40 * np.cos(rows / 50.0) + rng.normal(0, 2, (HEIGHT, WIDTH))
    if block_left is not None:
        frame[400:550, block_left : block_left + 60] = 240
    clipped: Plane = np.clip(frame, 0, 255).astype(np.uint8)
    return clipped


def test_noise_is_no_motion_and_what_walks_has_a_box_around_it() -> None:
    rng = np.random.default_rng(1)
    motion = MotionDetector(WIDTH, HEIGHT)
    assert [motion.boxes(street(rng)) for _ in range(10)] == [[]] * 10

    (box,) = motion.boxes(street(rng, block_left=300))

    assert np.allclose(box, (300, 400, 360, 550), atol=20)


def test_a_change_of_the_whole_picture_is_no_motion_but_a_new_background_to_learn() -> None:
    rng = np.random.default_rng(2)
    motion = MotionDetector(WIDTH, HEIGHT)
    motion.boxes(street(rng))

    boxes = [motion.boxes(255 - street(rng)) for _ in range(30)]

    assert boxes[:5] == [[]] * 5
    assert boxes[-5:] == [[]] * 5
    assert len(motion.boxes(255 - street(rng, block_left=800))) == 1


def test_regions_are_squares_of_at_least_320_pixels_within_the_picture() -> None:
    corner, tall = (1270.0, 700.0, 1280.0, 720.0), (100.0, 20.0, 300.0, 620.0)

    regions = regions_of([corner], [tall], WIDTH, HEIGHT)

    assert regions == [(960, 400, 1280, 720), (0, 0, 720, 720)]


def test_neighbours_share_a_region_and_motion_in_it_asks_for_no_other() -> None:
    beside, far = (700.0, 310.0, 750.0, 430.0), (100.0, 300.0, 150.0, 420.0)

    assert len(regions_of([PERSON, beside], [beside], WIDTH, HEIGHT)) == 1
    assert len(regions_of([PERSON, beside], [far], WIDTH, HEIGHT)) == 2


def test_a_picture_smaller_than_a_region_is_looked_at_whole() -> None:
    assert regions_of([(10.0, 10.0, 30.0, 60.0)], [], 256, 144) == [(0, 0, 256, 144)]


def test_the_half_of_a_person_at_a_regions_edge_goes_and_a_neighbour_stays() -> None:
    whole = Found(PERSON, 0.6, clipped=False)
    half = Found((600.0, 300.0, 620.0, 420.0), 0.9, clipped=True)
    again = Found((602.0, 301.0, 652.0, 421.0), 0.5, clipped=False)
    neighbour = Found((640.0, 300.0, 690.0, 420.0), 0.55, clipped=False)

    assert without_duplicates([half, again, neighbour, whole]) == [whole, neighbour]


def found_at(left: float) -> Found:
    return Found((left, 300.0, left + 50, 420.0), 0.9, clipped=False)


def test_a_walker_is_one_object_and_is_expected_where_it_goes() -> None:
    tracks = Tracks()
    for number in range(20):
        tracks.expected([])
        tracks.update([found_at(100.0 + 20 * number)])

    (expected,) = tracks.expected([])

    assert tracks.real == 1
    assert expected[0] == pytest.approx(500.0, abs=8.0)


def test_a_lost_object_is_looked_for_five_seconds_and_one_seen_once_only_a_frame() -> None:
    tracks = Tracks()
    for seen in ([found_at(100), found_at(800)], [found_at(100)]):
        tracks.expected([])
        tracks.update(seen)
    looks = 0
    while tracks.expected([]):
        tracks.update([])
        looks += 1

    assert looks == 26
    assert tracks.real == 1


def test_a_stationary_object_is_left_alone_but_for_every_fiftieth_frame_and_for_motion_on_it() -> None:
    tracks, person = Tracks(), Found(PERSON, 0.9, clipped=False)
    tracks.update([person])
    looks: list[int] = []
    for number in range(1, 200):
        if tracks.expected([PERSON] if number == 120 else []):
            looks.append(number)
            tracks.update([person])
        else:
            tracks.update([])

    assert looks == [*range(1, 52), 101, 120, 151]
    assert tracks.real == 1


def test_the_detect_picture_is_at_most_720_lines_and_never_enlarged() -> None:
    assert DetectSize.of(1920, 1080) == DetectSize(1280, 720)
    assert DetectSize.of(640, 360) == DetectSize(640, 360)
    assert DetectSize.of(1440, 1080) == DetectSize(960, 720)


def test_a_crop_is_cut_out_of_the_planes_at_its_place_and_in_colour() -> None:
    frame = PipedFrame(DetectSize(64, 48))
    frame.y[:], frame.u[:], frame.v[:] = 81, 90, 240  # pure red by ITU-R BT.601
    frame.y[:, 32:], frame.u[:, 16:], frame.v[:, 16:] = 41, 240, 110  # pure blue

    crop = Crop(frame, (16, 8, 48, 40))
    bgr = crop.bgr(crop.width, crop.height)

    assert np.allclose(bgr[:, :12], (0, 0, 255), atol=3)
    assert np.allclose(bgr[:, 20:], (255, 0, 0), atol=3)


def test_without_the_ffmpeg_command_the_peer_is_missing_and_has_no_ratio(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match="no ffmpeg on the PATH"):
        ffmpeg_path()
    bench = Bench({}, tmp_path, None, "", has_ffmpeg=False)
    bench.cpu_s[MIXED_MAIN, WORKER].append(1.0)
    assert bench.ratio(MIXED_MAIN, FRIGATE, WORKER) is None


@needs_ffmpeg
def test_a_failure_of_ffmpeg_is_no_cheap_result(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ffmpeg ended with"):
        work(tmp_path / "nothing.mp4", DetectSize(64, 48), Nobody(), tmp_path)


@needs_ffmpeg
def test_people_on_film_are_found_and_followed_and_the_film_is_recorded(data_file: DataFile, tmp_path: Path) -> None:
    film = Film(width=640, height=360, fps=10, seconds=12.0, gop=10, kbps=800)
    video = make_video(tmp_path / "street.mp4", film, people_images(data_file, film))

    told = run(module("run_frigate", str(video)))

    notes = told["notes"]
    assert told["frames"] == 60
    assert notes["detect_wh"] == [640, 360]
    assert notes["tracks"] >= 2
    assert notes["regions"] > told["frames"]
    assert notes["segments"] == 2
    assert notes["recorded_bytes"] == pytest.approx(video.stat().st_size, rel=0.1)
    assert told["cpu_s"] > notes["ffmpeg_cpu_s"] > 0
    assert 0 < notes["ffmpeg_rss_mb"] < told["rss_mb"]
