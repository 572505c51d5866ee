"""`Detections`: the structure of arrays that every stage from the detector to the rules takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The people in one frame.

    boxes_xyxyn: (N, 4) float32, x1 y1 x2 y2 in normalised coordinates, origin top left, so that
        a change of resolution in mid-stream changes no track.
    scores: (N,) float32, 0..1.
    track_ids: (N,) int64, >= 1 if the detection belongs to a confirmed track, otherwise 0.

    Raises ValueError if the shapes disagree.
    """

    boxes_xyxyn: FloatArray
    scores: FloatArray
    track_ids: IntArray

    def __post_init__(self) -> None:
        count = len(self.boxes_xyxyn)
        if self.boxes_xyxyn.shape != (count, 4):
            raise ValueError(f"boxes_xyxyn must have the shape (N, 4), got {self.boxes_xyxyn.shape}")
        for name, array in (("scores", self.scores), ("track_ids", self.track_ids)):
            if array.shape != (count,):
                raise ValueError(f"{name} must have the shape ({count},) as there are {count} boxes, got {array.shape}")

    @classmethod
    def of(cls, boxes_xyxyn: npt.ArrayLike, scores: npt.ArrayLike, track_ids: npt.ArrayLike | None = None) -> Self:
        """Detections from anything array-like; without `track_ids` none is tracked."""
        boxes = np.asarray(boxes_xyxyn, dtype=np.float32).reshape(-1, 4)
        ids = np.zeros(len(boxes), dtype=np.int64) if track_ids is None else np.asarray(track_ids, dtype=np.int64)
        return cls(boxes, np.asarray(scores, dtype=np.float32).reshape(-1), ids.reshape(-1))

    @classmethod
    def empty(cls) -> Self:
        """No detections."""
        return cls.of(np.empty((0, 4)), np.empty(0))

    def __len__(self) -> int:
        return len(self.boxes_xyxyn)

    def select(self, mask: BoolArray) -> Detections:
        """The detections where `mask`, (N,) bool, is true."""
        return Detections(self.boxes_xyxyn[mask], self.scores[mask], self.track_ids[mask])

    @property
    def tracked(self) -> Detections:
        """The detections that belong to a confirmed track: the only ones that a rule may count."""
        return self.select(self.track_ids > 0)

    @property
    def foot_points_xyn(self) -> FloatArray:
        """(N, 2) float32, normalised: the middle of each box's lower edge, where the person stands."""
        boxes = self.boxes_xyxyn
        feet = boxes[:, 2:].copy()
        feet[:, 0] = (boxes[:, 0] + boxes[:, 2]) / 2
        return feet
