"""The life cycle of one camera in a worker: its supervised streams, its pipeline, and its stored state."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote, urlsplit

import structlog
from pydantic import SecretStr

from contract.clock import Instant
from contract.reasons import Reason
from contract.verdict import AlertVerdict
from edge.camera.build import PipelineParts, build_event_builder, build_history, build_pipeline
from edge.camera.shared import Shared
from edge.camera_health.store import ViewStore
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.capture.session import SourceSettings
from edge.capture.supervisor import StreamSupervisor
from edge.config import CameraConfig
from edge.decode.attention import Attention
from edge.decode.feed import AnalysisFeed
from edge.decode.masks import PrivacyMask
from edge.decode.rate_control import RateController
from edge.detector.spare_time import SpareTime
from edge.events.shadow_file import ShadowFile
from edge.learned.confirmed import keep_out
from edge.learned.state import CameraLearned
from edge.learned.store import LearnedStore
from edge.telemetry import RecordingTelemetry

SUBSTREAM_RING_S, SUBSTREAM_RING_BYTES = 20.0, 8 << 20
"""Limits of a substream's ring, which serves only to decode the newest group of pictures when a quiet scene wakes."""

Run = Callable[[threading.Event], None]

_log = structlog.get_logger(__name__)


class CameraUnit:
    """One camera of the device. `streams` run in threads of their own; the inference thread owns everything else.

    pipeline: from packets to signals. event_builder: from signals to events.
    """

    def __init__(self, config: CameraConfig, ring: PacketRing, mask: PrivacyMask | None, shared: Shared) -> None:
        self.config = config
        self._ring = ring
        self._shared = shared
        device, telemetry = shared.config, shared.telemetry
        self._learned_store = LearnedStore(device.data_dir / "learned")
        self._learned = self._load_learned()
        self._shadow_file = ShadowFile(device.data_dir / "shadow")
        self._views = ViewStore(device.data_dir / "views")
        main, analysed = (_source_settings(url, config) for url in (config.main_url, config.analysis_url))
        self._main, self._analysed = main, analysed
        self._analysed_ring = ring if main == analysed else PacketRing(SUBSTREAM_RING_S, SUBSTREAM_RING_BYTES)
        history = build_history(device.clip)
        self.event_builder = build_event_builder(
            config,
            device,
            shared.detector.model_sha256,
            history=history,
            drafts=shared.drafts,
            clip_recorder=shared.clip_recorder,
            new_id=shared.new_id,
        )
        spare_time = SpareTime(shared.scheduler, len(device.cameras), lambda: telemetry.is_degraded, shared.clock)
        parts = PipelineParts(
            detector=shared.detector,
            ring=self._analysed_ring,
            history=history,
            calendar=device.calendar,
            mask=mask,
            learned=self._learned,
            view=self._views.load(config.id),
            has_spare_time=spare_time,
            on_tiles=partial(telemetry.tiled_inference, config.id),
            spot_checks=random.SystemRandom(),
        )
        self.pipeline = build_pipeline(config, parts, shared.clock, self.event_builder)

    @property
    def attention(self) -> Attention:
        """How closely the camera is watched now. Safe from any thread."""
        return self.pipeline.attention

    def streams(self) -> list[tuple[str, Run]]:
        """The name and the `run` function of each of the camera's streams, each for a thread of its own."""
        shared, camera_id, pipeline = self._shared, self.config.id, self.pipeline
        rate_control = RateController(self.config.analysis_fps)
        shared.telemetry.rate_changed(camera_id, rate_control.fps, degraded=False)
        feed = AnalysisFeed(
            camera_id, pipeline.ladder, shared.scheduler, rate_control=rate_control, telemetry=shared.telemetry
        )
        lane = shared.decode_pool.lane(camera_id, feed, pipeline.ladder.is_wanted)

        def analyse(packet: Packet) -> None:
            shared.telemetry.frame_dated(camera_id, packet.captured.uncertainty_s, packet.clock_offset_s)
            pipeline.take_packet(packet)
            lane.put(packet)

        analysis_stream = StreamSupervisor(
            camera_id, self._analysed, analyse, telemetry=shared.telemetry, clock=shared.clock
        )
        if self._analysed_ring is self._ring:
            return [(camera_id, analysis_stream.run)]
        recording = RecordingTelemetry(shared.telemetry)
        recording_stream = StreamSupervisor(
            camera_id, self._main, self._ring.append, telemetry=recording, clock=shared.clock
        )
        return [(camera_id, analysis_stream.run), (f"{camera_id} main", recording_stream.run)]

    def check_health(self) -> None:
        """Report the camera's faults, and accept the present view if `kentongan-edge accept-view` asked for it."""
        clock = self._shared.clock
        self.pipeline.check_health(Instant(clock.mono_s(), clock.utc()))
        if self._views.was_removed(self.config.id):
            self.pipeline.accept_view()

    def end(self, reason: Reason) -> None:
        """End every open signal, because the worker stops."""
        self.pipeline.close(reason)

    def apply_verdict(self, verdict: AlertVerdict) -> None:
        """Keep a confirmed event out of what the camera learns as usual."""
        kept_out = keep_out(self._learned, verdict)
        if kept_out:
            _log.info("confirmed_event_not_learned", camera=self.config.id, samples=kept_out)

    def save(self) -> bool:
        """Store what the camera has learned, its view, and its shadow log; returns whether that succeeded.

        A failure is logged, and the learned state is stored at the next call.
        """
        try:
            self._shadow_file.append(self.config.id, self.pipeline.take_shadow())
            self._learned_store.save(self.config.id, self._learned)
            view = self.pipeline.learnt_view
            if view is not None:
                self._views.save(self.config.id, view)
        except OSError as error:
            _log.warning("learned_state_not_saved", camera=self.config.id, error=error.strerror)
            return False
        return True

    def _load_learned(self) -> CameraLearned:
        version = 0 if self.config.calibration is None else self.config.calibration.version
        loaded = self._learned_store.load(self.config.id, calibration_version=version)
        if loaded.fault is not None:
            _log.warning("learned_state_reset", camera=self.config.id, reason=loaded.fault)
        return loaded.state


def _source_settings(url: SecretStr, camera: CameraConfig) -> SourceSettings:
    text = url.get_secret_value()
    scheme, _, _ = text.partition("://")
    # A file's path may be anything that a URL has to escape.
    location = unquote(urlsplit(text).path) if scheme == "file" else text
    return SourceSettings(url=location, transport=camera.transport.value)
