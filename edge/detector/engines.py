"""The engines that run a model's graph: ONNX Runtime, or OpenVINO if it is configured and its extra is installed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from contract.errors import ErrorKind, KentonganError
from edge.config.device import Backend
from models.layouts import expected_output
from models.manifest import ModelSpec, verify

FloatArray = npt.NDArray[np.float32]

REAL = "float32"
"""The only element type of tensors that engines accept."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the graph declares it. kind: element type. shape: a dimension that is not an int is dynamic."""

    name: str
    kind: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.shape}"


class Engine(Protocol):
    """A loaded graph. Safe to call from several threads at once."""

    @property
    def inputs(self) -> Sequence[Tensor]: ...

    @property
    def outputs(self) -> Sequence[Tensor]: ...

    def run(self, tensor: FloatArray) -> FloatArray:
        """The model's output for one input tensor. The array belongs to the caller."""
        ...


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU. threads: for one inference."""

    def __init__(self, content: bytes, spec: ModelSpec, threads: int) -> None:
        self._input, self._output = spec.input.name, spec.output.name
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads double the CPU time and gain nothing on a device that is busy decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # Allocating one block for all tensors in advance takes 5 MB more memory and no less time.
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.inputs = [_of_onnx_runtime(node) for node in self._session.get_inputs()]
        self.outputs = [_of_onnx_runtime(node) for node in self._session.get_outputs()]

    def run(self, tensor: FloatArray) -> FloatArray:
        output: FloatArray = self._session.run([self._output], {self._input: tensor})[0]
        return output


class OpenVinoEngine:
    """OpenVINO on the CPU, with one inference request per calling thread."""

    def __init__(self, content: bytes, spec: ModelSpec, threads: int, cache_dir: Path | None) -> None:
        import openvino

        self._input, self._output = spec.input.name, spec.output.name
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # The default is bfloat16 on CPUs that have it, which moves boxes by up to a third of a pixel.
            "INFERENCE_PRECISION_HINT": "f32",
            # A pinned thread would compete with the decoders for its core.
            "ENABLE_CPU_PINNING": False,
        }
        if cache_dir is not None:
            cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            settings["CACHE_DIR"] = str(cache_dir)
        core = openvino.Core()
        self._model = core.compile_model(core.read_model(content), "CPU", settings)
        self._local = threading.local()
        self.inputs = [_of_openvino(port) for port in self._model.inputs]
        self.outputs = [_of_openvino(port) for port in self._model.outputs]

    def run(self, tensor: FloatArray) -> FloatArray:
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        # Without share_outputs the result is a copy, which the next inference does not overwrite.
        output: FloatArray = request.infer({self._input: tensor}, share_inputs=True)[self._output]
        return output


def open_engine(spec: ModelSpec, threads: int, backend: Backend, cache_dir: Path | None) -> Engine:
    """Load the model's graph after checking its digest, and its tensors against the manifest. AUTO is ONNX Runtime.

    Raises as `Detector` does.
    """
    content = verify(spec)
    try:
        if backend is Backend.OPENVINO:
            engine: Engine = OpenVinoEngine(content, spec, threads, cache_dir)
        else:
            engine = OnnxRuntimeEngine(content, spec, threads)
    except ModuleNotFoundError as missing:
        raise KentonganError(
            ErrorKind.NOT_FOUND,
            f"detector.backend openvino needs the extra kentongan[openvino]: no module called {missing.name!r}",
        ) from missing
    except OSError:
        raise
    except Exception as broken:
        # ONNX Runtime's and OpenVINO's errors have no common base class but Exception.
        raise KentonganError(
            ErrorKind.BAD_INPUT, f"the model file {spec.file} is no ONNX model that can be run: {broken}"
        ) from broken
    _check_tensors(engine, spec)
    return engine


def _of_onnx_runtime(node: Any) -> Tensor:  # noqa: ANN401 - onnxruntime ships no types
    kind = str(node.type).removeprefix("tensor(").removesuffix(")")
    return Tensor(node.name, REAL if kind == "float" else kind, tuple(node.shape))


def _of_openvino(port: Any) -> Tensor:  # noqa: ANN401 - openvino may be missing when mypy runs
    kind = str(port.get_element_type().get_type_name())
    shape = tuple(dim.get_length() if dim.is_static else None for dim in port.get_partial_shape())
    return Tensor(port.get_any_name(), REAL if kind == "f32" else kind, shape)


def _check_tensors(engine: Engine, spec: ModelSpec) -> None:
    """Compare the graph's tensors with the manifest's; a dynamic dimension fits any size. Raises BAD_INPUT."""
    inputs = {tensor.name: tensor for tensor in engine.inputs}
    outputs = {tensor.name: tensor for tensor in engine.outputs}
    wanted = (1, 3, spec.input.height, spec.input.width)
    if list(inputs) != [spec.input.name]:
        raise _refusal(spec, "one input called", repr(spec.input.name), ", ".join(map(repr, inputs)) or "none")
    if spec.output.name not in outputs:
        raise _refusal(spec, "an output called", repr(spec.output.name), ", ".join(map(repr, outputs)))
    given = inputs[spec.input.name]
    fits = len(given.shape) == 4 and all(
        not isinstance(have, int) or have == want for want, have in zip(wanted, given.shape, strict=True)
    )
    if given.kind != REAL or not fits:
        raise _refusal(spec, "an input of", f"{REAL} {wanted}", str(given))
    expected, declared = expected_output(spec), outputs[spec.output.name]
    if declared.kind != REAL or not expected.allows(declared.shape):
        raise _refusal(spec, "an output of", f"{REAL} {expected}", str(declared))


def _refusal(spec: ModelSpec, what: str, expected: str, got: str) -> KentonganError:
    return KentonganError(
        ErrorKind.BAD_INPUT, f"the model {spec.name} must have {what} {expected} according to its manifest, got {got}"
    )
