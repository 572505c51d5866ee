"""The model's input tensor of a frame: resized, letterboxed and normalised as the manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from models.manifest import Channels, InputSpec, Letterbox


class ResizableFrame(Protocol):
    """What the detector needs of a frame. width, height: pixels."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def bgr(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """The whole frame resized, (height, width, 3) uint8."""
        ...


@dataclass(frozen=True, slots=True)
class Fit:
    """Where the frame lies in the model's input, in input pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, frame_width: int, frame_height: int, spec: InputSpec) -> Fit:
        """The largest fit that keeps the frame's aspect, placed as the model's letterbox asks."""
        ratio = min(spec.width / frame_width, spec.height / frame_height)
        width = min(spec.width, max(1, round(frame_width * ratio)))
        height = min(spec.height, max(1, round(frame_height * ratio)))
        if spec.letterbox is Letterbox.TOP_LEFT:
            return cls(0, 0, width, height)
        return cls((spec.width - width) // 2, (spec.height - height) // 2, width, height)


class Canvas:
    """One thread's input tensor, reused for every frame. The padding is written again only for another frame shape.

    tensor: (1, 3, height, width) float32.
    """

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        mean, std = np.asarray(spec.mean, np.float32), np.asarray(spec.std, np.float32)
        self._factor = (spec.scale / std).astype(np.float32)
        self._offset = (-mean / std).astype(np.float32)
        self._plain = bool((self._factor == 1).all() and (self._offset == 0).all())
        self._order = (0, 1, 2) if spec.channels is Channels.BGR else (2, 1, 0)
        self._fit: Fit | None = None
        self.tensor = np.empty((1, 3, spec.height, spec.width), dtype=np.float32)
        self._pad()

    def draw(self, frame: ResizableFrame) -> Fit:
        """Write `frame` into the tensor and return where it lies."""
        fit = Fit.of(frame.width, frame.height, self._spec)
        if fit != self._fit:
            self._pad()
            self._fit = fit
        # OpenCV splits the channels faster than NumPy, which copies every third byte one by one.
        planes = cv2.split(frame.bgr(fit.width, fit.height))
        for channel, source in enumerate(self._order):
            target = self.tensor[0, channel, fit.top : fit.top + fit.height, fit.left : fit.left + fit.width]
            np.copyto(target, planes[source])
            if not self._plain:
                target *= self._factor[channel]
                target += self._offset[channel]
        return fit

    def _pad(self) -> None:
        padding = self._spec.pad_value * self._factor + self._offset
        self.tensor[0] = padding[:, None, None]
