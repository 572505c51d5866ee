from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto

from bench.motdata import ArrayFrame
from contract.errors import ErrorKind, KentonganError
from edge.detections import Detections
from edge.detector import Detector
from models.layouts import iou_matrix
from models.manifest import ModelSpec, load_manifest
from tests.support.data import DataFile
from tests.support.footage import footage_frames
from tests.support.onnx_models import HEIGHT, WIDTH, spec_for, write_constant_model, write_echo_model


def _picture(width: int, height: int, colour: tuple[int, int, int] = (10, 20, 30)) -> ArrayFrame:
    return ArrayFrame(np.full((height, width, 3), colour, dtype=np.uint8))


def _boxes(*rows: tuple[float, ...]) -> npt.NDArray[np.float32]:
    return np.array([rows], np.float32)


def _with_input(spec: ModelSpec, **changes: object) -> ModelSpec:
    return ModelSpec.model_validate(spec.model_dump() | {"input": spec.input.model_dump() | changes})


def test_boxes_come_back_in_parts_of_the_picture_whatever_its_shape(tmp_path: Path) -> None:
    # In an input of 64 x 32 a square picture fills the left 32 columns, a wide one of 4:1 the upper 16 rows.
    model = write_constant_model(tmp_path / "m.onnx", _boxes((8, 4, 16, 12, 0.9)))
    detector = Detector(spec_for(model))

    square, wide = detector.detect(_picture(100, 100)), detector.detect(_picture(400, 100))

    np.testing.assert_allclose(square.boxes_xyxyn, _boxes((0.25, 0.125, 0.5, 0.375))[0], atol=1e-6)
    np.testing.assert_allclose(wide.boxes_xyxyn, _boxes((0.125, 0.25, 0.25, 0.75))[0], atol=1e-6)


def test_a_centred_letterbox_is_undone(tmp_path: Path) -> None:
    model = write_constant_model(tmp_path / "m.onnx", _boxes((24, 8, 40, 24, 0.9)))
    detector = Detector(_with_input(spec_for(model), letterbox="centre"))

    found = detector.detect(_picture(100, 100))

    np.testing.assert_allclose(found.boxes_xyxyn, _boxes((0.25, 0.25, 0.75, 0.75))[0], atol=1e-6)


def test_boxes_are_cut_at_the_edges_and_those_in_the_padding_dropped(tmp_path: Path) -> None:
    model = write_constant_model(tmp_path / "m.onnx", _boxes((-8, 8, 8, 40, 0.9), (40, 0, 60, 30, 0.8)))
    detector = Detector(spec_for(model))

    found = detector.detect(_picture(100, 100))

    np.testing.assert_allclose(found.boxes_xyxyn, _boxes((0, 0.25, 0.25, 1))[0], atol=1e-6)


def test_what_is_handed_on_is_at_or_above_the_threshold_and_the_best_first(tmp_path: Path) -> None:
    model = write_constant_model(
        tmp_path / "m.onnx", _boxes((0, 0, 8, 8, 0.3), (20, 0, 28, 8, 0.7), (40, 0, 48, 8, 0.05))
    )

    usual = Detector(spec_for(model)).detect(_picture(64, 32))
    strict = Detector(spec_for(model), score_threshold=0.5).detect(_picture(64, 32))

    assert usual.scores.tolist() == pytest.approx([0.7, 0.3])
    assert strict.scores.tolist() == pytest.approx([0.7])
    assert usual.track_ids.tolist() == [0, 0]


def test_the_input_is_letterboxed_and_padded_after_the_manifest(tmp_path: Path) -> None:
    # The echo model gives five pixels of its first channel as "scores": corners and centre.
    spec = spec_for(write_echo_model(tmp_path / "echo.onnx"), nms_iou=1.0)
    seen = _tensor_of(Detector(spec), _picture(32, 32, (10, 20, 30)))

    assert seen[0, :, 0, 0].tolist() == [10, 20, 30]
    assert seen[0, :, HEIGHT - 1, 31].tolist() == [10, 20, 30]
    assert seen[0, :, 0, 32].tolist() == [114, 114, 114]
    assert seen[0, :, HEIGHT - 1, WIDTH - 1].tolist() == [114, 114, 114]


def test_channels_scale_mean_and_deviation_follow_the_manifest(tmp_path: Path) -> None:
    spec = _with_input(
        spec_for(write_echo_model(tmp_path / "echo.onnx")),
        channels="rgb",
        scale=1 / 255,
        mean=(0.5, 0.25, 0.0),
        std=(0.5, 0.25, 1.0),
    )
    seen = _tensor_of(Detector(spec), _picture(32, 32, (0, 51, 255)))

    np.testing.assert_allclose(seen[0, :, 5, 5], np.array([1.0, -0.2, 0.0]), atol=1e-6)
    grey = 114 / 255
    np.testing.assert_allclose(seen[0, :, 5, 60], np.array([(grey - 0.5) / 0.5, (grey - 0.25) / 0.25, grey]), atol=1e-6)


def test_a_second_camera_of_another_shape_leaves_no_trace_of_the_first(tmp_path: Path) -> None:
    detector = Detector(spec_for(write_echo_model(tmp_path / "echo.onnx")))
    detector.detect(_picture(640, 320, (1, 1, 1)))

    seen = _tensor_of(detector, _picture(32, 32, (10, 20, 30)))

    assert (seen[0, :, :, 32:] == 114).all()


def _tensor_of(detector: Detector, picture: ArrayFrame) -> npt.NDArray[np.float32]:
    detector.detect(picture)
    tensor: npt.NDArray[np.float32] = detector._canvas().tensor
    return tensor


