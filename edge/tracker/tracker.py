"""Two-stage association in the manner of ByteTrack, with a motion model in seconds.

ByteTrack (Zhang et al., ECCV 2022) first associates strong boxes with all tracks, and then weak boxes with the tracks
that remain; so does this tracker. ByteTrack measures similarity by overlap, which fails at 2 frames per second, when
walkers have left their last box. Here the likelihood under a motion model takes its place, whose uncertainty grows with
the time since the track's last box.
"""

from __future__ import annotations

import lap
import numpy as np

from edge.detections import Detections
from edge.tracker.boxes import canonical_order, corners, measurements, overlaps
from edge.tracker.kalman import Array, BoolArray, IndexArray, KalmanBank
from edge.tracker.settings import TrackerSettings

SMALLEST_SIDE = 1e-4
"""Boxes with a side below this, in normalised coordinates, are ignored: the logarithm of their size means nothing."""
LONGEST_GAP_S = 5.0
"""No track continues over a longer gap between two frames."""
EVIDENCE_PER_SCORE = 10.0
"""Growth of the log-odds that a box is a person with the box's score. With the default detector on PETS09-S2L1, 20 % of
the boxes with scores of 0.4 to 0.5 are people, 62 % from 0.5 to 0.6, 86 % from 0.6 to 0.7 and 96 % above."""


