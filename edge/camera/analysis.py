"""One camera's analysis: a frame goes in, and what its behaviours mean for the outside leaves through the recorder.

Not thread-safe: the inference thread owns it, with everything that it holds.
"""

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

BELIEVED_SCORE = 0.5
"""From here on a box that no track carries (yet) counts as somebody who may be there."""

ASPECT_TOLERANCE = 0.02

UNSEEN_CLOSE_S = 15.0
"""Without a picture for so long, whatever is open is ended: presence episodes bridge 10 s, so nothing is cut short."""


FrameObserver = Callable[[Frame, Detections, list[Signal]], None]
"""Called with an analysed frame, its tracked people and its signals."""


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


class ViewWatcher(Protocol):
    """Who decides how closely the camera is watched, and therefore must know who is there."""

    def people_seen(self, people: int, boxes_xyxyn: FloatArray) -> None:
        """How many people are in view as far as is known, and where: (N, 4) in parts of the picture."""
        ...


class CameraAnalysis:
    """Detector, tracker, behaviours of one camera, in this order, on every frame that it is given."""

    def __init__(
        self,
        detector: PersonDetector,
        tracker: Tracker,
        behaviours_for: Callable[[float], CameraBehaviours],
        *,
        history: TrackHistory,
        sink: SignalSink,
        watcher: ViewWatcher | None = None,
        crowd_detector: CrowdDetector | None = None,
        on_frame: FrameObserver | None = None,
    ) -> None:
        """`behaviours_for` makes the behaviours for a picture's aspect, which only the first frame tells.

        `crowd_detector` runs tiles on crowds that are too dense to count; without it they are not estimated. `on_frame`
        is shown every analysed frame with its tracked people and its signals: replay draws it.
        """
        self._detector = detector
        self._tracker = tracker
        self._behaviours_for = behaviours_for
        self._behaviours: CameraBehaviours | None = None
        self._aspect = 0.0
        self._history = history
        self._sink = sink
        self._watcher = watcher
        self._on_frame = on_frame
        self._crowd_flow = CrowdFlow()
        self._crowd_detector = crowd_detector
        self._latest: Instant | None = None
        self._idle = True
        self._inhibited = False

    @property
    def people_count(self) -> int:
        """Confirmed people in the newest frame."""
        return 0 if self._behaviours is None else self._behaviours.people_count

    @property
    def newest(self) -> Instant | None:
        """When the newest analysed frame was captured; None before the first."""
        return self._latest

    def analyse(self, frame: Frame) -> None:
        """Take in the camera's next frame; one that is older than the last (late after a reconnect) is left out."""
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
        self._tell_watcher(people)
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
        """The behaviours for this aspect. Another one than before is another view: what was open is ended."""
        if self._behaviours is None or abs(aspect / self._aspect - 1.0) > ASPECT_TOLERANCE:
            if self._behaviours is not None:
                self.close(Reason(code="camera_lost"))
            self._behaviours, self._aspect = self._behaviours_for(aspect), aspect
        return self._behaviours

    def _tell_watcher(self, people: Detections) -> None:
        if self._watcher is None:
            return
        believed = people.select((people.track_ids > 0) | (people.scores >= BELIEVED_SCORE))
        self._watcher.people_seen(len(believed), believed.boxes_xyxyn)

    def inhibit(self, inhibited: bool) -> None:
        """While the camera's picture cannot be believed, nothing is concluded from it: what is open is ended."""
        if inhibited and not self._inhibited:
            self.close(Reason(code="camera_at_fault"))
        self._inhibited = inhibited

    def take_shadow(self) -> tuple[Signal, ...]:
        """What rules in shadow have said since the last call, to be logged and never to alert."""
        return () if self._behaviours is None else self._behaviours.shadow.take()

    def close_if_unseen(self, now_mono_s: float) -> None:
        """End what is open when the camera has shown nothing for `UNSEEN_CLOSE_S`."""
        if self._latest is not None and not self._idle and now_mono_s - self._latest.mono_s >= UNSEEN_CLOSE_S:
            self.close(Reason(code="camera_lost"))

    def close(self, reason: Reason) -> None:
        """End what is open as of the newest frame: afterwards nobody knows."""
        self._idle = True
        if self._latest is not None and self._behaviours is not None:
            for signal in self._behaviours.close(self._latest, reason):
                self._sink.record(signal, None)