def test_the_digest_in_use_and_the_work_done_are_told(tmp_path: Path) -> None:
    spec = spec_for(write_constant_model(tmp_path / "m.onnx", _boxes((0, 0, 8, 8, 0.9))))
    detector = Detector(spec)

    detector.detect(_picture(64, 32))
    detector.detect(_picture(64, 32))

    assert detector.model_sha256 == spec.sha256
    assert detector.stats.inferences == 2
    assert detector.stats.boxes == 2
    assert 0 < detector.stats.cpu_s < 5
    assert 0 < detector.stats.wall_s < 60


def test_several_threads_may_share_one_detector(tmp_path: Path) -> None:
    detector = Detector(spec_for(write_constant_model(tmp_path / "m.onnx", _boxes((8, 4, 16, 12, 0.9)))))
    results: dict[int, list[Detections]] = {}

    def work(name: int, picture: ArrayFrame) -> None:
        results[name] = [detector.detect(picture) for _ in range(50)]

    shapes = {0: _picture(100, 100), 1: _picture(400, 100), 2: _picture(100, 100), 3: _picture(400, 100)}
    threads = [threading.Thread(target=work, args=item) for item in shapes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for name, found in results.items():
        expected = (0.125, 0.25, 0.25, 0.75) if name % 2 else (0.25, 0.125, 0.5, 0.375)
        assert all(np.allclose(each.boxes_xyxyn, expected, atol=1e-6) for each in found)
    assert detector.stats.inferences == 200


def test_a_corrupt_file_is_refused_by_its_digest(tmp_path: Path) -> None:
    spec = spec_for(write_echo_model(tmp_path / "echo.onnx"))
    content = bytearray(spec.file.read_bytes())
    content[len(content) // 2] ^= 1
    spec.file.write_bytes(bytes(content))

    with pytest.raises(KentonganError, match=f"expected sha256 {spec.sha256}") as refusal:
        Detector(spec)

    assert refusal.value.kind is ErrorKind.DIGEST_MISMATCH


@pytest.mark.parametrize("content", [b"\x00", b"no model at all", b"\x08\x08garbage"])
def test_the_right_digest_of_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)

    with pytest.raises(KentonganError, match=r"bad\.onnx is no ONNX model that can be run") as refusal:
        Detector(spec_for(path))

    assert refusal.value.kind is ErrorKind.BAD_INPUT


def test_another_output_shape_than_the_layouts_is_refused_at_load(tmp_path: Path) -> None:
    model = write_constant_model(tmp_path / "m.onnx", np.zeros((1, 84, 10), np.float32))

    with pytest.raises(KentonganError, match=r"an output of float32 \(1, N, 5\).*got float32 \(1, 84, 10\)"):
        Detector(spec_for(model))
    with pytest.raises(KentonganError, match=r"\(1, 5, N\).*got float32 \(1, 84, 10\)"):
        Detector(spec_for(model, "yolov8"))


def test_another_input_size_than_the_manifests_is_refused_at_load(tmp_path: Path) -> None:
    model = write_constant_model(tmp_path / "m.onnx", np.zeros((1, 1, 5), np.float32), width=96, height=64)

    message = r"\(1, 3, 32, 64\) according to its manifest, got float32 \(1, 3, 64, 96\)"
    with pytest.raises(KentonganError, match=message):
        Detector(spec_for(model))


def test_an_input_that_is_not_of_real_numbers_is_refused_at_load(tmp_path: Path) -> None:
    model = write_constant_model(tmp_path / "m.onnx", np.zeros((1, 1, 5), np.float32), input_type=TensorProto.UINT8)

    with pytest.raises(KentonganError, match=r"got uint8"):
        Detector(spec_for(model))


def test_other_tensor_names_than_the_manifests_are_refused_at_load(tmp_path: Path) -> None:
    spec = spec_for(write_constant_model(tmp_path / "m.onnx", np.zeros((1, 1, 5), np.float32)))

    with pytest.raises(KentonganError, match="one input called 'images' according to its manifest, got 'image'"):
        Detector(_with_input(spec, name="images"))
    with pytest.raises(KentonganError, match="an output called 'output0' according to its manifest, got 'boxes'"):
        Detector(spec_for(spec.file, name="output0"))


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    spec = spec_for(write_echo_model(tmp_path / "echo.onnx"))

    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        Detector(spec, threads=0)
    with pytest.raises(ValueError, match=r"score_threshold must be between 0 and 1, got 1\.5"):
        Detector(spec, score_threshold=1.5)


def test_no_person_is_seen_in_a_grey_picture_by_the_default_model() -> None:
    detector = Detector(load_manifest().get(), score_threshold=0.3)

    assert len(detector.detect(_picture(1280, 720, (128, 128, 128)))) == 0


def test_on_real_footage_the_default_model_and_a_peer_find_the_same_people(data_file: DataFile) -> None:
    peers = load_manifest(
        Path(__file__).parents[3] / "bench" / "peers.toml", data_file("weights/yolox_nano_opencv_zoo.onnx").parent
    )
    ours, theirs = Detector(load_manifest().get(), score_threshold=0.6), Detector(peers.get(), score_threshold=0.6)
    agreed = total = 0
    for frame in footage_frames(data_file("mot/PETS09-S2L1-vtest.mp4"), range(0, 160, 20)):
        first, second = ours.detect(frame).boxes_xyxyn, theirs.detect(frame).boxes_xyxyn
        agreed += int((iou_matrix(first, second).max(axis=1, initial=0) > 0.5).sum())
        total += len(first)

    assert total > 25
    assert agreed / total > 0.85
