"""One camera's analysis: a frame goes in, and what its behaviours mean for the outside leaves through the recorder.

Not thread-safe: the inference thread owns it, with everything that it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contract.clock import Instant
from contract.reasons import Reason
from edge.detections import Detections
from edge.frame import Frame
from edge.history import TrackHistory
from edge.rules.camera import CameraBehaviours
from edge.rules.signal import Observation, Signal
from edge.tracker import Tracker

UNSEEN_CLOSE_S = 15.0
"""Without a picture for so long, whatever is open is ended: presence episodes bridge 10 s, so nothing is cut short."""


class PersonDetector(Protocol):
    """What the analysis needs of a detector."""

    def detect(self, frame: Frame) -> Detections:
        """The people in the frame."""
        ...


class SignalSink(Protocol):
    """Where signals go, with the picture on which they were decided, if there is one."""

    def record(self, signal: Signal, frame: Frame | None) -> None:
        """Take a signal over."""
        ...


class CameraAnalysis:
    """Detector, tracker, behaviours of one camera, in this order, on every frame that it is given."""

    def __init__(
        self,
        detector: PersonDetector,
        tracker: Tracker,
        behaviours: CameraBehaviours,
        *,
        history: TrackHistory,
        sink: SignalSink,
        watch: Callable[[Frame, Detections, list[Signal]], None] | None = None,
    ) -> None:
        """`watch` is shown every analysed frame with its tracked people and the signals of it; replay draws from it."""
        self._detector = detector
        self._tracker = tracker
        self._behaviours = behaviours
        self._history = history
        self._sink = sink
        self._watch = watch
        self._latest: Instant | None = None
        self._idle = True

    @property
    def people_count(self) -> int:
        """Confirmed people in the newest frame."""
        return self._behaviours.people_count

    @property
    def newest(self) -> Instant | None:
        """When the newest analysed frame was captured; None before the first."""
        return self._latest

    def analyse(self, frame: Frame) -> None:
        """Take in the camera's next frame; one that is older than the last (late after a reconnect) is left out."""
        at = frame.captured
        if self._latest is not None and at.mono_s <= self._latest.mono_s:
            return
        self._latest, self._idle = at, False
        people = self._tracker.update(self._detector.detect(frame), at.mono_s, frame.aspect)
        self._history.add(at.mono_s, people)
        signals = self._behaviours.observe(Observation(at, people, frame.aspect))
        if self._watch is not None:
            self._watch(frame, people, signals)
        for signal in signals:
            self._sink.record(signal, frame)

    def close_if_unseen(self, now_mono_s: float) -> None:
        """End what is open when the camera has shown nothing for `UNSEEN_CLOSE_S`."""
        if self._latest is not None and not self._idle and now_mono_s - self._latest.mono_s >= UNSEEN_CLOSE_S:
            self.close(Reason(code="camera_lost"))

    def close(self, reason: Reason) -> None:
        """End what is open as of the newest frame: afterwards nobody knows."""
        self._idle = True
        if self._latest is not None:
            for signal in self._behaviours.close(self._latest, reason):
                self._sink.record(signal, None)
