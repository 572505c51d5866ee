"""Parts of the peer `bench.edge.run_frigate`: motion boxes, regions for the detector, and tracks.

Our own code, following Frigate's documentation of its pipeline (docs.frigate.video: video pipeline, motion detection,
stationary objects, masks), with the defaults of its reference configuration. Boxes are (x1, y1, x2, y2) in pixels of
the detect frame, origin top left.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from models.layouts import iou_matrix

Box = tuple[float, float, float, float]
Plane = npt.NDArray[np.uint8]

# The reference configuration's defaults.
MOTION_LINES = 100
MOTION_THRESHOLD = 30
CONTOUR_AREA_PX = 10
FRAME_ALPHA = 0.01
LIGHTNING_SHARE = 0.8
MIN_HITS = 2
MAX_MISSED_FRAMES = 25
STATIONARY_FRAMES = 50
STATIONARY_INTERVAL_FRAMES = 50
TRUE_POSITIVE_SCORE = 0.7
LEAST_REGION_PX = 320

# Our choice, where the documentation gives no figure.
CALIBRATING_ALPHA = 0.2
CALM_SHARE = 0.05
CONTRAST_FRAMES = 50
CONTRAST_PERCENTILES = (4.0, 96.0)
REGION_MARGIN = 1.2
LEAST_SHARE_OF_REGION = 0.05
SAME_BOX_IOU = 0.4
CLIPPED_INSIDE_SHARE = 0.6
FOLLOWS_IOU = 0.2
STANDS_IOU = 0.8
SCORES_KEPT = 10


class MotionDetector:
    """Finds where the frame differs from its running average, on a grey image of 100 lines."""

    def __init__(self, width: int, height: int) -> None:
        """For detect frames of `width` x `height` pixels."""
        lines = min(MOTION_LINES, height)
        self._size = (max(1, round(width * lines / height)), lines)
        self._scale = height / lines
        self._bounds: deque[tuple[float, float]] = deque(maxlen=CONTRAST_FRAMES)
        self._average: npt.NDArray[np.float32] | None = None
        self._calibrating = True

    def boxes(self, luma: Plane) -> list[Box]:
        """The boxes around motion in `luma`, (height, width) uint8; none until the average has settled."""
        grey = self._normalised(luma)
        if self._average is None:
            self._average = grey.astype(np.float32)
        difference = cv2.absdiff(grey, cv2.convertScaleAbs(self._average))
        changed = cv2.threshold(difference, MOTION_THRESHOLD, 255, cv2.THRESH_BINARY)[1]
        share = cv2.countNonZero(changed) / changed.size
        if share > LIGHTNING_SHARE:
            self._calibrating = True
        elif share < CALM_SHARE:
            self._calibrating = False
        cv2.accumulateWeighted(grey, self._average, CALIBRATING_ALPHA if self._calibrating else FRAME_ALPHA)
        if self._calibrating or not share:
            return []
        dilated = cv2.dilate(changed, np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(dilated, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        return [self._enlarged(one) for one in contours if cv2.contourArea(one) >= CONTOUR_AREA_PX]

    def _normalised(self, luma: Plane) -> Plane:
        small = cv2.resize(luma, self._size, interpolation=cv2.INTER_LINEAR)
        low, high = np.percentile(small, CONTRAST_PERCENTILES)
        self._bounds.append((float(low), float(high)))
        low, high = np.mean(self._bounds, axis=0)
        gain = 255.0 / max(high - low, 1.0)
        # Saturating arithmetic clips values outside of the percentiles.
        stretched = cv2.addWeighted(small, gain, small, 0.0, -low * gain)
        return np.asarray(cv2.GaussianBlur(stretched, (3, 3), 1.0), dtype=np.uint8)

    def _enlarged(self, contour: npt.NDArray[np.int32] | cv2.typing.MatLike) -> Box:
        x, y, width, height = cv2.boundingRect(contour)
        return (x * self._scale, y * self._scale, (x + width) * self._scale, (y + height) * self._scale)


def regions_of(tracked: Sequence[Box], moving: Sequence[Box], width: int, height: int) -> list[Box]:
    """The square regions for the detector: around the tracked boxes, and around moving boxes outside of those."""
    regions = [_square(one, width, height) for one in _clustered(tracked)]
    alone = [one for one in moving if not any(_inside(one, region) for region in regions)]
    return regions + [_square(one, width, height) for one in _clustered(alone)]


def _clustered(boxes: Iterable[Box]) -> list[Box]:
    """Unions of boxes that share a region: the region has the least size, or each box still fills LEAST_SHARE_OF_REGION
    of it."""
    waiting = sorted(boxes, key=_area, reverse=True)
    unions: list[Box] = []
    while waiting:
        union, rest = waiting[0], []
        longest = _longest_side(union)
        for other in waiting[1:]:
            joined = _union(union, other)
            shorter = min(longest, _longest_side(other))
            if _side(joined) <= shorter:
                union, longest = joined, shorter
            else:
                rest.append(other)
        unions.append(union)
        waiting = rest
    return unions


def _longest_side(box: Box) -> float:
    return max(_side(box), math.sqrt(_area(box) / LEAST_SHARE_OF_REGION))


def _side(box: Box) -> float:
    return max(LEAST_REGION_PX, REGION_MARGIN * max(box[2] - box[0], box[3] - box[1]))


def _square(box: Box, width: int, height: int) -> Box:
    """The square around `box`, moved into the frame and clipped where it is larger; even coordinates, because chroma is
    subsampled."""
    side = math.ceil(_side(box) / 4) * 4
    sides: list[tuple[int, int]] = []
    for middle, extent in (((box[0] + box[2]) / 2, width), ((box[1] + box[3]) / 2, height)):
        start = round(min(max(middle - side / 2, 0), max(extent - side, 0))) // 2 * 2
        sides.append((start, min(start + side, extent)))
    (left, right), (top, bottom) = sides
    return (left, top, right, bottom)


@dataclass(frozen=True, slots=True)
class Found:
    """A person in a region. `clipped`: the box ends at an edge of the region that is not an edge of the frame."""

    box: Box
    score: float
    clipped: bool


def without_duplicates(found: Iterable[Found]) -> list[Found]:
    """Each person once, though regions overlap: whole boxes come before clipped ones, then higher scores."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda each: (each.clipped, -each.score)):
        if not any(_repeats(one, other) for other in kept):
            kept.append(one)
    return kept


