"""Our worker on files, as fast as it goes: `python -m bench.edge.run_worker VIDEO [--cameras N] [--ungated]`.

The worker's own pipeline (`edge.camera.build`) in one thread: capture, ring, decode ladder, gate, camera health,
detector, tracker, presence, rules (loitering and occupancy), events into a real outbox on disk, thumbnails, clips cut
from the ring. Only sending is left out: there is no server. The clock is the file's. `--ungated` decodes and detects at
the analysis rate throughout, for the boxes that the gate may not lose.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import structlog
import yaml

from bench.edge.usage import measured
from contract.clock import Instant, ManualClock
from contract.ids import UuidV7Factory
from contract.reasons import Reason
from edge.camera.build import PipelineParts, build_detector, build_event_builder, build_history, build_pipeline
from edge.capture.packets import Packet
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from edge.clips.recorder import ClipRecorder, longest_clip_s, ring_for
from edge.config import DeviceConfig, load_device_config
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.events.drafts import DraftQueue
from edge.learned.state import CameraLearned
from edge.outbox import Outbox
from edge.signals import Signal

STARTS = Instant(0.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC))
ZONE: dict[str, Any] = {
    "id": "lapangan",
    "name": "Lapangan",
    "polygon": [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]],
    "rules": {"loitering": {"threshold_s": 60.0}, "occupancy": {"capacity": 2, "on_delay_s": 5.0}},
}
"""Both rules on, so that each clip has an event with its clip in every minute: more than a camera has in a day."""
QUOTA_BYTES = 1 << 30
CLIP_POLL_S = 0.2
"""How often the clip recorder of a device looks whether a clip is due."""


@dataclass(slots=True)
class Trace:
    """What one camera decoded and found. `steps` has one letter for each packet: s skipped, d decoded, k decoded alone
    (a keyframe while quiet), w the same and then decoded back; `detections` says after which packets how many
    inferences there were, tiles included."""

    steps: list[str] = field(default_factory=list)
    detections: dict[int, int] = field(default_factory=dict)
    frames: list[tuple[float, list[list[float]]]] = field(default_factory=list)


class BenchCamera:
    """One camera with the worker's own pipeline, whose packets are taken in turn instead of by a thread."""

    def __init__(self, index: int, video: Path, shared: BenchDevice, *, gated: bool) -> None:
        self.config = shared.config.cameras[index]
        self.trace = Trace()
        self.ring = shared.rings[self.config.id]
        history = build_history(shared.config.clip)
        self.event_builder = build_event_builder(
            self.config,
            shared.config,
            shared.detector.model_sha256,
            history=history,
            drafts=shared.drafts,
            clip_recorder=shared.clip_recorder,
            new_id=shared.new_id,
        )
        parts = PipelineParts(
            detector=shared.detector,
            ring=self.ring,
            history=history,
            calendar=shared.config.calendar,
            mask=None,
            learned=CameraLearned(),
            on_frame=self._on_frame,
        )
        self.pipeline = build_pipeline(self.config, parts, shared.clock, self.event_builder)
        self._ungated = None if gated else AnalysisDecoder(self.config.analysis_fps)
        self._detector = shared.detector
        self._packets = packets_of(video, shared.clock)

    @property
    def is_unfiltered(self) -> bool:
        """Whether the decoder leaves the loop filter out."""
        return self.pipeline.ladder.decoder.is_unfiltered

    def step(self) -> bool:
        """Take one packet; False when there is none left."""
        packet = next(self._packets, None)
        if packet is None:
            return False
        inferences = self._detector.stats.inferences
        self.pipeline.process(packet, decode=self._decode_traced if self._ungated is None else self._ungated.feed)
        inferences = self._detector.stats.inferences - inferences
        if inferences and self._ungated is None:
            self.trace.detections[len(self.trace.steps) - 1] = inferences
        return True

    def _decode_traced(self, packet: Packet) -> list[Frame]:
        decoder, counters = self.pipeline.ladder.decoder, self.pipeline.ladder.counters
        quiet, skipped, wakes = decoder.is_quiet, decoder.counters.skipped, counters.wakes
        frames = self.pipeline.decode(packet)
        woken = "w" if counters.wakes > wakes else "k"
        self.trace.steps.append("s" if decoder.counters.skipped > skipped else woken if quiet else "d")
        return frames

    def _on_frame(self, frame: Frame, people: Detections, signals: list[Signal]) -> None:  # noqa: ARG002 - FrameObserver
        strong = people.select(people.scores >= self._detector.spec.output.strong_score)
        self.trace.frames.append((frame.captured.mono_s, strong.boxes_xyxyn.astype(float).round(4).tolist()))


