"""The only place that wires a camera: live workers, replays and benchmarks all get their pipeline from here."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

import contract
from contract.clock import Clock, Instant
from contract.event import CAMERA_ZONE
from edge.calibration.solve import CalibrationError
from edge.camera.analysis import CameraAnalysis, FrameObserver, SignalSink
from edge.camera.pipeline import CameraPipeline, Stages
from edge.camera_health.clock_watch import ClockWatch
from edge.camera_health.faults import WHOLE_FRAME, CameraFaults, ViewWatch
from edge.camera_health.store import LearntView
from edge.capture.packet_ring import PacketRing
from edge.clips.recorder import GRACE_S, ClipRecorder, longest_clip_s
from edge.config import CameraConfig, ClipConfig, DetectorConfig, DeviceConfig
from edge.config.hours import CalendarConfig
from edge.crowds.crowd_detector import CrowdDetector
from edge.decode.ladder import DecodeLadder
from edge.decode.masks import PrivacyMask
from edge.detector import Detector
from edge.detector.far_people import detector_for_camera
from edge.detector.tiling import PersonDetector
from edge.events.builder import ClipPlan, EventBuilder, Provenance
from edge.events.drafts import DraftQueue
from edge.events.track_history import TrackHistory
from edge.learned.state import CameraLearned
from edge.rules.engine import CameraBehaviours, build_behaviours, without_area_rules
from edge.tracker import Tracker, TrackerSettings
from models.manifest import load_manifest

_log = structlog.get_logger(__name__)


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """What a pipeline needs in addition to its camera's settings.

    detector: shared by all cameras of the process. ring: of the analysis stream. history: keeps the boxes of tracked
    people for events. mask: burnt into every frame. learned: what the camera has learned; the rules update it. view:
    the stored reference view. has_spare_time: whether tiled inference may run now. on_tiles: called with true when
    tiled inference that was due ran, else with false. spot_checks: the generator that draws spot checks; None: none.
    on_frame: called with every analysed frame, its people and its signals.
    """

    detector: PersonDetector
    ring: PacketRing
    history: TrackHistory
    calendar: CalendarConfig
    mask: PrivacyMask | None
    learned: CameraLearned
    view: LearntView | None = None
    has_spare_time: Callable[[], bool] = _always
    on_tiles: Callable[[bool], None] | None = None
    spot_checks: random.Random | None = None
    on_frame: FrameObserver | None = None


def build_pipeline(camera: CameraConfig, parts: PipelineParts, clock: Clock, sink: SignalSink) -> CameraPipeline:
    """Wire one camera's stages, from its packets to the signals that go to `sink`."""
    view_watch = ViewWatch(parts.view)
    ladder = DecodeLadder(parts.ring, camera.analysis_fps, parts.mask, on_frame=view_watch.observe)
    detector = parts.detector
    analysis = CameraAnalysis(
        detector_for_camera(detector, camera, parts.has_spare_time, parts.on_tiles),
        Tracker(TrackerSettings(strong_score=detector.spec.output.strong_score)),
        lambda aspect: behaviours_for(camera, parts.calendar, parts.learned, aspect, parts.spot_checks),
        history=parts.history,
        sink=sink,
        people_listener=ladder,
        crowd_detector=CrowdDetector(detector, parts.has_spare_time),
        on_frame=parts.on_frame,
    )
    stages = Stages(parts.ring, ladder, view_watch, ClockWatch(), CameraFaults(), analysis)
    return CameraPipeline(camera.id, stages, sink, Instant(clock.mono_s(), clock.utc()))


def build_detector(config: DeviceConfig | DetectorConfig) -> Detector:
    """The person detector that all cameras of a device share. Raises KentonganError for a bad model."""
    settings = config.detector if isinstance(config, DeviceConfig) else config
    return Detector(
        load_manifest(settings.manifest).get(settings.model),
        threads=settings.threads,
        backend=settings.backend,
        cache_dir=config.data_dir / "openvino" if isinstance(config, DeviceConfig) else None,
    )


def build_history(clip: ClipConfig) -> TrackHistory:
    """A history that still holds the start of the longest clip when that clip is cut, at most GRACE_S late."""
    return TrackHistory(longest_clip_s(clip) + GRACE_S + clip.after_s)


def build_event_builder(
    camera: CameraConfig,
    device: DeviceConfig,
    model_sha256: str,
    *,
    history: TrackHistory,
    drafts: DraftQueue,
    clip_recorder: ClipRecorder,
    new_id: Callable[[], UUID],
) -> EventBuilder:
    """The sink that turns a camera's signals into events with clips."""
    zones = {zone.id: zone.polygon for zone in camera.zones}
    provenance = Provenance(
        device_id=device.device_id,
        kampung_id=camera.kampung_id,
        camera_id=camera.id,
        zone_polygons={CAMERA_ZONE: WHOLE_FRAME} | zones,
        model_sha256=model_sha256,
        config_sha256=device.config_sha256,
        software_version=contract.__version__,
    )
    plan = ClipPlan(device.clip.before_s, device.clip.after_s, device.data_dir / "clips")
    return EventBuilder(provenance, plan, history=history, drafts=drafts, clip_recorder=clip_recorder, new_id=new_id)


def behaviours_for(
    camera: CameraConfig,
    calendar: CalendarConfig,
    learned: CameraLearned,
    aspect: float,
    spot_checks: random.Random | None = None,
) -> CameraBehaviours:
    """The camera's rules for a frame of this aspect (width / height).

    A calibration that cannot be trusted disables the rules that need metres and is logged; the other rules go on.
    """
    try:
        return build_behaviours(
            camera.zones,
            calendar=calendar,
            calibration=camera.calibration,
            learned=learned,
            spot_checks=spot_checks,
            aspect=aspect,
        )
    except CalibrationError as error:
        _log.error("calibration_refused", camera=camera.id, error=str(error))
        zones = [without_area_rules(zone) for zone in camera.zones]
        return build_behaviours(zones, calendar=calendar, learned=learned, spot_checks=spot_checks)
