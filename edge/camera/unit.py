"""Everything that belongs to one camera, wired together as its settings ask."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog
from pydantic import SecretStr

import contract
from contract.clock import Clock, Instant
from contract.event import CAMERA_ZONE
from contract.reasons import Reason
from contract.verdict import AlertVerdict
from edge.calibration.solve import CalibrationError
from edge.camera.analysis import CameraAnalysis
from edge.camera_health.clock_watch import ClockWatch
from edge.camera_health.faults import WHOLE_PICTURE, CameraFaults, ViewWatch
from edge.camera_health.store import ViewStore
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.capture.session import SourceSettings
from edge.capture.supervisor import StreamKeeper
from edge.clips.recorder import GRACE_S, ClipDesk, longest_clip_s
from edge.config import CameraConfig, DeviceConfig
from edge.config.hours import CalendarConfig
from edge.crowds.close_look import CrowdLook
from edge.decode.attention import Attention
from edge.decode.feed import AnalysisFeed
from edge.decode.frame import Frame
from edge.decode.ladder import DecodeLadder
from edge.decode.masks import PrivacyMask
from edge.decode.pool import DecodePool
from edge.decode.rate_control import AnalysisPace
from edge.detector import Detector
from edge.detector.far_people import far_sighted
from edge.detector.frame_scheduler import FrameScheduler
from edge.detector.slack import Slack
from edge.events.builder import ClipPlan, Provenance, SignalRecorder
from edge.events.drafts import DraftQueue
from edge.events.shadow_file import ShadowFile
from edge.events.track_history import TrackHistory
from edge.learned.confirmed import keep_out
from edge.learned.state import CameraLearned
from edge.learned.store import LearnedStore
from edge.rules.engine import CameraBehaviours, build_behaviours
from edge.signals import Signal
from edge.telemetry import DeviceHealth, RecordingHealth
from edge.tracker import Tracker, TrackerSettings

SUBSTREAM_RING_S, SUBSTREAM_RING_BYTES = 20.0, 8 << 20
"""A substream is kept only to decode back what was skipped while the camera was quiet: the newest group of pictures."""

Run = Callable[[threading.Event], None]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the cameras of a device have in common."""

    config: DeviceConfig
    clock: Clock
    detector: Detector
    decode_pool: DecodePool
    scheduler: FrameScheduler
    health: DeviceHealth
    drafts: DraftQueue
    clip_desk: ClipDesk
    new_id: Callable[[], UUID]


