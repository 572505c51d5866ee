"""The assumptions of a tracker about people, boxes and scores."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.tracker.kalman import KalmanSettings


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When a box begins, continues and ends a track. Times are seconds, never frames.

    The values were found by a random search on simulated sequences and rounded: docs/design/tracking.md.

    strong_score: 0..1. From this score on a box may begin a track (take the model's `strong_score`).
    weak_score: 0..1. Boxes with a lower score are ignored.
    confirm_hits: boxes, at least, of a confirmed track.
    confirm_s: time, at least, from the first to the last of them.
    confirm_evidence: evidence, at least, of a confirmed track. Each box adds ten times what its score has above
        `strong_score`, or subtracts what it lacks. A thing taken for a person at middling scores hardly gets there.
    least_evidence: lower limit of a track's evidence, <= 0.
    evidence_interval_s: a box that follows the one before sooner than this counts in proportion, because both show the
        same thing in the same way.
    tentative_s, lost_s: an unconfirmed and a confirmed track end this long after their last box.
    gate, weak_gate: highest cost of an association with a strong and with a weak box: squared distance in standard
        deviations, plus the logarithm of how much less certain the track's position is than a fresh box's.
    widening_cap: upper limit of that logarithm, so that tracks can be continued over rare frames at all.
    weak_iou: 0..1. A weak box continues a track if it overlaps the track's expected box by this IoU,
    weak_s: and if the track's last box is no older than this.
    weak_noise: standard deviation of a weak box's position, relative to a strong one's, >= 1.
    birth_iou, birth_inside: 0..1. A strong box begins no track if its IoU with a better box exceeds the one, or the
        intersection over the smaller box exceeds the other.
    kalman: the motion model.

    Raises ValueError for a value outside its range.
    """

    strong_score: float = 0.5
    weak_score: float = 0.25
    confirm_hits: int = 2
    confirm_s: float = 0.1
    confirm_evidence: float = 2.0
    least_evidence: float = -3.0
    evidence_interval_s: float = 0.2
    tentative_s: float = 0.6
    lost_s: float = 2.5
    gate: float = 12.0
    weak_gate: float = 7.0
    widening_cap: float = 9.0
    weak_iou: float = 0.25
    weak_s: float = 1.0
    weak_noise: float = 1.5
    birth_iou: float = 0.35
    birth_inside: float = 0.8
    kalman: KalmanSettings = field(default_factory=KalmanSettings)

    def __post_init__(self) -> None:
        for name in ("strong_score", "weak_score", "weak_iou", "birth_iou", "birth_inside"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")
        for name in ("confirm_s", "tentative_s", "lost_s", "weak_s", "confirm_evidence", "widening_cap"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        for name in ("gate", "weak_gate", "evidence_interval_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("confirm_hits", "weak_noise"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not self.least_evidence <= 0.0:
            raise ValueError(f"least_evidence must be <= 0, got {self.least_evidence}")
