from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bench.eval_far_people import main, quartered, region_of
from bench.motdata import Truth
from contract.clock import Instant
from edge.decode.frame import Frame
from tests.support.data import DataFile
from tests.support.footage import mot_set

INPUT_WH = (416, 256)


def _labelled(value: int, top: float) -> tuple[Frame, Truth]:
    luma, chroma = np.full((360, 640), value, np.uint8), np.full((180, 320), 128, np.uint8)
    truth = Truth(np.array([[0.2, top, 0.3, top + 0.05]]), np.array([value]), np.empty((0, 4)))
    return Frame(luma, chroma, chroma, Instant(0.0, datetime(2026, 11, 24, tzinfo=UTC))), truth


def test_four_pictures_become_one_with_everybody_at_half_size() -> None:
    frames = [_labelled(value, 0.1 * value) for value in (1, 2, 3, 4)]

    ((frame, truth),) = quartered(frames)

    assert (frame.width, frame.height) == (1280, 720)
    assert [int(frame.y[y, x]) for y, x in ((0, 0), (0, 1279), (719, 0), (719, 1279))] == [1, 2, 3, 4]
    assert truth.ids.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(truth.boxes_xyxyn[1], [0.6, 0.1, 0.65, 0.125])
    np.testing.assert_allclose(truth.boxes_xyxyn[2], [0.1, 0.65, 0.15, 0.675])


def test_the_region_is_that_of_small_people_alone() -> None:
    small, (frame, _) = _labelled(1, 0.4), _labelled(2, 0.0)
    tall = frame, Truth(np.array([[0.7, 0.1, 0.9, 0.9]]), np.array([1]), np.empty((0, 4)))

    assert region_of([small, tall], INPUT_WH) == pytest.approx((0.2, 0.4, 0.3, 0.45))
    assert region_of([tall], INPUT_WH) is None


def test_on_real_footage_tiles_find_more_small_people(
    data_file: DataFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "KITTI-17.mp4").symlink_to(mot_set(data_file, "KITTI-17").source)
    (tmp_path / "KITTI-17").symlink_to(mot_set(data_file, "KITTI-17").source.with_suffix(""))

    main(tmp_path, every=3)

    told = json.loads(capsys.readouterr().out.splitlines()[-1])["sets"]["KITTI-17"]
    assert told["no tiles"]["small_people"] == told["tiles on every frame"]["small_people"] > 8
    assert told["tiles on every frame"]["small_recall"] > told["no tiles"]["small_recall"] + 0.2
    assert told["tiles on every frame"]["cpu_ms"] > told["no tiles"]["cpu_ms"]
