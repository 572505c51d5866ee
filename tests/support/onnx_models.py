"""Small ONNX models with known output, and their manifest entries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from models.manifest import ModelSpec

WIDTH, HEIGHT = 64, 32


def write_constant_model(
    path: Path,
    output: npt.NDArray[np.float32],
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    input_type: int = TensorProto.FLOAT,
) -> Path:
    """A model with the input `image` (1, 3, height, width) whose output `boxes` is always `output`.

    It adds the input's mean times zero, because a graph without an input does not run.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["known", "nothing"], ["boxes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("image", input_type, [1, 3, height, width])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, list(output.shape))],
        [
            numpy_helper.from_array(output.astype(np.float32), "known"),
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def write_echo_model(path: Path, *, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """A model that returns one box for each of five chosen pixels of its input: (1, 5, 5), each row one pixel five
    times.

    A test thus sees what the detector wrote into the tensor: the corners of the first channel in reading order, then
        its centre.
    """
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 2)]
    flat = np.array([[row * width + column] * 5 for row, column in corners], np.int64)
    nodes = [
        helper.make_node("Reshape", ["image", "flat_shape"], ["flat"]),
        helper.make_node("Gather", ["flat", "indices"], ["picked"]),
        helper.make_node("Unsqueeze", ["picked", "first"], ["boxes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "echo",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 5, 5])],
        [
            numpy_helper.from_array(np.array([-1], np.int64), "flat_shape"),
            numpy_helper.from_array(flat, "indices"),
            numpy_helper.from_array(np.array([0], np.int64), "first"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def spec_for(path: Path, layout: str = "boxes5", **output: object) -> ModelSpec:
    """The manifest entry of a model of this module; `output` replaces keys of its output table."""
    content = path.read_bytes()
    return ModelSpec.model_validate(
        {
            "name": path.stem,
            "file": path,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "licence": "Apache-2.0",
            "input": {
                "name": "image",
                "width": WIDTH,
                "height": HEIGHT,
                "channels": "bgr",
                "scale": 1.0,
                "letterbox": "top-left",
                "pad_value": 114,
            },
            "output": {"name": "boxes", "layout": layout, "classes": 1, "person_class": 0} | output,
        }
    )
