"""The person detector: a frame in, people out."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.errors import ErrorKind, KentonganError
from edge.config.device import Backend
from edge.detections import Detections, FloatArray
from edge.detector.canvas import Canvas, Fit, ResizableFrame
from edge.detector.engines import open_engine
from models.layouts import decode
from models.manifest import ModelSpec


@dataclass(frozen=True, slots=True)
class DetectorStats:
    """Counters since the detector was created. `cpu_s` and `wall_s` cover preparation, inference and decoding.

    CPU time is that of the calling threads; further threads of an inference are not included.
    """

    inferences: int = 0
    boxes: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0


class Detector:
    """Finds people in frames. Safe to call from several threads at once.

    The constructor checks the file's digest before anything is parsed and runs one grey frame, so that a model that
    does not fit its manifest entry is refused at the start and not at the first frame of the night.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        threads: int = 1,
        score_threshold: float | None = None,
        backend: Backend = Backend.AUTO,
        cache_dir: Path | None = None,
    ) -> None:
        """Load `spec`. threads: >= 1, for one inference. score_threshold: 0..1, replaces the manifest's.

        cache_dir: where OpenVINO keeps the compiled graph for a quicker next start; created if missing.
        Raises KentonganError: DIGEST_MISMATCH if the file is not the manifest's, NOT_FOUND if the file or the backend
        is missing, BAD_INPUT if the file is no ONNX model or its tensors differ from the manifest. Raises ValueError
        for a bad argument and OSError if `cache_dir` cannot be created.
        """
        if threads < 1:
            raise ValueError(f"threads must be >= 1, got {threads}")
        threshold = spec.output.score_threshold if score_threshold is None else score_threshold
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"score_threshold must be between 0 and 1, got {threshold}")
        self.spec = spec
        self.score_threshold = threshold
        self._engine = open_engine(spec, threads, backend, cache_dir)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._stats = DetectorStats()
        self._warm_up()

    @property
    def model_sha256(self) -> str:
        """SHA-256 of the weights in use, which every event carries."""
        return self.spec.sha256

    @property
    def stats(self) -> DetectorStats:
        """A snapshot of the counters."""
        with self._lock:
            return self._stats

    def detect(self, frame: ResizableFrame) -> Detections:
        """The people in `frame` with scores >= `score_threshold`, highest first, boxes clipped to the frame."""
        cpu_started, wall_started = time.thread_time(), time.perf_counter()
        canvas = self._canvas()
        fit = canvas.draw(frame)
        boxes, scores = decode(self._engine.run(canvas.tensor), self.spec, self.score_threshold)
        found = _normalised(boxes, scores, fit)
        self._count(len(found), time.thread_time() - cpu_started, time.perf_counter() - wall_started)
        return found

    def _canvas(self) -> Canvas:
        canvas: Canvas | None = getattr(self._local, "canvas", None)
        if canvas is None:
            canvas = self._local.canvas = Canvas(self.spec.input)
        return canvas

    def _count(self, boxes: int, cpu_s: float, wall_s: float) -> None:
        with self._lock:
            old = self._stats
            self._stats = DetectorStats(old.inferences + 1, old.boxes + boxes, old.cpu_s + cpu_s, old.wall_s + wall_s)

    def _warm_up(self) -> None:
        try:
            output = self._engine.run(self._canvas().tensor)
            decode(output, self.spec, self.score_threshold)
        except ValueError as wrong_shape:
            raise KentonganError(ErrorKind.BAD_INPUT, str(wrong_shape)) from wrong_shape
        except Exception as broken:
            # ONNX Runtime's and OpenVINO's errors have no common base class but Exception.
            raise KentonganError(
                ErrorKind.BAD_INPUT, f"the model {self.spec.name} does not run on one grey frame: {broken}"
            ) from broken


def _normalised(boxes: FloatArray, scores: FloatArray, fit: Fit) -> Detections:
    """Boxes (N, 4) in input pixels as detections in normalised coordinates of the frame."""
    origin = np.array([fit.left, fit.top, fit.left, fit.top], np.float32)
    size = np.array([fit.width, fit.height, fit.width, fit.height], np.float32)
    inside = np.clip((boxes - origin) / size, 0.0, 1.0)
    # Clipped to the frame, a box that lies in the padding has no extent.
    real = ((inside[:, 2:] - inside[:, :2]) > 0).all(axis=1)
    return Detections.of(inside[real], np.clip(scores[real], 0.0, 1.0))