class Tracker:
    """The tracks of one camera. Track ids count from 1 per instance and are never reused. Not thread-safe."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._bank = KalmanBank(self._settings.kalman)
        self._ids = np.empty(0, np.int64)
        self._hits = np.empty(0, np.int64)
        self._evidence = np.empty(0)
        self._first_s, self._last_s = np.empty(0), np.empty(0)
        self._next_id = 1
        self._now_s: float | None = None

    def update(self, detections: Detections, captured_mono_s: float, aspect: float) -> Detections:
        """Take in one frame's detections and return them, in the same order, with their `track_ids`.

        A detection that belongs to no confirmed track has the id 0. captured_mono_s: the frame's capture time in
        seconds; must not decrease. aspect: the frame's width over its height, > 0. The result does not depend on the
        order of the detections. Raises ValueError for a time that goes back or an impossible aspect.
        """
        if not aspect > 0.0:
            raise ValueError(f"aspect must be positive, got {aspect}")
        self._advance(captured_mono_s)
        boxes = detections.boxes_xyxyn.astype(np.float64)
        smallest = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        usable = np.isfinite(boxes.sum(axis=1)) & (smallest > SMALLEST_SIDE)
        usable &= detections.scores >= min(self._settings.weak_score, self._settings.strong_score)
        order = canonical_order(boxes, detections.scores)
        chosen = order[usable[order]]
        rows = self._associate(
            measurements(boxes[chosen], aspect), detections.scores[chosen].astype(np.float64), captured_mono_s
        )
        track_ids = np.zeros(len(detections), np.int64)
        track_ids[chosen[rows >= 0]] = self._ids[rows[rows >= 0]]
        return Detections(detections.boxes_xyxyn, detections.scores, track_ids)

    def _advance(self, now_s: float) -> None:
        """Advance the tracks to `now_s` and remove those whose last box is too old."""
        if self._now_s is None:
            self._now_s = now_s
        gap_s = now_s - self._now_s
        if not gap_s >= 0.0:
            raise ValueError(f"captured_mono_s must not decrease: after {self._now_s} s came {now_s} s")
        self._bank.predict(gap_s)
        limits_s = np.where(self._ids > 0, self._settings.lost_s, self._settings.tentative_s)
        # When frames are further apart than the limits, tracks of the last frame may still continue in this one.
        seen_last = (self._last_s == self._now_s) & (gap_s <= LONGEST_GAP_S)
        kept = (now_s - self._last_s <= limits_s) | seen_last
        if not kept.all():
            self._keep(kept)
        self._now_s = now_s

    def _keep(self, mask: BoolArray) -> None:
        self._bank.keep(mask)
        self._ids, self._hits, self._evidence = self._ids[mask], self._hits[mask], self._evidence[mask]
        self._first_s, self._last_s = self._first_s[mask], self._last_s[mask]

    def _associate(self, measured: Array, scores: Array, now_s: float) -> IndexArray:
        """(N,) index of the track of each measurement; -1 for a measurement that belongs to none."""
        settings = self._settings
        strong = scores >= settings.strong_score
        noise = np.where(strong, 1.0, settings.weak_noise)
        cost = self._cost(measured, noise)
        boxes = corners(measured[:, :2], measured[:, 2:])
        confirmed = self._ids > 0
        rows = np.full(len(measured), -1, np.intp)
        _match(cost, rows, confirmed, strong, settings.gate)
        if strong.all():
            _match(cost, rows, ~confirmed, strong, settings.gate)
        else:
            overlap, _ = overlaps(corners(self._bank.position, self._bank.log_size), boxes)
            weak_cost = np.where(overlap >= settings.weak_iou, cost, np.inf)
            fresh = now_s - self._last_s <= settings.weak_s
            _match(weak_cost, rows, confirmed & fresh, ~strong, settings.weak_gate)
            _match(cost, rows, ~confirmed, strong, settings.gate)
            _match(weak_cost, rows, ~confirmed, ~strong, settings.weak_gate)
        hit = (rows >= 0).nonzero()[0]
        self._bank.correct(rows[hit], measured[hit], noise[hit])
        self._credit(rows[hit], scores[hit], now_s)
        new = self._may_begin(boxes, rows, strong)
        if len(new):
            self._begin(measured[new], scores[new], now_s)
            rows[new] = np.arange(len(self._ids) - len(new), len(self._ids))
        self._confirm(rows, now_s)
        return rows

    def _cost(self, measured: Array, noise: Array) -> Array:
        """(T, N) twice the negative log-likelihood without its constants, with the position's widening capped."""
        difference, variance = self._bank.innovations(measured, noise)
        fresh = (self._settings.kalman.box_noise * self._bank.heights[:, None, None]) ** 2
        widening = np.log(variance[..., :2] / fresh).sum(axis=2)
        cost: Array = (difference**2 / variance).sum(axis=2) + np.minimum(widening, self._settings.widening_cap)
        return cost

    def _credit(self, rows: IndexArray, scores: Array, now_s: float) -> None:
        """Add the evidence of the boxes that tracks were associated with."""
        settings = self._settings
        weight = np.minimum(1.0, (now_s - self._last_s[rows]) / settings.evidence_interval_s)
        gained = self._evidence[rows] + weight * EVIDENCE_PER_SCORE * (scores - settings.strong_score)
        self._evidence[rows] = np.maximum(gained, settings.least_evidence)
        self._hits[rows] += 1
        self._last_s[rows] = now_s

    def _may_begin(self, boxes: Array, rows: IndexArray, strong: BoolArray) -> IndexArray:
        """Indices of strong boxes without a track that do not repeat a better box or one with a track."""
        known = rows >= 0
        new: list[int] = []
        candidates = (strong & ~known).nonzero()[0]
        if len(candidates):
            overlap, inside = overlaps(boxes[candidates], boxes)
            repeats = (overlap > self._settings.birth_iou) | (inside > self._settings.birth_inside)
            for index, repeated in zip(candidates.tolist(), repeats, strict=True):
                if not (repeated & known).any():
                    known[index] = True
                    new.append(index)
        return np.array(new, dtype=np.intp)

    def _begin(self, measured: Array, scores: Array, now_s: float) -> None:
        count = len(measured)
        self._bank.append(measured)
        self._ids = np.concatenate((self._ids, np.zeros(count, np.int64)))
        self._hits = np.concatenate((self._hits, np.ones(count, np.int64)))
        evidence = EVIDENCE_PER_SCORE * (scores - self._settings.strong_score)
        self._evidence = np.concatenate((self._evidence, evidence))
        self._first_s = np.concatenate((self._first_s, np.full(count, now_s)))
        self._last_s = np.concatenate((self._last_s, np.full(count, now_s)))

    def _confirm(self, rows: IndexArray, now_s: float) -> None:
        """Give ids to tracks with enough boxes and evidence, in the canonical order of their boxes."""
        settings = self._settings
        seen = rows[rows >= 0]
        earned = (self._ids[seen] == 0) & (self._hits[seen] >= settings.confirm_hits)
        earned &= (self._evidence[seen] >= settings.confirm_evidence) & (
            now_s - self._first_s[seen] >= settings.confirm_s
        )
        confirmed = seen[earned]
        self._ids[confirmed] = np.arange(self._next_id, self._next_id + len(confirmed))
        self._next_id += len(confirmed)


def _match(cost: Array, rows: IndexArray, tracks: BoolArray, boxes: BoolArray, gate: float) -> None:
    """Assign free tracks among `tracks`, (T,) bool, to free boxes among `boxes`, (N,) bool, at the lowest total cost.

    cost: (T, N); pairs that cost more than `gate` are never assigned. Writes the tracks' indices into `rows`, (N,).
    """
    free_boxes = (boxes & (rows < 0)).nonzero()[0]
    if not len(free_boxes):
        return
    free = tracks.copy()
    free[rows[rows >= 0]] = False
    free_tracks = free.nonzero()[0]
    if not len(free_tracks):
        return
    part = np.minimum(cost[free_tracks[:, None], free_boxes], gate * 2)
    _, box_of_track, _ = lap.lapjv(part, extend_cost=True, cost_limit=gate)
    matched = (box_of_track >= 0).nonzero()[0]
    rows[free_boxes[box_of_track[matched]]] = free_tracks[matched]
