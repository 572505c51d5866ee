"""One camera's analysis: detector, tracker and rules turn each frame into signals for a sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from contract.clock import Instant
from contract.reasons import Reason
from edge.crowds.crowd_detector import CrowdDetector
from edge.crowds.optical_flow import CrowdFlow
from edge.decode.frame import Frame
from edge.detections import Detections, FloatArray
from edge.events.track_history import TrackHistory
from edge.rules.engine import CameraBehaviours
from edge.signals import Observation, Signal
from edge.tracker import Tracker

COUNTED_SCORE = 0.5
"""A detection without a track counts as a person in view from this score on."""

ASPECT_TOLERANCE = 0.02

UNSEEN_CLOSE_S = 15.0
"""Without a frame for this long, open signals are ended. Longer than the 10 s that presence episodes bridge."""

FrameObserver = Callable[[Frame, Detections, list[Signal]], None]
"""Called with an analysed frame, its tracked people and its signals."""


class PersonDetector(Protocol):
    """What the analysis needs of a detector."""

    def detect(self, frame: Frame) -> Detections:
        """The people in the frame."""
        ...


class SignalSink(Protocol):
    """Takes signals, with the frame on which the rule decided, if there is one."""

    def record(self, signal: Signal, frame: Frame | None) -> None:
        """Take the next signal."""
        ...


class PeopleListener(Protocol):
    """Decides how closely the camera is watched, and needs to know whether people are in view."""

    def people_seen(self, people: int, boxes_xyxyn: FloatArray) -> None:
        """The number of people in view and their boxes, (N, 4) in normalised coordinates."""
        ...


class CameraAnalysis:
    """Detector, tracker and rules of one camera, applied to every frame that it is given.

    Not thread-safe: the inference thread owns it, with everything that it holds.
    """

    def __init__(
        self,
        detector: PersonDetector,
        tracker: Tracker,
        behaviours_for: Callable[[float], CameraBehaviours],
        *,
        history: TrackHistory,
        sink: SignalSink,
        people_listener: PeopleListener | None = None,
        crowd_detector: CrowdDetector | None = None,
        on_frame: FrameObserver | None = None,
    ) -> None:
        """`behaviours_for` builds the rules for a frame's aspect, which is known from the first frame on.

        `crowd_detector` runs tiles on crowds that are too dense to count; without it they are not estimated. `on_frame`
        is called with every analysed frame, its tracked people and its signals.
        """
        self._detector = detector
        self._tracker = tracker
        self._behaviours_for = behaviours_for
        self._behaviours: CameraBehaviours | None = None
        self._aspect = 0.0
        self._history = history
        self._sink = sink
        self._people_listener = people_listener
        self._on_frame = on_frame
        self._crowd_flow = CrowdFlow()
        self._crowd_detector = crowd_detector
        self._latest: Instant | None = None
        self._idle = True
        self._inhibited = False

    @property
    def people_count(self) -> int:
        """The number of confirmed people in the newest frame."""
        return 0 if self._behaviours is None else self._behaviours.people_count

    @property
    def newest(self) -> Instant | None:
        """When the newest analysed frame was captured; None before the first."""
        return self._latest

    def analyse(self, frame: Frame) -> None:
        """Analyse the camera's next frame. A frame older than the last one (late after a reconnect) is ignored."""
        at = frame.captured
        if self._latest is not None and at.mono_s <= self._latest.mono_s:
            return
        self._latest = at
        if self._inhibited:
            return
        self._idle = False
        people = self._tracker.update(self._detector.detect(frame), at.mono_s, frame.aspect)
        self._history.add(at.mono_s, people)
        signals = self._observe(frame, people)
        self._report_people(people)
        if self._on_frame is not None:
            self._on_frame(frame, people, signals)
        for signal in signals:
            self._sink.record(signal, frame)

    def _observe(self, frame: Frame, people: Detections) -> list[Signal]:
        """The signals of the rules, with optical flow and tiled inference while a crowd is too dense to count."""
        behaviours = self._behave(frame.aspect)
        wanted = behaviours.requests(frame.captured.mono_s, people)
        flow = self._crowd_flow.measure(frame) if wanted.optical_flow else None
        tile_detections = None
        if self._crowd_detector is not None and wanted.tiles is not None:
            tile_detections = self._crowd_detector.detect(frame, wanted.tiles)
        return behaviours.observe(Observation(frame.captured, people, frame.aspect, flow, tile_detections))

    def _behave(self, aspect: float) -> CameraBehaviours:
        """The rules for this aspect. After a change of aspect the view is another one, and open signals are ended."""
        if self._behaviours is None or abs(aspect / self._aspect - 1.0) > ASPECT_TOLERANCE:
            if self._behaviours is not None:
                self.close(Reason(code="camera_lost"))
            self._behaviours, self._aspect = self._behaviours_for(aspect), aspect
        return self._behaviours

    def _report_people(self, people: Detections) -> None:
        if self._people_listener is None:
            return
        counted = people.select((people.track_ids > 0) | (people.scores >= COUNTED_SCORE))
        self._people_listener.people_seen(len(counted), counted.boxes_xyxyn)

    def inhibit(self, inhibited: bool) -> None:
        """Stop or resume analysis: while a fault affects the view, open signals are ended and frames ignored."""
        if inhibited and not self._inhibited:
            self.close(Reason(code="camera_at_fault"))
        self._inhibited = inhibited

    def take_shadow(self) -> tuple[Signal, ...]:
        """The signals of rules in shadow mode since the last call: to be logged, never to alert."""
        return () if self._behaviours is None else self._behaviours.shadow.take()

    def close_if_unseen(self, now_mono_s: float) -> None:
        """End open signals when the camera has sent no frame for `UNSEEN_CLOSE_S`."""
        if self._latest is not None and not self._idle and now_mono_s - self._latest.mono_s >= UNSEEN_CLOSE_S:
            self.close(Reason(code="camera_lost"))

    def close(self, reason: Reason) -> None:
        """End open signals as of the newest frame, since nothing was observed after it."""
        self._idle = True
        if self._latest is not None and self._behaviours is not None:
            for signal in self._behaviours.close(self._latest, reason):
                self._sink.record(signal, None)
