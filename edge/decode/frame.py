"""A decoded frame as its three YUV planes. Masks are burnt into them; gate and detector get small copies.

A frame stays in the planes that the decoder wrote. No full-size BGR image is ever made: planes are shrunk first, and
only the small result is converted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import av
import cv2
import numpy as np
import numpy.typing as npt

from contract.clock import Instant

Plane = npt.NDArray[np.uint8]

_FULL_RANGE_FORMATS = {"yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p", "yuvj411p"}
_AV_RANGE_LIMITED = 1  # AVCOL_RANGE_MPEG
_AV_RANGE_FULL = 2  # AVCOL_RANGE_JPEG
_AV_SPACE_BT709 = 1  # AVCOL_SPC_BT709


class ColourMatrix(StrEnum):
    """The matrix from red, green and blue to luma and chroma."""

    BT601 = "bt601"
    BT709 = "bt709"


# Weights of red and blue in luma: ITU-R BT.601-7 section 2.5.1 and BT.709-6 item 3.2.
_LUMA_WEIGHTS = {ColourMatrix.BT601: (0.299, 0.114), ColourMatrix.BT709: (0.2126, 0.0722)}


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame, 8 bits, 4:2:0 (chroma halved in both directions).

    y: (height, width) uint8; u and v: ((height + 1) // 2, (width + 1) // 2) uint8. They may be views into the
        decoder's memory with padding between lines. The decoder still predicts from them, so never write to them
        (`PrivacyMask.burnt_into` copies first).
    captured: capture time.
    full_range: whether luma spans 0..255 (true) or 16..235 (false).
    matrix: colour matrix of the planes.

    Raises ValueError for planes of another shape.
    """

    y: Plane
    u: Plane
    v: Plane
    captured: Instant
    full_range: bool = False
    matrix: ColourMatrix = ColourMatrix.BT601
    _halved_y: dict[int, Plane] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.y.ndim != 2 or self.y.size == 0:
            raise ValueError(f"y must have the shape (height, width), got {self.y.shape}")
        chroma_shape = ((self.height + 1) // 2, (self.width + 1) // 2)
        for name, plane in (("u", self.u), ("v", self.v)):
            if plane.shape != chroma_shape:
                raise ValueError(f"{name} of a frame of {self.y.shape} must have {chroma_shape}, got {plane.shape}")

    @classmethod
    def from_av(cls, video_frame: av.VideoFrame, captured: Instant) -> Self:
        """Wrap a decoded frame. 8-bit 4:2:0 planes are shared with the decoder; other formats are converted."""
        full_range = video_frame.format.name in _FULL_RANGE_FORMATS or video_frame.color_range == _AV_RANGE_FULL
        matrix = ColourMatrix.BT709 if video_frame.colorspace == _AV_SPACE_BT709 else ColourMatrix.BT601
        if video_frame.format.name not in ("yuv420p", "yuvj420p"):
            video_frame = video_frame.reformat(
                format="yuv420p",
                src_color_range=_AV_RANGE_FULL if full_range else _AV_RANGE_LIMITED,
                dst_color_range=_AV_RANGE_LIMITED,
            )
            full_range = False
        y, u, v = (_plane_of(video_frame, index) for index in range(3))
        return cls(y, u, v, captured, full_range, matrix)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.y.shape[0])

    @property
    def aspect(self) -> float:
        """Width / height."""
        return self.width / self.height

    def halved(self) -> Self:
        """Return a copy at half the width and height, in its own memory.

        Shrinking the copy to half or less of the original size gives the same result as shrinking the original, because
        shrinking starts with the same halving.
        """
        y = self._luma_above(self.width // 2, self.height // 2)
        height, width = y.shape
        chroma_wh = ((width + 1) // 2, (height + 1) // 2)
        u, v = (
            np.asarray(cv2.resize(plane, chroma_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            for plane in (self.u, self.v)
        )
        return type(self)(y, u, v, self.captured, self.full_range, self.matrix)

    def luma(self, width: int, height: int) -> Plane:
        """Return the luma shrunk to (height, width) uint8, in the range given by `full_range`."""
        return _interpolated(self._luma_above(width, height), width, height)

    def bgr(self, width: int, height: int) -> Plane:
        """Return the frame shrunk to (height, width, 3) uint8 in the order blue, green, red, 0..255."""
        above = (self._luma_above(width, height), *(_halved_towards(one, width, height) for one in (self.u, self.v)))
        planes = tuple(_interpolated(plane, width, height) for plane in above)
        transform = _TO_BGR[self.matrix, self.full_range]
        return np.asarray(cv2.transform(cv2.merge(planes), transform), dtype=np.uint8)

    def jpeg(self, max_width: int = 640, quality: int = 80) -> bytes:
        """Return the frame as a JPEG file, at most `max_width` pixels wide and never enlarged.

        max_width: >= 16. quality: 1..100. Raises ValueError outside these ranges.
        """
        if max_width < 16:
            raise ValueError(f"a JPEG is at least 16 pixels wide, got max_width={max_width}")
        if not 1 <= quality <= 100:
            raise ValueError(f"JPEG quality is 1..100, got {quality}")
        width = min(max_width, self.width)
        height = max(1, round(width / self.aspect))
        written, data = cv2.imencode(".jpg", self.bgr(width, height), [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not written:
            raise RuntimeError(f"OpenCV could not encode a JPEG of {width} x {height}")
        return bytes(data)

    def _luma_above(self, width: int, height: int) -> Plane:
        """Halve the luma while it is at least twice this size.

        Halved planes are cached: the gate's are reused by the detector, and the first halving, which reads the whole
        plane, is most of the cost of either. Two threads that call this at once halve twice and store equal planes.
        """
        plane, level = self.y, 0
        while _is_twice(plane, width, height):
            level += 1
            smaller = self._halved_y.get(level)
            if smaller is None:
                smaller = self._halved_y[level] = _halved(plane)
            plane = smaller
        return plane


def _plane_of(video_frame: av.VideoFrame, index: int) -> Plane:
    plane = video_frame.planes[index]
    lines = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)
    view = lines[:, : plane.width]
    view.flags.writeable = False
    return view


def _is_twice(plane: Plane, width: int, height: int) -> bool:
    lines, columns = plane.shape
    return bool(columns >= 2 * width and lines >= 2 * height)


def _halved(plane: Plane) -> Plane:
    height, width = plane.shape[0] // 2, plane.shape[1] // 2
    even = plane[: height * 2, : width * 2]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _halved_towards(plane: Plane, width: int, height: int) -> Plane:
    """Halve the plane by averaging while it is at least twice the target size. Interpolation does the rest.

    Interpolation alone skips pixels when it shrinks more than twofold, which makes thin, distant people flicker.
    Averaging over arbitrary areas costs ten times as much (measured: 3.0 ms against 0.27 ms from 1080p to 416 x 234).
    """
    while _is_twice(plane, width, height):
        plane = _halved(plane)
    return plane


def _interpolated(plane: Plane, width: int, height: int) -> Plane:
    if plane.shape == (height, width):
        return plane
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _to_bgr(matrix: ColourMatrix, *, full_range: bool) -> npt.NDArray[np.float32]:
    """Return the (3, 4) affine transform from y, u, v bytes to b, g, r bytes (ITU-T H.273, equations 38 to 43)."""
    red, blue = _LUMA_WEIGHTS[matrix]
    green = 1.0 - red - blue
    y_gain, y_zero = (1.0, 0.0) if full_range else (255.0 / 219.0, 16.0)
    c_gain = 1.0 if full_range else 255.0 / 224.0
    u_to_b = 2.0 * (1.0 - blue) * c_gain
    v_to_r = 2.0 * (1.0 - red) * c_gain
    u_to_g = -blue / green * u_to_b
    v_to_g = -red / green * v_to_r
    linear = np.array([[y_gain, u_to_b, 0.0], [y_gain, u_to_g, v_to_g], [y_gain, 0.0, v_to_r]])
    offset = -linear @ np.array([y_zero, 128.0, 128.0])
    return np.hstack([linear, offset[:, None]]).astype(np.float32)


_TO_BGR = {(matrix, full): _to_bgr(matrix, full_range=full) for matrix in ColourMatrix for full in (False, True)}
