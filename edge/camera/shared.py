"""The parts that all cameras of a device share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from contract.clock import Clock
from edge.clips.recorder import ClipRecorder
from edge.config import DeviceConfig
from edge.decode.pool import DecodePool
from edge.detector import Detector
from edge.detector.frame_scheduler import FrameScheduler
from edge.events.drafts import DraftQueue
from edge.telemetry import DeviceTelemetry


@dataclass(frozen=True, slots=True)
class Shared:
    """One instance of each part for all cameras of the process."""

    config: DeviceConfig
    clock: Clock
    detector: Detector
    decode_pool: DecodePool
    scheduler: FrameScheduler
    telemetry: DeviceTelemetry
    drafts: DraftQueue
    clip_recorder: ClipRecorder
    new_id: Callable[[], UUID]
