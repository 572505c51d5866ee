"""Two-stage association in the manner of ByteTrack, on a motion model in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

import lap
import numpy as np
import numpy.typing as npt

from edge.detections import Detections
from edge.tracker.motion import Array, BoolArray, IndexArray, MotionBank, MotionSettings

# A side below a ten-thousandth of the picture is no person, and its logarithm no measurement.
SMALLEST_SIDE = 1e-4


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When a box begins, carries on and ends a track.

    strong_score: 0..1, from here on a box may begin a track (take the model's `strong_score`).
    confirm_hits, confirm_s: a track is confirmed with this many boxes, the last at least so long after the first.
    tentative_s: a track that is not confirmed is given up so long after its last box.
    lost_s: a confirmed one, so long after its last box.
    weak_s: weak boxes carry on only tracks whose last box is no older.
    gate: the highest cost of an association: squared distance in standard deviations, plus the logarithm of how much
        wider the track's uncertainty is than a fresh one's.
    """

    strong_score: float = 0.5
    confirm_hits: int = 2
    confirm_s: float = 0.1
    tentative_s: float = 1.0
    lost_s: float = 3.0
    weak_s: float = 1.0
    gate: float = 20.0
    weak_gate: float = 14.0
    motion: MotionSettings = field(default_factory=MotionSettings)

    def __post_init__(self) -> None:
        if not 0.0 <= self.strong_score <= 1.0:
            raise ValueError(f"strong_score must be between 0 and 1, got {self.strong_score}")
        if self.confirm_hits < 1:
            raise ValueError(f"confirm_hits must be >= 1, got {self.confirm_hits}")
        for name in ("confirm_s", "tentative_s", "lost_s", "weak_s"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be >= 0 seconds, got {getattr(self, name)}")
        for name in ("gate", "weak_gate"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


class Tracker:
    """The tracks of one camera. Ids count from 1 for each instance and are never given twice.

    Not thread-safe: one camera's frames come one after the other.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._bank = MotionBank(self._settings.motion)
        self._ids = np.empty(0, np.int64)
        self._hits = np.empty(0, np.int64)
        self._first_s, self._last_s = np.empty(0), np.empty(0)
        self._next_id = 1
        self._now_s: float | None = None

    def update(self, detections: Detections, captured_mono_s: float, aspect: float) -> Detections:
        """Take in one frame's detections, and give them back with `track_ids`, in the same order and number.

        A detection that no confirmed track carries has the id 0. `captured_mono_s` is the frame's capture time in
        seconds and must not decrease; `aspect` is the picture's width over its height. The result for a detection does
        not depend on the order of the others. Raises ValueError for a time that went back or an impossible aspect.
        """
        if not aspect > 0.0:
            raise ValueError(f"aspect must be positive, got {aspect}")
        self._advance(captured_mono_s)
        boxes = detections.boxes_xyxyn.astype(np.float64)
        smallest = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        usable = np.isfinite(boxes.sum(axis=1)) & (smallest > SMALLEST_SIDE)
        order = _canonical(boxes, detections.scores)
        chosen = order[usable[order]]
        measured = _measurements(boxes[chosen], aspect)
        rows = self._associate(measured, detections.scores[chosen].astype(np.float64), captured_mono_s)
        track_ids = np.zeros(len(detections), np.int64)
        track_ids[chosen[rows >= 0]] = self._ids[rows[rows >= 0]]
        return Detections(detections.boxes_xyxyn, detections.scores, track_ids)

    def _advance(self, now_s: float) -> None:
        if self._now_s is not None:
            if not now_s >= self._now_s:
                raise ValueError(f"captured_mono_s must not decrease: after {self._now_s} s came {now_s} s")
            self._bank.predict(now_s - self._now_s)
        self._now_s = now_s
        limits = np.where(self._ids > 0, self._settings.lost_s, self._settings.tentative_s)
        self._keep(now_s - self._last_s <= limits)

    def _keep(self, mask: BoolArray) -> None:
        self._bank.keep(mask)
        self._ids, self._hits = self._ids[mask], self._hits[mask]
        self._first_s, self._last_s = self._first_s[mask], self._last_s[mask]

    def _associate(self, measured: Array, scores: Array, now_s: float) -> IndexArray:
        """The track's row of each measurement, or -1."""
        settings = self._settings
        rows = np.full(len(measured), -1, np.intp)
        strong = scores >= settings.strong_score
        noise = np.ones(len(measured))
        cost = self._cost(measured, noise)
        confirmed = self._ids > 0
        fresh = now_s - self._last_s <= settings.weak_s
        self._match(cost, rows, confirmed, strong, settings.gate)
        self._match(cost, rows, confirmed & fresh, ~strong, settings.weak_gate)
        self._match(cost, rows, ~confirmed, strong, settings.gate)
        self._match(cost, rows, ~confirmed, ~strong, settings.weak_gate)
        hit = np.flatnonzero(rows >= 0)
        self._bank.correct(rows[hit], measured[hit], noise[hit])
        self._hits[rows[hit]] += 1
        self._last_s[rows[hit]] = now_s
        self._begin(measured, rows, (rows < 0) & strong, now_s)
        self._confirm(rows, now_s)
        return rows

    def _cost(self, measured: Array, noise: Array) -> Array:
        difference, variance = self._bank.innovations(measured, noise)
        least = np.array([self._settings.motion.box_noise**2] * 2)
        widening = np.log(variance[..., :2] / (least * self._bank.heights[:, None, None] ** 2)).sum(axis=2)
        cost: Array = (difference**2 / variance).sum(axis=2) + widening
        return cost

    def _match(self, cost: Array, rows: IndexArray, tracks: BoolArray, boxes: BoolArray, gate: float) -> None:
        """Assign the free ones among `tracks` (T,) to the free ones among `boxes` (N,) at the lowest total cost."""
        taken = np.zeros(len(tracks), np.bool_)
        taken[rows[rows >= 0]] = True
        free_tracks = np.flatnonzero(tracks & ~taken)
        free_boxes = np.flatnonzero(boxes & (rows < 0))
        if not len(free_tracks) or not len(free_boxes):
            return
        part = np.minimum(cost[np.ix_(free_tracks, free_boxes)], gate * 2)
        _, box_of_track, _ = lap.lapjv(part, extend_cost=True, cost_limit=gate)
        matched = np.flatnonzero(box_of_track >= 0)
        rows[free_boxes[box_of_track[matched]]] = free_tracks[matched]

    def _begin(self, measured: Array, rows: IndexArray, new: BoolArray, now_s: float) -> None:
        count = int(new.sum())
        rows[new] = len(self._bank) + np.arange(count)
        self._bank.append(measured[new])
        self._ids = np.concatenate((self._ids, np.zeros(count, np.int64)))
        self._hits = np.concatenate((self._hits, np.ones(count, np.int64)))
        self._first_s = np.concatenate((self._first_s, np.full(count, now_s)))
        self._last_s = np.concatenate((self._last_s, np.full(count, now_s)))

    def _confirm(self, rows: IndexArray, now_s: float) -> None:
        """Number the tracks that have earned it, in the canonical order of their boxes."""
        for row in rows[rows >= 0]:
            earned = self._hits[row] >= self._settings.confirm_hits
            if self._ids[row] == 0 and earned and now_s - self._first_s[row] >= self._settings.confirm_s:
                self._ids[row] = self._next_id
                self._next_id += 1


def _canonical(boxes: Array, scores: npt.NDArray[np.float32]) -> IndexArray:
    """An order that depends on the detections alone: the best first, equal ones by their boxes."""
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -scores))


def _measurements(boxes: Array, aspect: float) -> Array:
    """(N, 4) centre x y and logarithm of width and height, in picture heights."""
    scaled = boxes * np.array([aspect, 1.0, aspect, 1.0])
    size = scaled[:, 2:] - scaled[:, :2]
    return np.concatenate((scaled[:, :2] + size / 2, np.log(size)), axis=1)
