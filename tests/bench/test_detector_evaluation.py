from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.average_precision import AveragePrecision
from bench.motdata import FloatArray, Truth, find_sets
from bench.peers import open_detector
from contract.errors import KentonganError
from edge.detections import Detections
from models.manifest import load_manifest
from tests.support.data import DataFile
from tests.support.footage import mot_set

NOBODY = np.empty((0, 4))


def _truth(people: FloatArray, ignored: FloatArray = NOBODY) -> Truth:
    return Truth(people, np.arange(1, len(people) + 1), ignored)


def _boxes(*lefts: float) -> FloatArray:
    return np.array([[left, 0.2, left + 0.1, 0.6] for left in lefts]).reshape(-1, 4)


def test_average_precision_is_the_area_under_the_interpolated_curve() -> None:
    precision = AveragePrecision()

    precision.add(Detections.of(_boxes(0.1, 0.8, 0.5), [0.9, 0.8, 0.7]), _truth(_boxes(0.1, 0.5)))

    # Right, wrong, right: precision 1 up to half of the people, then 2/3.
    assert precision.value() == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_a_person_is_found_once_and_a_second_box_is_an_error() -> None:
    precision = AveragePrecision()

    precision.add(Detections.of(_boxes(0.1, 0.105, 0.5), [0.9, 0.8, 0.7]), _truth(_boxes(0.1, 0.5)))

    assert precision.value() == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_boxes_in_a_region_to_ignore_are_neither_right_nor_wrong() -> None:
    precision = AveragePrecision()
    region = np.array([[0.7, 0.0, 1.0, 1.0]])

    precision.add(Detections.of(_boxes(0.8, 0.1), [0.9, 0.8]), _truth(_boxes(0.1), region))

    assert precision.value() == pytest.approx(1.0)


def test_nobody_to_be_found_scores_nothing() -> None:
    assert AveragePrecision().value() == 0.0


