"""What a tracker takes for granted about people, boxes and scores."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.tracker.kalman import KalmanSettings


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When a box begins, carries on and ends a track. Times are seconds, never frames.

    The values were found by a random search on simulated sequences and rounded; docs/design/tracking.md says on which.

    strong_score: 0..1, from here on a box may begin a track (take the model's `strong_score`).
    weak_score: weaker boxes are not looked at.
    confirm_hits, confirm_s: a track is confirmed with this many boxes at least, the last so long after the first,
    confirm_evidence: and not before its scores add up to this: each box adds ten times what it has above
        `strong_score`, or takes away what it lacks. A thing taken for a person at middling scores hardly gets there.
    least_evidence: how far a track may fall behind.
    look_s: boxes that follow one another faster count in proportion, as they see the same thing the same way.
    tentative_s, lost_s: a track that is not confirmed, or is, ends so long after its last box.
    gate, weak_gate: the highest cost of an association with a strong and with a weak box: squared distance in standard
        deviations, plus the logarithm of how much more uncertain the track's place is than a fresh box's.
    widening_cap: that logarithm counts for no more, so that rare frames can be bridged at all.
    weak_iou: a weak box must overlap the place where the track is expected by so much,
    weak_s: whose last box must be no older than this.
    weak_noise: how much noisier a weak box is.
    birth_iou, birth_inside: a strong box that overlaps a better one by so much, or lies in it (or the other way
        round) by so much of the smaller, begins no track.
    """

    strong_score: float = 0.5
    weak_score: float = 0.25
    confirm_hits: int = 2
    confirm_s: float = 0.1
    confirm_evidence: float = 2.0
    least_evidence: float = -3.0
    look_s: float = 0.2
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
        for name in ("gate", "weak_gate", "look_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("confirm_hits", "weak_noise"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not self.least_evidence <= 0.0:
            raise ValueError(f"least_evidence must be <= 0, got {self.least_evidence}")
