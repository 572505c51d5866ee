"""Replay: the very analysis of the worker on a video file, at any speed, to see what would alert.

Nothing is stored and nothing is sent. The file's first picture is given a time of one's choice, because hours of the
day and of the week matter to the rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from contract.clock import Instant, SystemClock
from contract.event import Phase
from contract.reasons import Reason
from edge.camera.analysis import CameraAnalysis
from edge.camera.unit import behaviours_of
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from edge.config import CameraConfig, DeviceConfig
from edge.crowds.close_look import CrowdLook
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from edge.detections import Detections
from edge.detector import Detector
from edge.detector.far_people import far_sighted
from edge.events.track_history import TrackHistory
from edge.learned.state import CameraLearned
from edge.signals import Signal
from edge.tracker import Tracker, TrackerSettings
from models.manifest import load_manifest

Watcher = Callable[[Frame, Detections, list[Signal]], None]


@dataclass(slots=True)
class ReplayReport:
    """What a replay found. Seconds of `began_s` and so on count from the file's first picture."""

    frames: int = 0
    duration_s: float = 0.0
    people_most: int = 0
    signals: list[Signal] = field(default_factory=list)

    @property
    def began(self) -> list[Signal]:
        """The signals that would have opened an alert."""
        return [signal for signal in self.signals if signal.phase is Phase.BEGAN]

    def ended(self, began: Signal) -> Signal | None:
        """The last word about a signal, if it came."""
        return next((one for one in self.signals if one.key == began.key and one.phase is Phase.ENDED), None)


class _Collector:
    def __init__(self, report: ReplayReport) -> None:
        self._report = report

    def record(self, signal: Signal, frame: Frame | None) -> None:  # noqa: ARG002 - a sink is shown the frame too
        self._report.signals.append(signal)


def replay(
    video: Path,
    config: DeviceConfig,
    camera: CameraConfig,
    *,
    starts_at: datetime,
    speed: float | None = None,
    watchers: Sequence[Watcher] = (),
) -> ReplayReport:
    """Run `camera`'s analysis on the file, at `speed` times its own (0.1 to 100), or as fast as it goes.

    Raises SourceFault when it is no video, KentonganError for a bad model, ValueError for a bad speed.
    """
    settings = SourceSettings(url=str(video), speed=speed, starts=Instant(0.0, starts_at))
    report = ReplayReport()
    learned = CameraLearned(0 if camera.calibration is None else camera.calibration.version)
    spec = load_manifest(config.detector.manifest).get(config.detector.model)

    def seen(frame: Frame, people: Detections, signals: list[Signal]) -> None:
        report.frames += 1
        report.duration_s = frame.captured.mono_s
        report.people_most = max(report.people_most, len(people.tracked))
        for watch in watchers:
            watch(frame, people, signals)

    detector = Detector(spec, threads=config.detector.threads, backend=config.detector.backend)
    analysis = CameraAnalysis(
        far_sighted(detector, camera),
        Tracker(TrackerSettings(strong_score=spec.output.strong_score)),
        lambda aspect: behaviours_of(camera, config.calendar, learned, aspect),
        history=TrackHistory(config.clip.before_s),
        sink=_Collector(report),
        crowd_look=CrowdLook(detector),
        on_frame=seen,
    )
    decoder = AnalysisDecoder(camera.analysis_fps, PrivacyMask(camera.masks) if camera.masks else None)
    try:
        with open_session(settings, SystemClock(), threading.Event()) as session:
            for packet in session.packets():
                for frame in decoder.feed(packet):
                    analysis.analyse(frame)
    except SourceFault as fault:
        if fault.kind is not FaultKind.ENDED:
            raise
    analysis.close(Reason(code="camera_lost"))
    return report
