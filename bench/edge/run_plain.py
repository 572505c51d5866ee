"""The plain loop of tutorials: OpenCV reads every frame; those at the analysis rate go through ONNX Runtime.

The same detector and analysis rate as the worker, one thread each, spinning off. No tracker, no rules, no recording.
`python -m bench.edge.run_plain VIDEO`.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from bench.edge.usage import measured
from models.layouts import decode
from models.manifest import ModelSpec, load_manifest, verify

ANALYSIS_FPS = 5.0


def tensor_of(frame: npt.NDArray[np.uint8], spec: ModelSpec) -> npt.NDArray[np.float32]:
    """The frame letterboxed to the top left, float32, channels first."""
    ratio = min(spec.input.width / frame.shape[1], spec.input.height / frame.shape[0])
    size = (round(frame.shape[1] * ratio), round(frame.shape[0] * ratio))
    canvas = np.full((spec.input.height, spec.input.width, 3), spec.input.pad_value, np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(frame, size)
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32)


def main(video: str) -> None:
    cv2.setNumThreads(1)
    spec = load_manifest().get()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(verify(spec), options, providers=["CPUExecutionProvider"])
    session.run(None, {spec.input.name: np.zeros((1, 3, spec.input.height, spec.input.width), np.float32)})
    boxes = 0
    with measured() as usage:
        capture = cv2.VideoCapture(video, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        every = max(1, round(capture.get(cv2.CAP_PROP_FPS) / ANALYSIS_FPS))
        number = 0
        while True:
            read, frame = capture.read()
            if not read:
                break
            if number % every == 0:
                tensor = tensor_of(np.asarray(frame, dtype=np.uint8), spec)
                output = np.asarray(session.run(None, {spec.input.name: tensor})[0], dtype=np.float32)
                boxes += len(decode(output, spec, spec.output.strong_score)[0])
                usage.frames += 1
            number += 1
    usage.notes["boxes"] = boxes
    usage.print_json()


if __name__ == "__main__":
    main(sys.argv[1])
