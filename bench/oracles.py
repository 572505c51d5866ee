"""Third-party trackers behind one interface: ByteTrack and OC-SORT of the package `trackers` (Apache-2.0)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bench.motdata import FloatArray
from edge.detections import Detections
from edge.tracker import Tracker, TrackerSettings

OUTPUT_PX = 1000.0


class SequenceTracker(Protocol):
    """Tracks the people of one camera; returns the boxes and ids of confirmed tracks."""

    def follow(self, detections: Detections, at_s: float, aspect: float) -> tuple[FloatArray, FloatArray]: ...


class Ours:
    """The edge's tracker."""

    def __init__(self, settings: TrackerSettings) -> None:
        self._tracker = Tracker(settings)

    def follow(self, detections: Detections, at_s: float, aspect: float) -> tuple[FloatArray, FloatArray]:
        people = self._tracker.update(detections, at_s, aspect).tracked
        return people.boxes_xyxyn.astype(np.float64), people.track_ids.astype(np.float64)


@dataclass
class Oracle:
    """A tracker of the package. It gets pixels of an image OUTPUT_PX high."""

    tracker: Any

    def follow(self, detections: Detections, at_s: float, aspect: float) -> tuple[FloatArray, FloatArray]:
        import supervision as sv

        del at_s  # they run at the fixed rate that they were made for: with real times they score no better
        scale = np.array([aspect, 1.0, aspect, 1.0]) * OUTPUT_PX
        found = self.tracker.update(
            sv.Detections(
                xyxy=(detections.boxes_xyxyn * scale).astype(np.float32),
                confidence=detections.scores,
                class_id=np.zeros(len(detections), dtype=int),
            )
        )
        ids = np.asarray(found.tracker_id if found.tracker_id is not None else np.empty(0), dtype=np.float64)
        good = ids >= 0
        return np.asarray(found.xyxy, dtype=np.float64)[good] / scale, ids[good]


Factory = Callable[[float], SequenceTracker]


def oracles(strong_score: float) -> dict[str, Factory]:
    """The oracles by name, each with a factory for a frame rate; empty where the package is not installed.

    `-default` keeps the package's own thresholds, which are set for a larger detector; the others get our score
    threshold.
    """
    if importlib.util.find_spec("trackers") is None:
        return {}
    from trackers import ByteTrackTracker, OCSORTTracker

    return {
        "bytetrack": lambda rate: Oracle(
            ByteTrackTracker(
                frame_rate=rate, track_activation_threshold=strong_score, high_conf_det_threshold=strong_score
            )
        ),
        "bytetrack-default": lambda rate: Oracle(ByteTrackTracker(frame_rate=rate)),
        "ocsort": lambda rate: Oracle(OCSORTTracker(frame_rate=rate, high_conf_det_threshold=strong_score)),
        "ocsort-default": lambda rate: Oracle(OCSORTTracker(frame_rate=rate)),
    }
