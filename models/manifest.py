"""The manifest of person detectors: each file's digest, how its input is made and how its output is read.

Nothing but a manifest knows a model's name, size or digest. The project's own manifest is in this package; a
device may name another, so that any YOLOv8, 11, 12, 26 or YOLOX export to ONNX can replace the default.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.errors import ErrorKind, KentonganError

DEFAULT_MANIFEST = Path(__file__).parent / "manifest.toml"

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Triple = tuple[float, float, float]


class Layout(StrEnum):
    """How a model's one output tensor is laid out; `models.layouts` decodes each."""

    BOXES5 = "boxes5"
    YOLOX = "yolox"
    YOLOV8 = "yolov8"
    YOLO26 = "yolo26"


class Channels(StrEnum):
    """The order of the three colour channels that the model was trained with."""

    BGR = "bgr"
    RGB = "rgb"


class Letterbox(StrEnum):
    """Position of the frame in the input if their shapes differ; the rest is filled with the pad value."""

    TOP_LEFT = "top-left"
    CENTRE = "centre"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Strict):
    """The input tensor: float32, (1, 3, height, width), each channel (pixel * scale - mean) / std of pixels 0..255."""

    name: str
    width: int = Field(ge=32, le=4096)
    height: int = Field(ge=32, le=4096)
    channels: Channels
    scale: float = Field(gt=0.0, description="1.0 for an input of 0..255, 0.00392156862745098 (1/255) for 0..1")
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    letterbox: Letterbox
    pad_value: int = Field(ge=0, le=255)

    @model_validator(mode="after")
    def _std_divides(self) -> Self:
        if min(self.std) <= 0.0:
            raise ValueError(f"std must be above 0 in every channel, got {self.std}")
        return self


class OutputSpec(_Strict):
    """The output tensor and the thresholds for its boxes.

    score_threshold: weaker boxes are discarded.
    strong_score: boxes from this score on may start a track; weaker ones only continue existing tracks.
    """

    name: str
    layout: Layout
    classes: int = Field(ge=1, le=10_000)
    person_class: int = Field(ge=0)
    nms_iou: Fraction = 0.6
    score_threshold: Fraction = 0.1
    strong_score: Fraction = 0.5

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.person_class >= self.classes:
            raise ValueError(f"person_class must be below classes = {self.classes}, got {self.person_class}")
        if self.layout is Layout.BOXES5 and self.classes != 1:
            raise ValueError(f"the layout boxes5 knows one class only, got classes = {self.classes}")
        if self.score_threshold > self.strong_score:
            raise ValueError(
                f"score_threshold must be at most strong_score = {self.strong_score}, got {self.score_threshold}"
            )
        return self


class Lineage(_Strict):
    """Where the weights come from, in sentences."""

    base: str
    data: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


class Measurement(_Strict):
    """One figure, and the command that measures it again."""

    what: str
    value: float
    unit: str
    on: str
    command: str


class ModelSpec(_Strict):
    """One model. `file` and `card` are absolute once a manifest was loaded: in it they lie relative to it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    file: Path
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(gt=0)
    licence: str
    card: Path | None = None
    input: InputSpec
    output: OutputSpec
    lineage: Lineage | None = None
    measured: tuple[Measurement, ...] = ()

    def below(self, manifest_folder: Path, weights_folder: Path) -> Self:
        """The same with `file` below `weights_folder` and `card` below `manifest_folder`, unless they are absolute."""
        card = None if self.card is None else manifest_folder / self.card
        return self.model_copy(update={"file": weights_folder / self.file, "card": card})


class Manifest(_Strict):
    """The models of a manifest by name, and the default."""

    default: str
    models: tuple[ModelSpec, ...] = Field(alias="model", min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [spec.name for spec in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"every model needs a name of its own, got twice: {', '.join(twice)}")
        if self.default not in names:
            raise ValueError(f"default must be one of {', '.join(names)}, got {self.default!r}")
        return self

    def get(self, name: str | None = None) -> ModelSpec:
        """The model of that name, or the default. Raises NOT_FOUND, naming those that there are."""
        wanted = name or self.default
        for spec in self.models:
            if spec.name == wanted:
                return spec
        known = ", ".join(spec.name for spec in self.models)
        raise KentonganError(ErrorKind.NOT_FOUND, f"no model is called {wanted!r} in the manifest; it names: {known}")


def load_manifest(path: Path | None = None, weights: Path | None = None) -> Manifest:
    """Read a manifest: the project's own, or the one at `path`; its files are in the same folder, or in `weights`.

    Raises NOT_FOUND without a file, BAD_INPUT with one line for each fault. No model file is opened.
    """
    where = path or DEFAULT_MANIFEST
    try:
        raw = tomllib.loads(where.read_text("utf-8"))
    except FileNotFoundError as missing:
        raise KentonganError(ErrorKind.NOT_FOUND, f"there is no model manifest at {where}") from missing
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as unreadable:
        raise KentonganError(ErrorKind.BAD_INPUT, f"{where} is no readable TOML file: {unreadable}") from unreadable
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as invalid:
        faults = "; ".join(_fault(error) for error in invalid.errors())
        raise KentonganError(ErrorKind.BAD_INPUT, f"{where} is no valid model manifest: {faults}") from invalid
    folder = where.resolve().parent
    found = tuple(spec.below(folder, weights.resolve() if weights else folder) for spec in manifest.models)
    return manifest.model_copy(update={"models": found})


def verify(spec: ModelSpec) -> bytes:
    """The file's bytes after their digest was compared with the manifest's, so that what was checked is what is loaded.

    Raises NOT_FOUND without a file, DIGEST_MISMATCH with both digests.
    """
    try:
        content = spec.file.read_bytes()
    except OSError as unreadable:
        raise KentonganError(
            ErrorKind.NOT_FOUND, f"the model {spec.name} cannot be read from {spec.file}: {unreadable.strerror}"
        ) from unreadable
    found = hashlib.sha256(content).hexdigest()
    if found != spec.sha256:
        raise KentonganError(
            ErrorKind.DIGEST_MISMATCH,
            f"the model file {spec.file} is not the one in the manifest: "
            f"expected sha256 {spec.sha256} and {spec.size_bytes} bytes, got {found} and {len(content)} bytes",
        )
    return content


def _fault(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}" if where else str(error["msg"])
    known = _keys_at(error["loc"])
    near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.0)
    return f"{where}: unknown key; the nearest known key is {near[0]!r}" if near else f"{where}: unknown key"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    tables: dict[str, type[BaseModel]] = {
        "input": InputSpec, "output": OutputSpec, "lineage": Lineage, "measured": Measurement, "model": ModelSpec,
    }  # fmt: skip
    parents = [part for part in location[:-1] if isinstance(part, str)]
    table = tables[parents[-1]] if parents else Manifest
    return [field.alias or name for name, field in table.model_fields.items()]
