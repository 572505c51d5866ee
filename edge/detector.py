"""The person detector: one ONNX Runtime session, shared by all cameras of the process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from contract.errors import ErrorKind, KentonganError
from edge.detections import Detections
from models.layouts import decode, expected_output
from models.manifest import Channels, InputSpec, Letterbox, ModelSpec, verify

FloatArray = npt.NDArray[np.float32]


class Picture(Protocol):
    """What the detector needs of a frame."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def bgr(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The whole picture resized: (height, width, 3) uint8."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorStats:
    """What the detector did since it was made. `cpu_s` and `wall_s` cover preparing, inference and decoding.

    CPU time is that of the calling threads: with more than one inference thread the others' is not in it.
    """

    pictures: int = 0
    boxes: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0


class Detector:
    """Finds people in pictures. Safe to call from several threads at once.

    The file's digest is checked before anything is parsed, and one grey picture is run at once, so that a model that
    does not fit its manifest entry is refused here and not at the first frame of the night.
    """

    def __init__(self, spec: ModelSpec, *, threads: int = 1, score_threshold: float | None = None) -> None:
        """Load `spec`. `threads` >= 1 is for one picture; `score_threshold` 0..1 replaces the manifest's.

        Raises DIGEST_MISMATCH for another file than the manifest's, NOT_FOUND without one, BAD_INPUT for a file that is
        no ONNX model or whose tensors are not those of the manifest, and ValueError for a bad argument.
        """
        if threads < 1:
            raise ValueError(f"threads must be >= 1, got {threads}")
        threshold = spec.output.score_threshold if score_threshold is None else score_threshold
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"score_threshold must be between 0 and 1, got {threshold}")
        self.spec = spec
        self.score_threshold = threshold
        self._session = _open_session(spec, threads)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._stats = DetectorStats()
        _check_tensors(self._session, spec)
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

    def detect(self, frame: Picture) -> Detections:
        """The people in `frame`, the best first, scores >= `score_threshold`, boxes cut at the picture's edges."""
        cpu_started, wall_started = time.thread_time(), time.perf_counter()
        canvas = self._canvas()
        fit = canvas.draw(frame)
        boxes, scores = decode(self._run(canvas.tensor), self.spec, self.score_threshold)
        found = _normalised(boxes, scores, fit)
        self._count(len(found), time.thread_time() - cpu_started, time.perf_counter() - wall_started)
        return found

    def _run(self, tensor: FloatArray) -> FloatArray:
        output: FloatArray = self._session.run([self.spec.output.name], {self.spec.input.name: tensor})[0]
        return output

    def _canvas(self) -> _Canvas:
        canvas: _Canvas | None = getattr(self._local, "canvas", None)
        if canvas is None:
            canvas = self._local.canvas = _Canvas(self.spec.input)
        return canvas

    def _count(self, boxes: int, cpu_s: float, wall_s: float) -> None:
        with self._lock:
            old = self._stats
            self._stats = DetectorStats(old.pictures + 1, old.boxes + boxes, old.cpu_s + cpu_s, old.wall_s + wall_s)

    def _warm_up(self) -> None:
        try:
            output = self._run(self._canvas().tensor)
            decode(output, self.spec, self.score_threshold)
        except ValueError as wrong_shape:
            raise KentonganError(ErrorKind.BAD_INPUT, str(wrong_shape)) from wrong_shape
        except Exception as broken:
            # ONNX Runtime's errors share no base class but Exception.
            raise KentonganError(
                ErrorKind.BAD_INPUT, f"the model {self.spec.name} does not run on one grey picture: {broken}"
            ) from broken


