"""OpenVINO in ONNX Runtime's place. Installed by the extra `openvino`; without it these tests are skipped."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from contract.errors import ErrorKind, KentonganError
from edge.config.device import Backend
from edge.detections import Detections
from edge.detector import Detector
from models.manifest import load_manifest
from tests.support.data import DataFile
from tests.support.footage import footage_frames
from tests.support.onnx_models import spec_for, write_constant_model, write_echo_model

BOX = np.array([[(8, 4, 16, 12, 0.9)]], np.float32)


@pytest.fixture
def openvino() -> None:
    pytest.importorskip("openvino", reason="needs the openvino extra")


def test_without_the_extra_the_refusal_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    spec = spec_for(write_constant_model(tmp_path / "m.onnx", BOX))

    with pytest.raises(KentonganError, match=r"needs the extra kentongan\[openvino\]") as refusal:
        Detector(spec, backend=Backend.OPENVINO)

    assert refusal.value.kind is ErrorKind.NOT_FOUND
    assert Detector(spec, backend=Backend.AUTO).model_sha256 == spec.sha256


@pytest.mark.usefixtures("openvino")
def test_both_backends_find_the_same_people_on_real_footage(data_file: DataFile, tmp_path: Path) -> None:
    usual = Detector(load_manifest().get())
    other = Detector(load_manifest().get(), backend=Backend.OPENVINO, cache_dir=tmp_path / "cache")
    people = 0
    for frame in footage_frames(data_file("mot/PETS09-S2L1-vtest.mp4"), range(0, 160, 40)):
        expected, found = usual.detect(frame), other.detect(frame)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        np.testing.assert_allclose(found.boxes_xyxyn, expected.boxes_xyxyn, atol=1e-4)
        people += len(expected)

    assert people > 15
    assert list((tmp_path / "cache").iterdir())


@pytest.mark.usefixtures("openvino")
def test_openvino_refuses_what_onnx_runtime_refuses(tmp_path: Path) -> None:
    wrong = write_constant_model(tmp_path / "m.onnx", np.zeros((1, 84, 10), np.float32))
    with pytest.raises(KentonganError, match=r"float32 \(1, N, 5\).*got float32 \(1, 84, 10\)"):
        Detector(spec_for(wrong), backend=Backend.OPENVINO)

    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"no model at all")
    with pytest.raises(KentonganError, match=r"rubbish\.onnx is no ONNX model that can be run"):
        Detector(spec_for(rubbish), backend=Backend.OPENVINO)

    spec = spec_for(write_echo_model(tmp_path / "echo.onnx"))
    spec.file.write_bytes(spec.file.read_bytes() + b"\0")
    with pytest.raises(KentonganError) as refusal:
        Detector(spec, backend=Backend.OPENVINO)
    assert refusal.value.kind is ErrorKind.DIGEST_MISMATCH


@pytest.mark.usefixtures("openvino")
def test_several_threads_may_share_one_openvino_detector(data_file: DataFile) -> None:
    detector = Detector(load_manifest().get(), backend=Backend.OPENVINO)
    frames = list(footage_frames(data_file("mot/PETS09-S2L1-vtest.mp4"), range(0, 40, 20)))
    alone = [detector.detect(frame) for frame in frames]
    together: dict[int, list[Detections]] = {}

    def work(index: int) -> None:
        together[index] = [detector.detect(frames[index % 2]) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(together) == [0, 1, 2, 3]
    for index, found in together.items():
        assert all(np.array_equal(each.boxes_xyxyn, alone[index % 2].boxes_xyxyn) for each in found)
