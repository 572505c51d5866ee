"""HOTA, IDF1 and identity switches of a tracker, from their papers.

HOTA: Luiten et al., IJCV 129:548 (2021), mean over the localisation thresholds 0.05 to 0.95. IDF1: Ristani et al., ECCV
    Workshops 2016. Identity switches: Bernardin and Stiefelhagen, EURASIP JIVP 2008, as the MOTChallenge counts them.
    `tests/bench` compares the scores with those of TrackEval where it is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lap
import numpy as np
import numpy.typing as npt

from bench.motdata import FloatArray
from models.layouts import iou_matrix

IntArray = npt.NDArray[np.int64]
ALPHAS = np.arange(0.05, 0.99, 0.05)
IOU = 0.5
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """One frame: true and tracked boxes (x1 y1 x2 y2 in normalised coordinates) with their ids."""

    true_boxes: FloatArray
    true_ids: IntArray
    boxes: FloatArray
    ids: IntArray


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """The sums behind the scores, so that sequences can be added."""

    true_positives: FloatArray
    misses: FloatArray
    false_positives: FloatArray
    association: FloatArray
    id_true_positives: int
    id_misses: int
    id_false_positives: int
    switches: int
    true_tracks: int

    def __add__(self, other: TrackingScores) -> TrackingScores:
        return TrackingScores(
            self.true_positives + other.true_positives,
            self.misses + other.misses,
            self.false_positives + other.false_positives,
            self.association + other.association,
            self.id_true_positives + other.id_true_positives,
            self.id_misses + other.id_misses,
            self.id_false_positives + other.id_false_positives,
            self.switches + other.switches,
            self.true_tracks + other.true_tracks,
        )

    @property
    def hota(self) -> float:
        """0..1: the geometric mean of detection and association accuracy, averaged over the thresholds."""
        detection = self.true_positives / np.maximum(1, self.true_positives + self.misses + self.false_positives)
        return float(np.sqrt(detection * self.association / np.maximum(1, self.true_positives)).mean())

    @property
    def idf1(self) -> float:
        """0..1: F1 of boxes under the best one-to-one assignment of whole tracks."""
        total = self.id_true_positives + (self.id_misses + self.id_false_positives) / 2
        return self.id_true_positives / total if total else 0.0


def score(frames: Sequence[TrackedFrame]) -> TrackingScores:
    """Score one sequence."""
    true_names, name_of = _renumber([frame.true_ids for frame in frames])
    track_names, track_of = _renumber([frame.ids for frame in frames])
    similarities = [
        iou_matrix(frame.true_boxes.astype(np.float32), frame.boxes.astype(np.float32)).astype(np.float64)
        for frame in frames
    ]
    shape = (true_names, track_names)
    hota = _hota(name_of, track_of, similarities, shape)
    id_hits, id_misses, id_false = _identity(name_of, track_of, similarities, shape)
    switches = _switches(name_of, track_of, similarities, true_names)
    return TrackingScores(*hota, id_hits, id_misses, id_false, switches, true_names)


def _renumber(ids: list[IntArray]) -> tuple[int, list[IntArray]]:
    known, numbered = np.unique(np.concatenate(ids) if ids else np.empty(0, np.int64), return_inverse=True)
    ends = np.cumsum([len(part) for part in ids])
    return len(known), [part.astype(np.int64) for part in np.split(numbered, ends[:-1])]


def _assign(gain: FloatArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of the assignment with the highest total gain."""
    if not gain.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    _, columns, _ = lap.lapjv(-gain, extend_cost=True)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows].astype(np.intp)


def _counts(ids: list[IntArray], total: int) -> FloatArray:
    return np.bincount(np.concatenate(ids), minlength=total).astype(np.float64)


def _hota(
    true_ids: list[IntArray], ids: list[IntArray], similarities: list[FloatArray], shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    potential = np.zeros(shape)
    for here, there, similarity in zip(true_ids, ids, similarities, strict=True):
        union = similarity.sum(0)[None, :] + similarity.sum(1)[:, None] - similarity
        share = np.divide(similarity, union, out=np.zeros_like(similarity), where=union > _EPSILON)
        potential[np.ix_(here, there)] += share
    true_count, count = _counts(true_ids, shape[0])[:, None], _counts(ids, shape[1])[None, :]
    alignment = potential / np.maximum(true_count + count - potential, _EPSILON)
    matches = np.zeros((len(ALPHAS), *shape))
    for here, there, similarity in zip(true_ids, ids, similarities, strict=True):
        rows, columns = _assign(alignment[np.ix_(here, there)] * similarity)
        for level, alpha in enumerate(ALPHAS):
            good = similarity[rows, columns] >= alpha - _EPSILON
            matches[level, here[rows[good]], there[columns[good]]] += 1
    hits = matches.sum(axis=(1, 2))
    association = (matches * matches / np.maximum(1, true_count + count - matches)).sum(axis=(1, 2))
    return hits, true_count.sum() - hits, count.sum() - hits, association


def _identity(
    true_ids: list[IntArray], ids: list[IntArray], similarities: list[FloatArray], shape: tuple[int, int]
) -> tuple[int, int, int]:
    together = np.zeros(shape)
    for here, there, similarity in zip(true_ids, ids, similarities, strict=True):
        rows, columns = np.nonzero(similarity >= IOU)
        together[here[rows], there[columns]] += 1
    # Leaving both tracks alone gains nothing, so the best assignment is the one that shares most boxes.
    rows, columns = _assign(together)
    hits = int(together[rows, columns].sum())
    return hits, sum(map(len, true_ids)) - hits, sum(map(len, ids)) - hits


def _switches(true_ids: list[IntArray], ids: list[IntArray], similarities: list[FloatArray], total: int) -> int:
    last, previous = np.full(total, -1), np.full(total, -1)
    switches = 0
    for here, there, similarity in zip(true_ids, ids, similarities, strict=True):
        if not len(here) or not len(there):
            # As TrackEval does: an empty frame leaves the previous one in force.
            continue
        gain = 1000.0 * (there[None, :] == previous[here][:, None]) + similarity
        gain[similarity < IOU - _EPSILON] = 0
        rows, columns = _assign(gain)
        good = gain[rows, columns] > _EPSILON
        people, tracks = here[rows[good]], there[columns[good]]
        switches += int(((last[people] >= 0) & (last[people] != tracks)).sum())
        last[people] = tracks
        previous[:] = -1
        previous[people] = tracks
    return switches
