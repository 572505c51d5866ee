"""Export third-party detectors to ONNX with a manifest entry. Needs the `train` extra; not for the edge."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from pathlib import Path

from contract.errors import ErrorKind, KentonganError
from models.manifest import Layout

REQUIRED = ("ultralytics", "torch", "onnx")


def export_yolo(source: str, target: Path, *, width: int, height: int) -> str:
    """Export an ultralytics model to `target` and return its manifest entry as TOML.

    source: a .pt file that exists, or the name of a model description such as `yolo11n.yaml`, whose weights are random.
    width, height: of the input in pixels, multiples of 32. Whether the output is end to end is read from the export.

    Raises UNAVAILABLE without the `train` extra and BAD_INPUT for a source that does not exist or a size that is no
    multiple of 32. Nothing is downloaded.
    """
    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        raise KentonganError(
            ErrorKind.UNAVAILABLE,
            "exporting needs the train extra (AGPL-3.0 code, so never on an edge device): "
            f"pip install 'kentongan[train]'; not found: {', '.join(missing)}",
        )
    if width % 32 or height % 32:
        raise KentonganError(ErrorKind.BAD_INPUT, f"the input's sides must be multiples of 32, got {width} x {height}")
    if not source.endswith(".yaml") and not Path(source).is_file():
        raise KentonganError(
            ErrorKind.BAD_INPUT, f"expected a .pt file or the name of a .yaml description, got {source}"
        )
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as scratch:
        model = YOLO(source, task="detect")
        # The exporter writes next to the weights: never next to the user's own file.
        model.model.pt_path = str(Path(scratch) / "model.pt")
        # nms=False keeps the end-to-end head of a model that has one (26) and adds no suppression to the others.
        made = model.export(format="onnx", imgsz=(height, width), nms=False, simplify=True, opset=17, device="cpu")
        shutil.copyfile(made, target)
    return manifest_entry(target, width=width, height=height, classes=len(model.names))


def manifest_entry(path: Path, *, width: int, height: int, classes: int) -> str:
    """The manifest entry of an ultralytics export: RGB, 0..1, letterboxed into the centre on grey 114."""
    import onnx

    content = path.read_bytes()
    graph = onnx.load_model_from_string(content).graph
    shape = [dimension.dim_value for dimension in graph.output[0].type.tensor_type.shape.dim]
    layout = Layout.YOLO26 if shape[-1] == 6 else Layout.YOLOV8
    return f"""[[model]]
name = "{path.stem}"
file = "{path.name}"
sha256 = "{hashlib.sha256(content).hexdigest()}"
size_bytes = {len(content)}
licence = "AGPL-3.0"

[model.input]
name = "{graph.input[0].name}"
width = {width}
height = {height}
channels = "rgb"
scale = {1 / 255!r}
letterbox = "centre"
pad_value = 114

[model.output]
name = "{graph.output[0].name}"
layout = "{layout}"
classes = {classes}
person_class = 0
"""