def _repeats(one: Found, other: Found) -> bool:
    shared = _shared(one.box, other.box)
    if one.clipped and shared > CLIPPED_INSIDE_SHARE * _area(one.box):
        return True
    return shared > SAME_BOX_IOU * (_area(one.box) + _area(other.box) - shared)


@dataclass(slots=True)
class Track:
    """One object. `still` counts the frames since it last moved."""

    kalman: cv2.KalmanFilter
    box: Box
    anchor: Box
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=SCORES_KEPT))
    hits: int = 1
    missed: int = 0
    still: int = 0

    @property
    def is_real(self) -> bool:
        """Whether it is reported: seen often enough, with a median score that is high enough."""
        return self.hits >= MIN_HITS and statistics.median(self.scores) >= TRUE_POSITIVE_SCORE

    @property
    def is_gone(self) -> bool:
        """Whether to drop it: missed for too long, or before its first hits in a row."""
        return self.missed > (MAX_MISSED_FRAMES if self.hits >= MIN_HITS else 0)

    def rests(self, moving: Sequence[Box]) -> bool:
        """Whether the detector may skip it now: it is stationary, nothing moves on it, and its next detection is not
        due."""
        if self.still < STATIONARY_FRAMES or self.still % STATIONARY_INTERVAL_FRAMES == 0:
            return False
        return not any(_shared(self.box, one) for one in moving)