def _write_mot(folder: Path, rows: str, frames: int = 3) -> None:
    (folder / "SET").mkdir()
    (folder / "SET" / "gt.txt").write_text(rows, "utf-8")
    (folder / "SET" / "seqinfo.ini").write_text(
        f"[Sequence]\nname=SET\nframeRate=5\nseqLength={frames}\nimWidth=200\nimHeight=100\n", "utf-8"
    )
    with av.open(folder / "SET.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 200, 100, "yuv420p"
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((100, 200, 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())


def test_a_mot_set_is_read_with_its_people_its_ignored_boxes_and_its_frames(tmp_path: Path) -> None:
    _write_mot(
        tmp_path,
        "1,4,20,10,40,50,1,-1,-1\n"  # a person without a class
        "1,5,20,10,40,50,0,-1,-1\n"  # conf 0: ignored
        "2,4,20,10,40,50,1,1,0.5\n"  # class 1: a person
        "2,6,100,10,40,50,1,7,1\n"  # class 7: a region to ignore
        "2,8,100,10,40,50,1,3,1\n",  # a car: neither
    )

    (found,) = find_sets(tmp_path)

    assert (found.name, found.frame_rate_hz, found.aspect) == ("SET", 5.0, 2.0)
    np.testing.assert_allclose(found.truths[0].boxes_xyxyn, np.array([[0.1, 0.1, 0.3, 0.6]]))
    assert [truth.ids.tolist() for truth in found.truths] == [[4], [4], []]
    assert [len(truth.ignored_xyxyn) for truth in found.truths] == [1, 1, 0]
    assert [(index, frame.width) for index, frame in found.frames(2)] == [(0, 200), (2, 200)]


def test_the_last_three_of_ten_columns_are_metres_and_every_box_is_a_person(tmp_path: Path) -> None:
    # As MOT15 gives PETS09-S2L1: where people stand on the ground, 3, 7 and 12 metres from its origin among others.
    _write_mot(
        tmp_path,
        "1,1,20,10,40,50,1,3.2,7.9,0\n"
        "1,2,60,10,40,50,1,7.0,-2.4,0\n"
        "1,3,100,10,40,50,0,12.6,1.1,0\n"
        "2,1,20,10,40,50,1,-9.7,-0.9,0\n",
    )

    (found,) = find_sets(tmp_path)

    assert [truth.ids.tolist() for truth in found.truths] == [[1, 2], [1], []]
    assert [len(truth.ignored_xyxyn) for truth in found.truths] == [1, 0, 0]


def test_seven_columns_are_people_without_a_class(tmp_path: Path) -> None:
    _write_mot(tmp_path, "1,4,20,10,40,50,1\n1,5,20,10,40,50,0\n")

    (found,) = find_sets(tmp_path)

    assert found.truths[0].ids.tolist() == [4]
    assert len(found.truths[0].ignored_xyxyn) == 1


def test_other_columns_are_refused_with_what_was_expected(tmp_path: Path) -> None:
    _write_mot(tmp_path, "1,4,20,10,40,50,1,1\n")
    with pytest.raises(ValueError, match=r"expected 7 columns, 9 \(MOT16\) or 10 \(MOT15\) in .*gt\.txt, got 8"):
        find_sets(tmp_path)


@pytest.mark.parametrize(
    ("name", "people", "ignored"), [("PETS09-S2L1-vtest", 4650, 0), ("TUD-Campus", 359, 0), ("KITTI-17", 683, 99)]
)
def test_real_sets_have_the_people_of_their_truth(data_file: DataFile, name: str, people: int, ignored: int) -> None:
    truths = mot_set(data_file, name).truths
    assert sum(len(truth.ids) for truth in truths) == people
    assert sum(len(truth.ignored_xyxyn) for truth in truths) == ignored


def test_a_yolo_folder_is_read_with_the_persons_of_its_labels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((20, 40, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "images" / "b.png"), np.zeros((20, 40, 3), np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n2 0.1 0.1 0.1 0.1\n", "utf-8")

    (found,) = find_sets(tmp_path)

    np.testing.assert_allclose(found.truths[0].boxes_xyxyn, np.array([[0.4, 0.3, 0.6, 0.7]]))
    assert len(found.truths[1].boxes_xyxyn) == 0
    assert [frame.width for _, frame in found.frames()] == [40, 40]


def test_a_folder_without_sets_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected NAME\.mp4 beside NAME/gt\.txt"):
        find_sets(tmp_path)


def test_sets_are_found_one_folder_down_too(tmp_path: Path) -> None:
    (tmp_path / "mot").mkdir()
    (tmp_path / "weights").mkdir()
    _write_mot(tmp_path / "mot", "1,4,20,10,40,50,1,-1,-1,-1\n")

    (found,) = find_sets(tmp_path)

    assert (found.name, len(list(found.frames()))) == ("SET", 3)


@pytest.mark.parametrize("weights", ["yolox_nano_opencv_zoo", "FastestDet"])
def test_a_peer_may_be_called_by_its_file_and_one_that_is_missing_is_said(
    data_file: DataFile, tmp_path: Path, weights: str
) -> None:
    _, frame = next(mot_set(data_file, "PETS09-S2L1-vtest").frames())
    beside = data_file(f"weights/{weights}.onnx").parents[1] / "mot"
    for name in (weights, f"{weights}.onnx"):
        assert len(open_detector(name, data=beside).detect(frame)) > 0
    with pytest.raises(KentonganError, match=r"the model \S+ cannot be read from"):
        open_detector(weights, data=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], ["no model is called 'nameless'", load_manifest().default]), (["empty"], ["expected NAME.mp4"])],
    ids=["unknown model", "no set"],
)
def test_the_command_says_in_a_sentence_what_it_cannot_do(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    from bench.eval_detector import app

    _write_mot(tmp_path, "1,4,20,10,40,50,1,-1,-1,-1\n")
    (tmp_path / "empty").mkdir()

    result = CliRunner().invoke(app, [str(tmp_path.joinpath(*arguments)), "--model", "nameless"])

    said = " ".join(result.output.replace("│", " ").split())
    assert result.exit_code == 2
    assert all(each in said for each in words), said


def test_the_command_ends_with_one_json_object_with_a_field_for_each_set(tmp_path: Path) -> None:
    from bench.eval_detector import app

    _write_mot(tmp_path, "1,4,20,10,40,50,1,-1,-1,-1\n")

    result = CliRunner().invoke(app, [str(tmp_path), "--every", "1"])

    last = json.loads(result.stdout.strip().splitlines()[-1])
    assert result.exit_code == 0
    assert last["model"] == load_manifest().default
    assert last["SET"] == last["mean_ap50"] == 0.0
    assert last["cpu_ms"] > 0
