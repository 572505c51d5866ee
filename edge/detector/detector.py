"""The detector itself: a picture goes in, and people come out."""

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
    """What the detector did since it was made. `cpu_s` and `wall_s` cover preparing, inference and decoding.

    CPU time is that of the calling threads: with more than one inference thread the others' is not in it.
    """

    inferences: int = 0
    boxes: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0


class Detector:
    """Finds people in pictures. Safe to call from several threads at once.

    The file's digest is checked before anything is parsed, and one grey picture is run at once, so that a model that
    does not fit its manifest entry is refused here and not at the first frame of the night.
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
        """Load `spec`. `threads` >= 1 is for one picture; `score_threshold` 0..1 replaces the manifest's.

        `cache_dir`: where OpenVINO keeps the compiled graph, so that the next start is quick; made if it is not there.
        Raises DIGEST_MISMATCH for another file than the manifest's, NOT_FOUND without one or without the backend,
        BAD_INPUT for a file that is no ONNX model or whose tensors are not those of the manifest, ValueError for a bad
        argument, and OSError where `cache_dir` cannot be made.
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
        """The digest of the weights in use, as every event states it."""
        return self.spec.sha256

    @property
    def stats(self) -> DetectorStats:
        """A snapshot of the counters."""
        with self._lock:
            return self._stats

    def detect(self, frame: ResizableFrame) -> Detections:
        """The people in `frame`, the best first, scores >= `score_threshold`, boxes cut at the picture's edges."""
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
            # ONNX Runtime's and OpenVINO's errors share no base class but Exception.
            raise KentonganError(
                ErrorKind.BAD_INPUT, f"the model {self.spec.name} does not run on one grey picture: {broken}"
            ) from broken


def _normalised(boxes: FloatArray, scores: FloatArray, fit: Fit) -> Detections:
    origin = np.array([fit.left, fit.top, fit.left, fit.top], np.float32)
    size = np.array([fit.width, fit.height, fit.width, fit.height], np.float32)
    inside = np.clip((boxes - origin) / size, 0.0, 1.0)
    # A box that lies in the padding alone has no extent left.
    real = ((inside[:, 2:] - inside[:, :2]) > 0).all(axis=1)
    return Detections.of(inside[real], np.clip(scores[real], 0.0, 1.0))
