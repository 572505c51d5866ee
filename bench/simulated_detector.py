"""A simulated small detector: makes from true boxes the errors that break tracks, reproducibly by seed."""

from __future__ import annotations

import numpy as np

from bench.motdata import FloatArray, Truth
from edge.detections import Detections

# Cells of the raster by which the hidden share of a person is computed.
_GRID = (6, 12)


class SimulatedDetector:
    """Simulates occlusion by people lower in the frame, misses and low scores that persist for about a second, jitter
    that grows with occlusion, boxes around parts of people, and places that are always taken for a person at middling
    scores.

    Precision and recall by score are set to be about those of the default detector on PETS09-S2L1 and TUD-Campus
    (precision 0.3 at a score of 0.1, 0.9 at 0.5).
    """

    def __init__(self, aspect: float, dt_s: float, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._aspect = aspect
        self._memory = float(np.exp(-dt_s / 1.0))
        self._mood: dict[int, float] = {}
        x, y = self._rng.uniform(0.1, 0.9, 3), self._rng.uniform(0.2, 0.8, 3)
        self._clutter = np.stack((x, y, x + 0.1 / aspect, y + 0.25), axis=1)
        self._clutter_score = self._rng.uniform(0.3, 0.55, 3)

    def see(self, truth: Truth) -> Detections:
        """The detections in one frame, with scores from 0.1."""
        boxes, visible = truth.boxes_xyxyn, _visible_shares(truth.boxes_xyxyn)
        scores = np.array([self._score(int(person), share) for person, share in zip(truth.ids, visible, strict=True)])
        noisy = self._jitter(boxes, visible)
        kept = scores >= 0.1
        kept &= visible > 0.15
        noisy, scores = noisy[kept], scores[kept]
        present = self._rng.random(len(self._clutter)) < 0.8
        clutter_scores = np.array([self._clutter_of(place) for place in range(len(self._clutter))])
        partial, partial_scores = self._partials(boxes, visible)
        noisy = np.concatenate((noisy, self._clutter[present], partial))
        scores = np.concatenate((scores, clutter_scores[present], partial_scores))
        return Detections.of(np.clip(noisy, 0, 1), np.clip(scores, 0, 1))

    def _mood_of(self, who: int) -> float:
        """How visible a person, or below 0 a place, is now: unit variance, changing within a second."""
        old = self._mood.get(who, self._rng.normal())
        self._mood[who] = self._memory * old + self._rng.normal() * np.sqrt(1 - self._memory**2)
        return self._mood[who]

    def _clutter_of(self, place: int) -> float:
        return float(self._clutter_score[place] + 0.06 * self._mood_of(-1 - place) + 0.03 * self._rng.normal())

    def _score(self, person: int, visible: float) -> float:
        score = 0.1 + 0.65 * min(1.0, visible * 1.4) + 0.1 * self._mood_of(person) + 0.06 * self._rng.normal()
        return float(score) if self._rng.random() > 0.03 else 0.0

    def _partials(self, boxes: FloatArray, visible: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Boxes around parts of people and around two people together; most are weak."""
        source = np.repeat(np.arange(len(boxes)), self._rng.poisson(2.0 * visible))
        size = boxes[source, 2:] - boxes[source, :2]
        shift = self._rng.normal(size=size.shape) * [0.35, 0.15] * size
        half = size / 2 * np.exp(self._rng.normal(size=size.shape) * 0.3)
        centre = (boxes[source, :2] + boxes[source, 2:]) / 2 + shift
        scores = 0.1 + self._rng.exponential(0.1, len(source))
        return np.concatenate((centre - half, centre + half), axis=1), scores

    def _jitter(self, boxes: FloatArray, visible: FloatArray) -> FloatArray:
        heights = boxes[:, 3] - boxes[:, 1]
        spread = (0.02 + 0.06 * (1 - visible)) * heights
        shift = self._rng.normal(size=(len(boxes), 2)) * spread[:, None] / [self._aspect, 1.0]
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift
        stretch = np.exp(self._rng.normal(size=(len(boxes), 2)) * [0.08, 0.05] * (2 - visible)[:, None])
        half = (boxes[:, 2:] - boxes[:, :2]) / 2 * stretch
        return np.concatenate((centre - half, centre + half), axis=1)


def _visible_shares(boxes: FloatArray) -> FloatArray:
    """(N,) the share of each box that is not covered by boxes whose foot is lower in the frame."""
    shares = np.ones(len(boxes))
    u, v = np.meshgrid((np.arange(_GRID[0]) + 0.5) / _GRID[0], (np.arange(_GRID[1]) + 0.5) / _GRID[1])
    for index, box in enumerate(boxes):
        nearer = boxes[boxes[:, 3] > box[3]]
        x, y = box[0] + u.ravel() * (box[2] - box[0]), box[1] + v.ravel() * (box[3] - box[1])
        inside = (x[:, None] > nearer[:, 0]) & (x[:, None] < nearer[:, 2])
        inside &= (y[:, None] > nearer[:, 1]) & (y[:, None] < nearer[:, 3])
        shares[index] = 1 - inside.any(axis=1).mean()
    return shares
