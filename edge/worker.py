"""The worker: runs every camera's streams, one inference thread, the clip recorder and the sender.

The thread that calls `Worker.run` is the inference thread: it owns every camera's analysis and event builder, so that
none of them needs a lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog

import contract
from contract.clock import Clock
from contract.ids import UuidV7Factory
from contract.reasons import Reason
from edge.camera.build import build_detector
from edge.camera.shared import Shared
from edge.camera.unit import CameraUnit
from edge.clips.recorder import ClipRecorder, longest_clip_s, ring_for
from edge.config import DeviceConfig
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from edge.decode.pool import DecodePool
from edge.detector.frame_scheduler import FrameScheduler
from edge.events.drafts import DraftQueue
from edge.events.interrupted import end_interrupted
from edge.outbox import Outbox, OutboxError
from edge.sender import IngestClient, Sender, VerdictInbox
from edge.system.memory import trim_heap
from edge.system.periodic import Periodic
from edge.system.shutdown import ShutdownStep, shut_down
from edge.system.threads import join_all, start_thread
from edge.telemetry import DeviceTelemetry, MetricsServer, device_registry
from edge.telemetry.status import WRITE_EVERY_S, CameraStatus, StatusFile, WorkerStatus

TAKE_TIMEOUT_S = 0.2
HOUSEKEEPING_S = 1.0
SAVE_EVERY_S = 600.0
TRIM_EVERY_S = 60.0
STOP_DECODERS_S = 8.0
STOP_STREAMS_S = 1.0
STOP_CLIPS_S = 8.0
STOP_DRAFTS_S = 4.0
"""How long a stop waits for a disk that refuses events: container and service are given 20 s and 30 s to stop."""
STOP_SENDER_S = 8.0
STEP_MARGIN_S = 10.0
"""Time that a step of the shutdown may take beyond its waits: committing events, cutting the last clips."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Threads:
    streams: list[threading.Thread]
    decoders: list[threading.Thread]
    clip_recorder: threading.Thread
    sender: threading.Thread