@dataclass(frozen=True, slots=True)
class _Fit:
    """Where the picture lies in the input, in input pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, picture_width: int, picture_height: int, spec: InputSpec) -> _Fit:
        ratio = min(spec.width / picture_width, spec.height / picture_height)
        width = min(spec.width, max(1, round(picture_width * ratio)))
        height = min(spec.height, max(1, round(picture_height * ratio)))
        if spec.letterbox is Letterbox.TOP_LEFT:
            return cls(0, 0, width, height)
        return cls((spec.width - width) // 2, (spec.height - height) // 2, width, height)


class _Canvas:
    """One thread's input tensor, reused for every picture; what lies outside the picture is padded once per shape."""

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        mean, std = np.asarray(spec.mean, np.float32), np.asarray(spec.std, np.float32)
        self._factor = (spec.scale / std).astype(np.float32)
        self._offset = (-mean / std).astype(np.float32)
        self._plain = bool((self._factor == 1).all() and (self._offset == 0).all())
        self._order = (0, 1, 2) if spec.channels is Channels.BGR else (2, 1, 0)
        self._fit: _Fit | None = None
        self.tensor = np.empty((1, 3, spec.height, spec.width), dtype=np.float32)
        self._pad()

    def draw(self, frame: Picture) -> _Fit:
        """Put `frame` into the tensor, and say where."""
        fit = _Fit.of(frame.width, frame.height, self._spec)
        if fit != self._fit:
            self._pad()
            self._fit = fit
        small = frame.bgr(fit.width, fit.height)
        for channel, source in enumerate(self._order):
            target = self.tensor[0, channel, fit.top : fit.top + fit.height, fit.left : fit.left + fit.width]
            np.copyto(target, small[:, :, source])
            if not self._plain:
                target *= self._factor[channel]
                target += self._offset[channel]
        return fit

    def _pad(self) -> None:
        padding = self._spec.pad_value * self._factor + self._offset
        self.tensor[0] = padding[:, None, None]


def _normalised(boxes: FloatArray, scores: FloatArray, fit: _Fit) -> Detections:
    origin = np.array([fit.left, fit.top, fit.left, fit.top], np.float32)
    size = np.array([fit.width, fit.height, fit.width, fit.height], np.float32)
    inside = np.clip((boxes - origin) / size, 0.0, 1.0)
    # A box that lies in the padding alone has no extent left.
    real = ((inside[:, 2:] - inside[:, :2]) > 0).all(axis=1)
    return Detections.of(inside[real], np.clip(scores[real], 0.0, 1.0))


def _open_session(spec: ModelSpec, threads: int) -> ort.InferenceSession:
    content = verify(spec)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads double the CPU time that is spent, for nothing on a box that is busy with decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as broken:
        # ONNX Runtime's errors share no base class but Exception.
        raise KentonganError(
            ErrorKind.BAD_INPUT, f"the model file {spec.file} is no ONNX model that can be run: {broken}"
        ) from broken


def _check_tensors(session: ort.InferenceSession, spec: ModelSpec) -> None:
    """The graph's declared tensors against the manifest's; a symbolic dimension fits any size."""
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}
    wanted = (1, 3, spec.input.height, spec.input.width)
    if list(inputs) != [spec.input.name]:
        raise _refusal(spec, "one input called", repr(spec.input.name), ", ".join(map(repr, inputs)) or "none")
    if spec.output.name not in outputs:
        raise _refusal(spec, "an output called", repr(spec.output.name), ", ".join(map(repr, outputs)))
    node, shape = inputs[spec.input.name], list(inputs[spec.input.name].shape)
    fits = len(shape) == 4 and all(
        not isinstance(have, int) or have == want for want, have in zip(wanted, shape, strict=True)
    )
    if node.type != "tensor(float)" or not fits:
        raise _refusal(spec, "an input of", f"tensor(float) {wanted}", f"{node.type} {tuple(shape)}")
    expected, declared = expected_output(spec), outputs[spec.output.name]
    if declared.type != "tensor(float)" or not expected.allows(declared.shape):
        raise _refusal(spec, "an output of", f"tensor(float) {expected}", f"{declared.type} {tuple(declared.shape)}")


def _refusal(spec: ModelSpec, what: str, expected: str, got: str) -> KentonganError:
    return KentonganError(
        ErrorKind.BAD_INPUT, f"the model {spec.name} must have {what} {expected} after its manifest, got {got}"
    )