class CameraUnit:
    """One camera of the device. `streams` run in threads of their own; all else belongs to the inference thread."""

    def __init__(self, config: CameraConfig, ring: PacketRing, mask: PrivacyMask | None, shared: Shared) -> None:
        self.config = config
        self._ring = ring
        self._mask = mask
        self._shared = shared
        device = shared.config
        self._learned_store = LearnedStore(device.data_dir / "learned")
        self._learned = self._load_learned()
        self._shadow_file = ShadowFile(device.data_dir / "shadow")
        # The boxes of the longest clip's first second, when its cutting has waited as long as it may.
        history = TrackHistory(longest_clip_s(device.clip) + GRACE_S + device.clip.after_s)
        self.recorder = SignalRecorder(
            self._provenance(),
            ClipPlan(device.clip.before_s, device.clip.after_s, device.data_dir / "clips"),
            history=history,
            drafts=shared.drafts,
            clip_desk=shared.clip_desk,
            new_id=shared.new_id,
        )
        main, analysed = (_source_settings(url, config) for url in (config.main_url, config.analysis_url))
        self._main, self._analysed = main, analysed
        self._analysed_ring = ring if main == analysed else PacketRing(SUBSTREAM_RING_S, SUBSTREAM_RING_BYTES)
        self._views = ViewStore(device.data_dir / "views")
        self._view_watch = ViewWatch(self._views.load(config.id))
        self._clock_watch = ClockWatch()
        self._faults = CameraFaults()
        self._started = Instant(shared.clock.mono_s(), shared.clock.utc())
        self._ladder = DecodeLadder(self._analysed_ring, config.analysis_fps, mask, on_picture=self._view_watch.look)
        strong_score = shared.detector.spec.output.strong_score
        slack = Slack(shared.scheduler, len(device.cameras), lambda: shared.health.is_degraded, shared.clock)
        self.analysis = CameraAnalysis(
            far_sighted(shared.detector, config, slack, partial(shared.health.second_look, config.id)),
            Tracker(TrackerSettings(strong_score=strong_score)),
            lambda aspect: behaviours_of(config, device.calendar, self._learned, aspect, random.SystemRandom()),
            history=history,
            sink=self.recorder,
            watcher=self._ladder,
            crowd_look=CrowdLook(shared.detector, slack),
        )

    @property
    def attention(self) -> Attention:
        """How closely the camera is watched now. Safe from any thread."""
        return self._ladder.attention

    def streams(self) -> list[tuple[str, Run]]:
        """The name and `run` of each stream that has to be kept open."""
        shared, camera_id = self._shared, self.config.id
        pace = AnalysisPace(self.config.analysis_fps)
        shared.health.pace_changed(camera_id, pace.fps, degraded=False)
        feed = AnalysisFeed(camera_id, self._ladder, shared.scheduler, pace=pace, health=shared.health)
        lane = shared.decode_pool.lane(camera_id, feed, self._ladder.is_wanted)
        looks = StreamKeeper(
            camera_id,
            self._analysed,
            _in_turn(self._tell_time, self._clock_watch.see, self._analysed_ring.append, lane.put),
            health=shared.health,
            clock=shared.clock,
        )
        if self._analysed_ring is self._ring:
            return [(camera_id, looks.run)]
        recording = RecordingHealth(shared.health)
        records = StreamKeeper(camera_id, self._main, self._ring.append, health=recording, clock=shared.clock)
        return [(camera_id, looks.run), (f"{camera_id} main", records.run)]

    def look_after(self) -> None:
        """Report what is wrong with the camera, believe it only while nothing is, and end what it no longer shows."""
        for note in (*self._view_watch.notes(), *self._clock_watch.notes()):
            self._report(self._faults.take(note), note.frame)
        now = Instant(self._shared.clock.mono_s(), self._shared.clock.utc())
        newest_mono_s = self._analysed_ring.newest_mono_s
        newest = self._started if newest_mono_s is None else now.shifted(newest_mono_s - now.mono_s)
        self._report(self._faults.stream(newest, now), None)
        self.analysis.inhibit(self._faults.is_blind)
        self.analysis.close_if_unseen(now.mono_s)
        if self._views.was_removed(self.config.id):
            self._view_watch.accept_view()

    def end(self, reason: Reason) -> None:
        """End everything that is open, because the worker stops."""
        self.analysis.close(reason)
        for signal in self._faults.close(reason):
            self.recorder.record(signal, None)

    def take_verdict(self, verdict: AlertVerdict) -> None:
        """Keep what people confirmed out of what is usual."""
        kept_out = keep_out(self._learned, verdict)
        if kept_out:
            _log.info("confirmed event kept out of what is usual", camera=self.config.id, samples=kept_out)

    def save(self) -> bool:
        """Keep what the camera has learned and what its rules in shadow said; whether the disk took it.

        A disk that will not take it is logged, and the learned state is tried again next time.
        """
        try:
            self._shadow_file.append(self.config.id, self.analysis.take_shadow())
            self._learned_store.save(self.config.id, self._learned)
            view = self._view_watch.learnt
            if view is not None:
                self._views.save(self.config.id, view)
        except OSError as error:
            _log.warning("learned state not saved", camera=self.config.id, error=error.strerror)
            return False
        return True

    def _tell_time(self, packet: Packet) -> None:
        self._shared.health.frame_dated(self.config.id, packet.captured.uncertainty_s, packet.clock_offset_s)

    def _report(self, signal: Signal | None, frame: Frame | None) -> None:
        if signal is not None:
            _log.warning("camera fault", camera=self.config.id, fault=signal.key, phase=signal.phase.value)
            self.recorder.record(signal, frame)

    def _load_learned(self) -> CameraLearned:
        version = 0 if self.config.calibration is None else self.config.calibration.version
        loaded = self._learned_store.load(self.config.id, calibration_version=version)
        if loaded.fault is not None:
            _log.warning("learned state begun anew", camera=self.config.id, fault=loaded.fault)
        return loaded.state

    def _provenance(self) -> Provenance:
        device = self._shared.config
        return Provenance(
            device_id=device.device_id,
            kampung_id=self.config.kampung_id,
            camera_id=self.config.id,
            zone_polygons={CAMERA_ZONE: WHOLE_PICTURE} | {zone.id: zone.polygon for zone in self.config.zones},
            model_sha256=self._shared.detector.model_sha256,
            config_sha256=device.config_sha256,
            software_version=contract.__version__,
        )


def behaviours_of(
    camera: CameraConfig,
    calendar: CalendarConfig,
    learned: CameraLearned,
    aspect: float,
    chance: random.Random | None = None,
) -> CameraBehaviours:
    """The camera's behaviours for a picture of this aspect. chance: picks stays that did not alert as spot checks.

    A calibration that cannot be trusted costs the rules that need metres, which is logged; the others go on without it.
    """
    try:
        return build_behaviours(
            camera.zones,
            calendar=calendar,
            calibration=camera.calibration,
            learned=learned,
            chance=chance,
            aspect=aspect,
        )
    except CalibrationError as error:
        _log.error("calibration refused: metric rules are off", camera=camera.id, fault=str(error))
        zones = [
            zone.model_copy(update={"rules": zone.rules.model_copy(update={"density": None})}) for zone in camera.zones
        ]
        return build_behaviours(zones, calendar=calendar, learned=learned, chance=chance)


def _source_settings(url: SecretStr, camera: CameraConfig) -> SourceSettings:
    text = url.get_secret_value()
    scheme, _, _ = text.partition("://")
    # A file's path may be anything that a URL has to escape.
    location = unquote(urlsplit(text).path) if scheme == "file" else text
    return SourceSettings(url=location, transport=camera.transport.value)


def _in_turn(*takers: Callable[[Packet], None]) -> Callable[[Packet], None]:
    def in_turn(packet: Packet) -> None:
        for take in takers:
            take(packet)

    return in_turn