class Worker:
    """One device at work. A context manager: leaving it closes the metrics server, the client and the outbox."""

    def __init__(self, config: DeviceConfig, clock: Clock) -> None:
        """Load the model, open the outbox, build the cameras. Raises KentonganError or OSError when it cannot."""
        self._clock = clock
        self._device_id = config.device_id
        self._new_id: Callable[[], UUID] = UuidV7Factory(clock)
        self._detector = build_detector(config)
        self._clip_folder = config.data_dir / "clips"
        for folder in (config.data_dir, self._clip_folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # their files show people
        camera_ids = [camera.id for camera in config.cameras]
        self.telemetry = DeviceTelemetry(config.device_id, camera_ids, contract.__version__, clock)
        self._scheduler = FrameScheduler(camera_ids)
        self._decode_pool = DecodePool(len(config.cameras))
        with ExitStack() as opened:
            self._outbox = opened.enter_context(closing(self._open_outbox(config)))
            self._drafts = DraftQueue(self._outbox)
            self._verdicts = VerdictInbox(config.data_dir / "verdicts.json", clock)
            self.sender = self._build_sender(config, opened.enter_context(IngestClient(config.server)))
            if config.metrics is not None:
                registry = device_registry(
                    self.telemetry, self._outbox.stats, self.sender.status, lambda: self._detector.stats, clock
                )
                opened.enter_context(MetricsServer(registry, config.metrics))
            self._clip_recorder, self._cameras = self._build_cameras(config)
            self._opened = opened.pop_all()
        self._stop_streams = threading.Event()
        self._stop_clips = threading.Event()
        self._stop_sender = threading.Event()
        self._status_file = StatusFile(config.data_dir)
        self._jobs = (
            Periodic(HOUSEKEEPING_S, self._do_housekeeping, clock),
            Periodic(WRITE_EVERY_S, self._write_status, clock),
            Periodic(TRIM_EVERY_S, trim_heap, clock, first_after_s=TRIM_EVERY_S),
            Periodic(SAVE_EVERY_S, self._save, clock, first_after_s=SAVE_EVERY_S),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then end open signals and seal the clips that are under way."""
        end_interrupted(self._outbox, self._drafts, self._clock)
        removed = self._outbox.sweep_orphans(self._clip_folder)
        if removed:
            _log.info("orphaned_files_removed", count=removed)
        threads = self._start_threads()
        _log.info("worker_started", cameras=len(self._cameras), version=contract.__version__)
        try:
            while not stop.is_set():
                self._work_once()
        finally:
            self._shut_down(threads)

    def status(self, *, stopped: bool = False) -> WorkerStatus:
        """The worker's present state. Raises OutboxError when the outbox cannot be read."""
        return WorkerStatus(
            device_id=self._device_id,
            software_version=contract.__version__,
            pid=os.getpid(),
            written_at=self._clock.utc(),
            uptime_s=self.telemetry.uptime_s,
            stopped=stopped,
            cameras=tuple(
                CameraStatus(
                    telemetry=snapshot.telemetry,
                    attention=self._cameras[snapshot.telemetry.camera_id].attention.value,
                    sessions_lost=snapshot.sessions_lost,
                )
                for snapshot in self.telemetry.cameras()
            ),
            outbox=self._outbox.stats(),
            sender=self.sender.status(),
        )

    # ---- the inference thread --------------------------------------------------------------------------------------

    def _work_once(self) -> None:
        item = self._scheduler.take(TAKE_TIMEOUT_S)
        if item is not None:
            camera_id, frame = item
            _guarded("analyse", camera_id, partial(self._analyse, camera_id, frame))
        self._settle_clips()
        for job in self._jobs:
            job.run_if_due()

    def _analyse(self, camera_id: str, frame: Frame) -> None:
        people = self._cameras[camera_id].pipeline.analyse(frame)
        self.telemetry.frame_analysed(camera_id, people)

    def _do_housekeeping(self) -> None:
        self._drafts.flush()
        self._apply_verdicts()
        for camera in self._cameras.values():
            _guarded("check_health", camera.config.id, camera.check_health)

    def _write_status(self, *, stopped: bool = False) -> None:
        """Write the status file. A failure is logged at level debug: a full disk shows in the log of events already."""
        try:
            self._status_file.write(self.status(stopped=stopped))
        except (OSError, OutboxError) as error:
            _log.debug("status_not_written", error=str(error))

    def _settle_clips(self) -> None:
        for outcome in self._clip_recorder.outcomes():
            camera = self._cameras[outcome.order.camera_id]
            _guarded("settle_clip", camera.config.id, partial(camera.event_builder.settle, outcome))

    def _apply_verdicts(self) -> None:
        for verdict in self._verdicts.take():
            camera = self._cameras.get(verdict.camera_id)
            if camera is not None:
                _guarded("apply_verdict", verdict.camera_id, partial(camera.apply_verdict, verdict))

    def _save(self) -> None:
        saved = [camera.save() for camera in self._cameras.values()]
        if not all(saved):
            return  # after a restart, the verdicts are fetched and applied again
        try:
            self._verdicts.save_cursor()
        except OSError as error:
            _log.warning("verdict_cursor_not_saved", error=error.strerror)

    # ---- start and stop --------------------------------------------------------------------------------------------

    def _start_threads(self) -> _Threads:
        return _Threads(
            streams=[
                start_thread(f"camera {name}", run, self._stop_streams)
                for camera in self._cameras.values()
                for name, run in camera.streams()
            ],
            decoders=[
                start_thread(f"decoder {number + 1}", self._decode_pool.run, self._stop_streams)
                for number in range(self._decode_pool.threads)
            ],
            clip_recorder=start_thread("clip recorder", self._clip_recorder.run, self._stop_clips),
            sender=start_thread("sender", self.sender.run, self._stop_sender),
        )

    def _shut_down(self, threads: _Threads) -> None:
        """Stop in the order in which data flows, so that nothing that is under way is lost.

        Open signals and clips are one step, because both use the cameras' event builders, which have no lock.
        """
        shut_down(
            (
                ShutdownStep(
                    "streams", STOP_DECODERS_S + STOP_STREAMS_S + STEP_MARGIN_S, partial(self._end_streams, threads)
                ),
                ShutdownStep("signals", STOP_CLIPS_S + 2 * STEP_MARGIN_S, partial(self._end_signals, threads)),
                ShutdownStep("learned state", STEP_MARGIN_S, self._save),
                ShutdownStep("drafts", STOP_DRAFTS_S + STEP_MARGIN_S, self._close_drafts),
                ShutdownStep("sender", STOP_SENDER_S + STEP_MARGIN_S, partial(self._end_sender, threads)),
                ShutdownStep("status", STEP_MARGIN_S, self._end_status),
            )
        )

    def _end_streams(self, threads: _Threads) -> None:
        self._stop_streams.set()
        self._decode_pool.close()
        self._scheduler.close()
        join_all(threads.decoders, STOP_DECODERS_S)
        # A thread that waits for a silent camera cannot be woken, and ends as soon as it wakes.
        join_all(threads.streams, STOP_STREAMS_S)

    def _end_signals(self, threads: _Threads) -> None:
        for camera in self._cameras.values():
            _guarded("end_signals", camera.config.id, partial(camera.end, Reason(code="worker_restarted")))
        self._stop_clips.set()
        threads.clip_recorder.join(STOP_CLIPS_S)
        self._settle_clips()
        # Settling orders another clip for each signal that its shared clip does not show.
        self._clip_recorder.cut_due(at_once=True)
        self._settle_clips()

    def _close_drafts(self) -> None:
        self._drafts.close(STOP_DRAFTS_S, self._clock)

    def _end_sender(self, threads: _Threads) -> None:
        self._stop_sender.set()
        self.sender.wake()
        threads.sender.join(STOP_SENDER_S)

    def _end_status(self) -> None:
        self._write_status(stopped=True)
        _log.info("worker_stopped", pending=self._outbox.stats().pending_events, lost=self._drafts.lost)

    # ---- building --------------------------------------------------------------------------------------------------

    def _open_outbox(self, config: DeviceConfig) -> Outbox:
        return Outbox(
            config.data_dir / "outbox.sqlite3",
            quota_bytes=config.outbox.quota_bytes,
            keep_sent_s=config.outbox.keep_sent_s,
            keep_free_bytes=config.outbox.keep_free_bytes,
            clock=self._clock,
            new_id=self._new_id,
        )

    def _build_sender(self, config: DeviceConfig, client: IngestClient) -> Sender:
        return Sender(
            self._outbox,
            client,
            lambda: self.telemetry.heartbeat(self._outbox.stats()),
            clock=self._clock,
            heartbeat_s=config.heartbeat_s,
            verdicts=self._verdicts,
        )

    def _build_cameras(self, config: DeviceConfig) -> tuple[ClipRecorder, dict[str, CameraUnit]]:
        rings = {
            camera.id: ring_for(config.clip, analysed_apart=camera.analysis_url != camera.main_url)
            for camera in config.cameras
        }
        masks = {camera.id: PrivacyMask(camera.masks) if camera.masks else None for camera in config.cameras}
        clip_recorder = ClipRecorder(rings, masks, self._clock, longest_s=longest_clip_s(config.clip))
        shared = Shared(
            config=config,
            clock=self._clock,
            detector=self._detector,
            decode_pool=self._decode_pool,
            scheduler=self._scheduler,
            telemetry=self.telemetry,
            drafts=self._drafts,
            clip_recorder=clip_recorder,
            new_id=self._new_id,
        )
        cameras = {
            camera.id: CameraUnit(camera, rings[camera.id], masks[camera.id], shared) for camera in config.cameras
        }
        return clip_recorder, cameras


def _guarded(job: str, camera_id: str, work: Callable[[], None]) -> None:
    """Run a job for one camera; a defect in it is logged and does not stop the other cameras."""
    try:
        work()
    except Exception:  # noqa: BLE001 - one camera's defect must not stop the worker; logged with its traceback
        _log.exception("camera_work_failed", camera=camera_id, job=job)
