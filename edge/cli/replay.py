"""Replay: the worker's own pipeline on a video file, at any speed, to show what would alert.

Decode ladder, motion gate, camera health, tiled inference, tracker and rules are those of the worker, built by the same
function. A replay makes no events and no clips and sends nothing, since it stores nothing; it drops no frames, since a
file can wait. The caller gives the time of the file's first frame, because rules depend on the time of day and week.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from contract.clock import Instant, SystemClock
from contract.event import Phase
from contract.reasons import Reason
from edge.camera.analysis import FrameObserver
from edge.camera.build import PipelineParts, build_detector, build_history, build_pipeline
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from edge.clips.recorder import ring_for
from edge.config import CameraConfig, DeviceConfig
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from edge.detections import Detections
from edge.learned.state import CameraLearned
from edge.signals import Signal


@dataclass(slots=True)
class ReplayReport:
    """The result of a replay.

    frames: how many were analysed. duration_s: from the first packet to the last. max_people: the most people tracked
    at once. signals: in order; their monotonic times are seconds from the first frame of the file.
    """

    frames: int = 0
    duration_s: float = 0.0
    max_people: int = 0
    signals: list[Signal] = field(default_factory=list)

    @property
    def began(self) -> list[Signal]:
        """The signals that would have opened an alert."""
        return [signal for signal in self.signals if signal.phase is Phase.BEGAN]

    def ended(self, began: Signal) -> Signal | None:
        """The signal that ended `began`, if there is one."""
        return next((other for other in self.signals if other.key == began.key and other.phase is Phase.ENDED), None)


class _Collector:
    def __init__(self, report: ReplayReport) -> None:
        self._report = report

    def record(self, signal: Signal, frame: Frame | None) -> None:  # noqa: ARG002 - the signature of a SignalSink
        self._report.signals.append(signal)


def replay(
    video: Path,
    config: DeviceConfig,
    camera: CameraConfig,
    *,
    starts_at: datetime,
    speed: float | None = None,
    observers: Sequence[FrameObserver] = (),
) -> ReplayReport:
    """Run `camera`'s pipeline on a video file or a folder of segments.

    starts_at: the time of its first frame. speed: a multiple of its own speed, 0.1 to 100; None: as fast as possible.
    observers: called with every analysed frame. Raises SourceFault when the file is not a video, KentonganError for a
    model that cannot be loaded, ValueError for a speed out of range.
    """
    settings = SourceSettings(url=str(video), speed=speed, starts=Instant(0.0, starts_at))
    report = ReplayReport()

    def observe(frame: Frame, people: Detections, signals: list[Signal]) -> None:
        report.frames += 1
        report.max_people = max(report.max_people, len(people.tracked))
        for observer in observers:
            observer(frame, people, signals)

    parts = PipelineParts(
        detector=build_detector(config.detector),
        ring=ring_for(config.clip),
        history=build_history(config.clip),
        calendar=config.calendar,
        mask=PrivacyMask(camera.masks) if camera.masks else None,
        learned=CameraLearned(0 if camera.calibration is None else camera.calibration.version),
        on_frame=observe,
    )
    clock = SystemClock()
    pipeline = build_pipeline(camera, parts, clock, _Collector(report))
    try:
        with open_session(settings, clock, threading.Event()) as session:
            for packet in session.packets():
                report.duration_s = packet.captured.mono_s
                pipeline.process(packet)
    except SourceFault as fault:
        if fault.kind is not FaultKind.ENDED:
            raise
    pipeline.close(Reason(code="camera_lost"))
    return report
