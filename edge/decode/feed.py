"""Feeds one camera's packets through the decode ladder and offers the resulting frames to the detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog

from edge.capture.packets import Packet
from edge.decode.frame import Frame
from edge.decode.ladder import DecodeLadder
from edge.decode.rate_control import RateController

_log = structlog.get_logger(__name__)


class FrameQueue(Protocol):
    """The queue in front of the detector."""

    def offer(self, camera_id: str, frames: Sequence[Frame]) -> int:
        """Queue frames in order of capture; return how many older ones were dropped for them."""
        ...


class AnalysisTelemetry(Protocol):
    """Receives how much of what should be analysed is analysed."""

    def frames_dropped(self, camera_id: str, count: int = 1) -> None: ...

    def rate_changed(self, camera_id: str, target_fps: float, *, degraded: bool) -> None: ...


class AnalysisFeed:
    """Offers the decode ladder's frames for analysis, no faster than the analysis keeps up."""

    def __init__(
        self,
        camera_id: str,
        ladder: DecodeLadder,
        scheduler: FrameQueue,
        *,
        rate_control: RateController,
        telemetry: AnalysisTelemetry,
    ) -> None:
        self._camera_id = camera_id
        self._ladder = ladder
        self._scheduler = scheduler
        self._rate_control = rate_control
        self._telemetry = telemetry

    def __call__(self, packet: Packet) -> None:
        """Process the stream's next packet."""
        frames = self._ladder.feed(packet)
        dropped = self._scheduler.offer(self._camera_id, frames) if frames else 0
        if dropped:
            self._telemetry.frames_dropped(self._camera_id, dropped)
        was_degraded = self._rate_control.is_degraded
        if self._rate_control.note(packet.captured.mono_s, offered=len(frames), dropped=dropped):
            self._slow_down_or_recover(was_degraded)

    def _slow_down_or_recover(self, was_degraded: bool) -> None:
        fps, degraded = self._rate_control.fps, self._rate_control.is_degraded
        self._ladder.set_rate(fps)
        self._telemetry.rate_changed(self._camera_id, fps, degraded=degraded)
        # A device that is too slow alternates between rates: only entering and leaving that state is logged.
        log = _log.debug if was_degraded and degraded else _log.warning if degraded else _log.info
        log("analysis_slowed_down" if degraded else "analysis_rate_restored", camera=self._camera_id, fps=round(fps, 1))
