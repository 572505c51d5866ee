"""The worker: runs every camera's streams, one inference thread, the clip recorder and the sender.

The thread that calls `Worker.run` is the inference thread: it owns every camera's analysis and recorder, so that none
of them needs a lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog

import contract
from contract.clock import Clock
from contract.event import EventData, Phase
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
from edge.events.drafts import Draft, DraftQueue
from edge.outbox import OpenSignal, Outbox, OutboxError
from edge.sender import IngestClient, Sender, VerdictInbox
from edge.system.memory import trim_heap
from edge.telemetry import DeviceTelemetry, MetricsServer, device_registry
from edge.telemetry.status import WRITE_EVERY_S, CameraStatus, StatusFile, WorkerStatus

TAKE_TIMEOUT_S = 0.2
HOUSEKEEPING_S = 1.0
SAVE_EVERY_S = 600.0
TRIM_EVERY_S = 60.0
STOP_TIMEOUT_S = 8.0
STREAMS_STOP_S = 1.0
STOP_DRAFTS_S = 4.0
"""How long a stop waits for a disk that refuses events: container and service are given 20 s and 30 s to stop."""
UNSEALED = "the worker stopped before the clip was sealed"

_log = structlog.get_logger(__name__)


class Worker:
    """One device at work. A context manager: leaving it stops every thread and closes the outbox."""

    def __init__(self, config: DeviceConfig, clock: Clock) -> None:
        """Load the model, open the outbox, wire up the cameras. Raises KentonganError or OSError when it cannot."""
        self._clock = clock
        self._device_id = config.device_id
        self._new_id: Callable[[], UUID] = UuidV7Factory(clock)
        self._detector = build_detector(config)
        self._clip_folder = config.data_dir / "clips"
        for folder in (config.data_dir, self._clip_folder):  # what is in them is about people
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        camera_ids = [camera.id for camera in config.cameras]
        self.telemetry = DeviceTelemetry(config.device_id, camera_ids, contract.__version__, clock)
        self._scheduler = FrameScheduler(camera_ids)
        self._rings = {
            camera.id: ring_for(config.clip, analysed_apart=camera.analysis_url != camera.main_url)
            for camera in config.cameras
        }
        self._masks = {camera.id: PrivacyMask(camera.masks) if camera.masks else None for camera in config.cameras}
        self._clip_recorder = ClipRecorder(self._rings, self._masks, clock, longest_s=longest_clip_s(config.clip))
        with ExitStack() as opened:
            self._outbox = opened.enter_context(closing(self._open_outbox(config)))
            client = opened.enter_context(IngestClient(config.server))
            self._verdicts = VerdictInbox(config.data_dir / "verdicts.json", clock)
            self.sender = Sender(
                self._outbox,
                client,
                lambda: self.telemetry.heartbeat(self._outbox.stats()),
                clock=clock,
                heartbeat_s=config.heartbeat_s,
                verdicts=self._verdicts,
            )
            if config.metrics is not None:
                registry = device_registry(
                    self.telemetry, self._outbox.stats, self.sender.status, lambda: self._detector.stats, clock
                )
                opened.enter_context(MetricsServer(registry, config.metrics))
            self._opened = opened.pop_all()
        self._drafts = DraftQueue(self._outbox)
        self._decode_pool = DecodePool(len(config.cameras))
        shared = Shared(
            config,
            clock,
            self._detector,
            self._decode_pool,
            self._scheduler,
            self.telemetry,
            self._drafts,
            self._clip_recorder,
            self._new_id,
        )
        self._cameras = {
            camera.id: CameraUnit(camera, self._rings[camera.id], self._masks[camera.id], shared)
            for camera in config.cameras
        }
        self._stop_streams = threading.Event()
        self._stop_clips = threading.Event()
        self._stop_sender = threading.Event()
        self._next_housekeeping_s = clock.mono_s()
        self._next_saving_s = clock.mono_s() + SAVE_EVERY_S
        self._status_file = StatusFile(config.data_dir)
        self._next_status_s = clock.mono_s()
        self._next_trim_s = clock.mono_s() + TRIM_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then end what is open and seal the clips that are under way."""
        self._close_what_a_crash_left_open()
        streams = [
            self._thread(f"camera {name}", run, self._stop_streams)
            for camera in self._cameras.values()
            for name, run in camera.streams()
        ]
        decoders = [
            self._thread(f"decoder {number + 1}", self._decode_pool.run, self._stop_streams)
            for number in range(self._decode_pool.threads)
        ]
        clip_recorder = self._thread("clip recorder", self._clip_recorder.run, self._stop_clips)
        sender = self._thread("sender", self.sender.run, self._stop_sender)
        _log.info("worker started", cameras=len(self._cameras), version=contract.__version__)
        try:
            while not stop.is_set():
                self._work_once()
        finally:
            self._stop_streams.set()
            self._decode_pool.close()
            self._scheduler.close()
            _join(decoders, STOP_TIMEOUT_S)
            # One that waits for a silent camera cannot be woken, and does nothing more once it wakes.
            _join(streams, STREAMS_STOP_S)
            self._end_open_signals()
            self._stop_clips.set()
            clip_recorder.join(STOP_TIMEOUT_S)
            self._settle_clips()
            self._clip_recorder.cut_due(at_once=True)  # what a signal ordered that its shared clip did not show
            self._settle_clips()
            self._save()
            self._drafts.close(STOP_DRAFTS_S, self._clock)
            self._stop_sender.set()
            self.sender.wake()
            sender.join(STOP_TIMEOUT_S)
            self._write_status(stopped=True)
            _log.info("worker stopped", pending=self._outbox.stats().pending_events, lost=self._drafts.lost)

    def status(self, *, stopped: bool = False) -> WorkerStatus:
        """How everything is now. Raises OutboxError when the outbox cannot say."""
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
            _guarded("analysis", camera_id, partial(self._analyse, camera_id, frame))
        self._settle_clips()
        now_mono_s = self._clock.mono_s()
        if now_mono_s >= self._next_housekeeping_s:
            self._next_housekeeping_s = now_mono_s + HOUSEKEEPING_S
            self._drafts.flush()
            self._apply_verdicts()
            for camera in self._cameras.values():
                _guarded("housekeeping", camera.config.id, camera.check_health)
        if now_mono_s >= self._next_status_s:
            self._next_status_s = now_mono_s + WRITE_EVERY_S
            self._write_status()
        if now_mono_s >= self._next_trim_s:
            self._next_trim_s = now_mono_s + TRIM_EVERY_S
            trim_heap()
        if now_mono_s >= self._next_saving_s:
            self._next_saving_s = now_mono_s + SAVE_EVERY_S
            self._save()

    def _analyse(self, camera_id: str, frame: Frame) -> None:
        people = self._cameras[camera_id].pipeline.analyse(frame)
        self.telemetry.frame_analysed(camera_id, people)

    def _write_status(self, *, stopped: bool = False) -> None:
        """Say how everything is. A disk that will not take it costs the screen, and events say that it is full."""
        try:
            self._status_file.write(self.status(stopped=stopped))
        except (OSError, OutboxError) as error:
            _log.debug("status not written", error=str(error))

    def _settle_clips(self) -> None:
        for outcome in self._clip_recorder.outcomes():
            camera = self._cameras[outcome.order.camera_id]
            _guarded("settling a clip", camera.config.id, partial(camera.recorder.settle, outcome))

    def _apply_verdicts(self) -> None:
        for verdict in self._verdicts.take():
            camera = self._cameras.get(verdict.camera_id)
            if camera is not None:
                _guarded("applying a verdict", verdict.camera_id, partial(camera.take_verdict, verdict))

    def _save(self) -> None:
        saved = [camera.save() for camera in self._cameras.values()]
        if not all(saved):
            return  # the verdicts that were applied come again after a restart, and are applied again
        try:
            self._verdicts.save_cursor()
        except OSError as error:
            _log.warning("place in the verdicts not saved", error=error.strerror)

    def _end_open_signals(self) -> None:
        for camera in self._cameras.values():
            _guarded("ending", camera.config.id, partial(camera.end, Reason(code="worker_restarted")))

    def _close_what_a_crash_left_open(self) -> None:
        """Say the last word about signals of an earlier run: nobody watches them any more, and their ring is gone."""
        for left in self._outbox.open_signals():
            self._drafts.submit(Draft(self._last_word_builder(left)))
        removed = self._outbox.sweep_orphans(self._clip_folder)
        if removed:
            _log.info("files without an event removed", count=removed)

    def _last_word_builder(self, left: OpenSignal) -> Callable[[int], EventData]:
        data = left.latest.data
        if left.ended:
            # Its end is known; only the promise of a clip is taken back, and a second end would move the first.
            fault = {"phase": Phase.CONTINUES, "clip_fault": UNSEALED}
            return lambda sequence: EventData.model_validate(data.model_dump() | fault | {"device_sequence": sequence})
        now = self._clock.utc()
        changes = {
            "phase": Phase.ENDED,
            "reasons": (Reason(code="worker_restarted"),),
            "captured_at": now,
            # It ended at some time since its last event: nobody can say when.
            "time_uncertainty_s": min(86_400.0, max(0.0, (now - data.captured_at).total_seconds())),
            "tracks": (),
            "clip_fault": data.clip_fault if left.clip_settled else UNSEALED,
        }
        return lambda sequence: EventData.model_validate(data.model_dump() | changes | {"device_sequence": sequence})

    # ---- putting together ------------------------------------------------------------------------------------------

    def _open_outbox(self, config: DeviceConfig) -> Outbox:
        return Outbox(
            config.data_dir / "outbox.sqlite3",
            quota_bytes=config.outbox.quota_bytes,
            keep_sent_s=config.outbox.keep_sent_s,
            keep_free_bytes=config.outbox.keep_free_bytes,
            clock=self._clock,
            new_id=self._new_id,
        )

    @staticmethod
    def _thread(name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=run, args=(stop,), name=name, daemon=True)
        thread.start()
        return thread


def _join(threads: Sequence[threading.Thread], at_most_s: float) -> None:
    """Wait for all of them together, no longer than so many seconds."""
    ends_mono_s = time.monotonic() + at_most_s
    for thread in threads:
        thread.join(max(0.0, ends_mono_s - time.monotonic()))


def _guarded(what: str, camera_id: str, work: Callable[[], None]) -> None:
    """Do something for one camera; a defect in it must not stop the others."""
    try:
        work()
    except Exception:  # noqa: BLE001 - the last line of defence; it is logged whole
        _log.exception("camera work failed", camera=camera_id, work=what)