class Tracks:
    """Tracks boxes by their overlap with constant-velocity predictions."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self.real = 0
        """Number of reported objects."""
        self._resting: set[int] = set()

    def expected(self, moving: Sequence[Box]) -> list[Box]:
        """The predicted boxes of the objects that the detector must see; the others are skipped in this frame."""
        self._resting = {id(track) for track in self._tracks if track.rests(moving)}
        active = [track for track in self._tracks if id(track) not in self._resting]
        for track in active:
            track.box = _box_of(track.kalman.predict())
        return [track.box for track in active]

    def update(self, found: Sequence[Found]) -> None:
        """Take this frame's people. Call `expected` before."""
        free = set(range(len(found)))
        for track, index in self._pairs(found):
            free.discard(index)
            self._follow(track, found[index])
        for track in self._tracks:
            if id(track) in self._resting:
                track.still += 1
        self._tracks = [track for track in self._tracks if not track.is_gone]
        for index in sorted(free):
            one = found[index]
            self._tracks.append(Track(_kalman(one.box), one.box, one.box, deque([one.score], SCORES_KEPT)))

    def _pairs(self, found: Sequence[Found]) -> list[tuple[Track, int]]:
        if not self._tracks or not found:
            self._miss(set())
            return []
        overlap = iou_matrix(
            np.array([track.box for track in self._tracks], np.float32),
            np.array([one.box for one in found], np.float32),
        )
        pairs: list[tuple[int, int]] = []
        while overlap.max() >= FOLLOWS_IOU:
            row, column = divmod(int(overlap.argmax()), len(found))
            overlap[row], overlap[:, column] = 0.0, 0.0
            pairs.append((row, column))
        self._miss({row for row, _ in pairs})
        return [(self._tracks[row], column) for row, column in pairs]

    def _miss(self, followed: set[int]) -> None:
        for row, track in enumerate(self._tracks):
            if row not in followed and id(track) not in self._resting:
                track.missed += 1

    def _follow(self, track: Track, one: Found) -> None:
        was_real = track.is_real
        track.box = _box_of(track.kalman.correct(_measurement(one.box)))
        track.hits, track.missed = track.hits + 1, 0
        track.scores.append(one.score)
        self.real += track.is_real and not was_real
        shared = _shared(track.box, track.anchor)
        if shared >= STANDS_IOU * (_area(track.box) + _area(track.anchor) - shared):
            track.still += id(track) not in self._resting
        else:
            track.anchor, track.still = track.box, 0


def _kalman(box: Box) -> cv2.KalmanFilter:
    """A filter of centre, width and height with their velocities; the unit of time is a frame."""
    kalman = cv2.KalmanFilter(8, 4)
    kalman.transitionMatrix = np.eye(8, dtype=np.float32) + np.eye(8, k=4, dtype=np.float32)
    kalman.measurementMatrix = np.eye(4, 8, dtype=np.float32)
    kalman.processNoiseCov = np.diag(np.array([4.0] * 4 + [1.0] * 4, np.float32))
    kalman.measurementNoiseCov = np.eye(4, dtype=np.float32) * 4.0
    kalman.errorCovPost = np.diag(np.array([4.0] * 4 + [100.0] * 4, np.float32))
    kalman.statePost = np.concatenate((_measurement(box), np.zeros((4, 1), np.float32)))
    return kalman


def _measurement(box: Box) -> npt.NDArray[np.float32]:
    left, top, right, bottom = box
    return np.array([[(left + right) / 2], [(top + bottom) / 2], [right - left], [bottom - top]], np.float32)


def _box_of(state: cv2.typing.MatLike) -> Box:
    x, y, width, height = (float(one) for one in np.ravel(state)[:4])
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _shared(one: Box, other: Box) -> float:
    return _area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))


def _union(one: Box, other: Box) -> Box:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _inside(one: Box, region: Box) -> bool:
    return region[0] <= one[0] and region[1] <= one[1] and one[2] <= region[2] and one[3] <= region[3]
