from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.motdata import ArrayFrame
from contract.errors import KentonganError
from edge.detector import Detector
from models.manifest import Layout, load_manifest

pytestmark = pytest.mark.train


@pytest.mark.filterwarnings("ignore")  # torch and its exporter warn about themselves
@pytest.mark.parametrize(
    ("description", "layout"),
    [("yolov8n", Layout.YOLOV8), ("yolo11n", Layout.YOLOV8), ("yolo12n", Layout.YOLOV8), ("yolo26n", Layout.YOLO26)],
)
def test_an_export_with_random_weights_runs_after_the_entry_that_was_printed(
    tmp_path: Path, description: str, layout: Layout
) -> None:
    pytest.importorskip("ultralytics", reason="needs the train extra")
    from models.export import export_yolo

    entry = export_yolo(f"{description}.yaml", tmp_path / f"{description}.onnx", width=416, height=256)
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(f'default = "{description}"\n\n{entry}', "utf-8")
    spec = load_manifest(manifest).get()
    detector = Detector(spec, score_threshold=0.0)
    noise = np.random.default_rng(1).integers(0, 255, (18, 32, 3), dtype=np.uint8)
    found = detector.detect(ArrayFrame(np.asarray(cv2.resize(noise, (640, 360)), dtype=np.uint8)))

    assert spec.output.layout is layout
    assert spec.output.classes == 80
    # Random weights see something everywhere at a threshold of 0; every box must lie in the picture.
    assert len(found) > 0
    assert (found.boxes_xyxyn >= 0).all()
    assert (found.boxes_xyxyn <= 1).all()


def test_an_export_to_an_impossible_size_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", reason="needs the train extra")
    from models.export import export_yolo

    with pytest.raises(KentonganError, match="multiples of 32, got 400 x 256"):
        export_yolo("yolo11n.yaml", tmp_path / "out.onnx", width=400, height=256)