class BenchDevice:
    """What the cameras share, all of it real: detector, outbox, clip recorder."""

    def __init__(self, folder: Path, video: Path, cameras: int) -> None:
        self.clock = ManualClock(STARTS.utc)
        self.config = _device_config(folder, video, cameras)
        self.detector = build_detector(self.config)
        self.rings = {camera.id: ring_for(self.config.clip) for camera in self.config.cameras}
        self.new_id: Callable[[], UUID] = UuidV7Factory(self.clock)
        (folder / "clips").mkdir()
        self.outbox = Outbox(folder / "outbox.sqlite3", quota_bytes=QUOTA_BYTES, clock=self.clock, new_id=self.new_id)
        self.drafts = DraftQueue(self.outbox)
        masks = dict.fromkeys(self.rings)
        self.clip_recorder = ClipRecorder(self.rings, masks, self.clock, longest_s=longest_clip_s(self.config.clip))

    def settle(self, cameras: dict[str, BenchCamera], *, at_once: bool = False) -> int:
        """Cut the clips that are due and make their events; how many were cut."""
        self.clip_recorder.cut_due(at_once=at_once)
        outcomes = list(self.clip_recorder.outcomes())
        for outcome in outcomes:
            cameras[outcome.order.camera_id].event_builder.settle(outcome)
        return sum(outcome.clip is not None for outcome in outcomes)


def _device_config(folder: Path, video: Path, cameras: int) -> DeviceConfig:
    """The configuration of a device on which every camera shows the video."""
    (folder / "token").write_text("0123456789abcdef" * 2)
    document = {
        "device_id": "bench",
        "server": {"url": "http://127.0.0.1:1", "token_file": "token"},
        "data_dir": ".",
        "cameras": [
            {"id": f"camera-{index}", "kampung_id": "bahari", "url": f"file://{video.resolve()}", "zones": [ZONE]}
            for index in range(cameras)
        ],
    }
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_device_config(path, {})


def packets_of(video: Path, clock: ManualClock) -> Iterator[Packet]:
    """The file's packets; the first frame was captured at STARTS."""
    settings = SourceSettings(url=str(video), speed=None, starts=STARTS)
    with open_session(settings, clock, threading.Event()) as session:
        try:
            yield from session.packets()
        except SourceFault as fault:
            if fault.kind is not FaultKind.ENDED:
                raise


def work(device: BenchDevice, cameras: dict[str, BenchCamera]) -> int:
    """Play every camera to its end, turn by turn; the number of clips."""
    clips, running = 0, list(cameras.values())
    newest_s = settled_s = 0.0
    while running:
        running = [camera for camera in running if camera.step()]
        at_s = max((camera.ring.newest_mono_s or 0.0) for camera in cameras.values())
        if at_s > newest_s:
            device.clock.advance(at_s - newest_s)
            newest_s = at_s
        if at_s - settled_s >= CLIP_POLL_S:
            clips += device.settle(cameras)
            settled_s = at_s
    for camera in cameras.values():
        camera.pipeline.close(Reason(code="worker_restarted"))
    return clips + device.settle(cameras, at_once=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("video", type=Path)
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--ungated", action="store_true")
    parser.add_argument("--trace", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as folder:
        device = BenchDevice(Path(folder), arguments.video, arguments.cameras)
        made = [
            BenchCamera(index, arguments.video, device, gated=not arguments.ungated)
            for index in range(arguments.cameras)
        ]
        cameras = {camera.config.id: camera for camera in made}
        with closing(device.outbox):
            with measured() as usage:
                clips = work(device, cameras)
            usage.notes |= {"clips": clips, "events": device.outbox.stats().pending_events}
        usage.notes["faults"] = sorted({fault for camera in made for fault in camera.pipeline.open_faults})
        usage.frames = sum(len(camera.trace.frames) for camera in made)
        if arguments.trace is not None:
            trace = made[0].trace
            arguments.trace.write_text(
                json.dumps(
                    {
                        "steps": "".join(trace.steps),
                        "unfiltered": made[0].is_unfiltered,
                        "detections": trace.detections,
                        "frames": trace.frames,
                    }
                )
            )
    usage.print_json()


if __name__ == "__main__":
    main()
