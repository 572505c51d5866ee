"""Detectors to measure: those of our manifest and third-party ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from contract.errors import ErrorKind, KentonganError
from edge.config.device import Backend
from edge.detections import Detections
from edge.detector import Detector, DetectorStats, ResizableFrame
from models.layouts import suppress
from models.manifest import load_manifest

PEERS = Path(__file__).parent / "peers.toml"
FASTESTDET = "fastestdet-352x352"
FASTESTDET_FILE = Path("FastestDet.onnx")


class PersonDetector(Protocol):
    """What an evaluation needs of a detector."""

    @property
    def stats(self) -> DetectorStats: ...

    def detect(self, frame: ResizableFrame) -> Detections: ...


class FastestDet:
    """FastestDet (github.com/dog-qiuqiu/FastestDet, BSD-3): one 22 x 22 grid, the image stretched to 352 x 352.

    Scores are objectness^0.6 * class^0.4, as in its own demo.
    """

    def __init__(self, path: Path, score_threshold: float) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._threshold = score_threshold
        self.stats = DetectorStats()

    def detect(self, frame: ResizableFrame) -> Detections:
        started = time.thread_time()
        tensor = frame.bgr(352, 352).transpose(2, 0, 1)[None].astype(np.float32) / 255
        raw: npt.NDArray[np.float32] = self._session.run(None, {self._session.get_inputs()[0].name: tensor})[0][0]
        rows, columns = np.mgrid[: raw.shape[1], : raw.shape[2]]
        scores = (np.clip(raw[0], 0, 1) ** 0.6 * np.clip(raw[5], 0, 1) ** 0.4).ravel()
        centres = np.stack(
            ((columns + np.tanh(raw[1])).ravel() / raw.shape[2], (rows + np.tanh(raw[2])).ravel() / raw.shape[1]),
            axis=1,
        )
        sizes = (1 / (1 + np.exp(-raw[3:5]))).reshape(2, -1).T
        boxes = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1).astype(np.float32)
        order = np.argsort(-scores)
        order = order[scores[order] >= self._threshold]
        kept = order[suppress(boxes[order], 0.45)]
        found = Detections.of(np.clip(boxes[kept], 0, 1), scores[kept])
        self.stats = DetectorStats(
            self.stats.inferences + 1, self.stats.boxes + len(found), self.stats.cpu_s + time.thread_time() - started
        )
        return found


def weights_folder(data: Path) -> Path:
    """The folder with the peers' weights for a folder of sets."""
    return data / "weights" if (data / "weights").is_dir() else data.parent / "weights"


def open_detector(
    name: str,
    *,
    data: Path,
    manifest: Path | None = None,
    score_threshold: float | None = None,
    backend: Backend = Backend.AUTO,
) -> PersonDetector:
    """The detector of that name from `manifest` (ours by default) or from the peers; a peer may also be named by its
    weights file. Raises NOT_FOUND."""
    own, peers = load_manifest(manifest), load_manifest(PEERS, weights_folder(data))
    name = {spec.file.stem: spec.name for spec in peers.models}.get(name.removesuffix(".onnx"), name)
    if name.removesuffix(".onnx") in (FASTESTDET, FASTESTDET_FILE.stem):
        threshold = 0.1 if score_threshold is None else score_threshold
        path = weights_folder(data) / FASTESTDET_FILE
        if not path.is_file():
            raise KentonganError(ErrorKind.NOT_FOUND, f"the model {FASTESTDET} cannot be read from {path}")
        return FastestDet(path, threshold)
    for source in (own, peers):
        if name in {spec.name for spec in source.models}:
            return Detector(source.get(name), score_threshold=score_threshold, backend=backend)
    known = [spec.name for spec in (*own.models, *peers.models)] + [FASTESTDET]
    raise KentonganError(ErrorKind.NOT_FOUND, f"no model is called {name!r}; there are {', '.join(known)}")
