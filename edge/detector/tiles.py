"""Which windows of a picture to look through, so that a region of it is seen enlarged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from edge.decode.frame import Frame

FAR_PX = 24.0
"""People below this height in the detector's input, in pixels, are small: recall in `docs/measurements/tiling.md`."""
MAX_WINDOWS = 2
MIN_GAIN = 1.3
"""A window that shows people less enlarged than this against the whole picture is not worth an inference."""
ENOUGH_GAIN = 1.8
"""Where one window enlarges so much, a second is not worth an inference."""
GAIN_STEP = 0.97

Region = tuple[float, float, float, float]
"""x1, y1, x2, y2 in parts of the picture."""
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the picture in pixels; left, top, width and height are even, because chroma is halved."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, frame: Frame) -> Frame:
        """The same planes, seen through the window: nothing is copied."""
        lines, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        half_lines = slice(self.top // 2, (self.top + self.height) // 2)
        half_columns = slice(self.left // 2, (self.left + self.width) // 2)
        return replace(
            frame,
            y=frame.y[lines, columns],
            u=frame.u[half_lines, half_columns],
            v=frame.v[half_lines, half_columns],
        )


def shrink_of(picture_wh: Size, input_wh: Size) -> float:
    """Input pixels for each pixel of a picture of this size."""
    return min(input_wh[0] / picture_wh[0], input_wh[1] / picture_wh[1])


def plan_windows(region: Region, picture_wh: Size, input_wh: Size) -> tuple[Window, ...]:
    """Windows of the input's shape that cover a region: one, or up to `MAX_WINDOWS` where one enlarges too little.

    Never smaller than the input itself: from there on there is nothing more to see. None where the gain is below
    `MIN_GAIN`. Neighbours overlap by a small person, so that nobody is cut by both.
    """
    best_gain, best = MIN_GAIN, tuple[Window, ...]()
    for limit in range(1, MAX_WINDOWS + 1):
        gain, windows = _most_enlarging(region, picture_wh, input_wh, limit)
        if gain >= best_gain:
            best_gain, best = gain, windows
        if best and best_gain >= ENOUGH_GAIN:
            break
    return best


def _most_enlarging(region: Region, picture_wh: Size, input_wh: Size, limit: int) -> tuple[float, tuple[Window, ...]]:
    """(enlargement against the whole picture, windows), at most `limit` of them."""
    shrink = shrink_of(picture_wh, input_wh)
    gain = 1.0 / shrink
    while gain >= MIN_GAIN:
        size = tuple(
            min(whole, _even(part / (shrink * gain))) for whole, part in zip(picture_wh, input_wh, strict=True)
        )
        overlap = (FAR_PX / shrink / 2, FAR_PX / shrink)
        starts = [
            _starts((region[axis], region[axis + 2]), picture_wh[axis], size[axis], overlap[axis]) for axis in (0, 1)
        ]
        if 0 < len(starts[0]) * len(starts[1]) <= limit:
            return gain, tuple(Window(x, y, _even(size[0]), _even(size[1])) for y in starts[1] for x in starts[0])
        gain *= GAIN_STEP
    return 0.0, ()


def _starts(part: tuple[float, float], whole_px: int, size_px: int, overlap_px: float) -> list[int]:
    """Where windows of this size start that cover a part of one axis; none if they could not overlap enough."""
    low, high = part[0] * whole_px, part[1] * whole_px
    if high - low <= size_px:
        starts = [(low + high - size_px) / 2]
    elif size_px <= overlap_px:
        return []
    else:
        count = math.ceil((high - low - overlap_px) / (size_px - overlap_px))
        starts = [low + index * (high - low - size_px) / (count - 1) for index in range(count)]
    return [_even(min(max(start, 0.0), whole_px - size_px)) for start in starts]


def _even(length: float) -> int:
    return int(length) // 2 * 2
