"""Feeds one camera's packets through the decode ladder and offers the frames that are worth a detection."""

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
    """Where frames wait for the detector."""

    def offer(self, camera_id: str, frames: Sequence[Frame]) -> int:
        """Queue frames in the order of capture. Returns how many older ones were dropped for them."""
        ...


class AnalysisTelemetry(Protocol):
    """Who is told how much of what is worth analysing is analysed."""

    def frames_dropped(self, camera_id: str, count: int = 1) -> None: ...

    def rate_changed(self, camera_id: str, target_fps: float, *, degraded: bool) -> None: ...


class AnalysisFeed:
    """Offers for analysis what the decode ladder finds worth it, no faster than the analysis keeps up with."""

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
        """Take in the stream's next packet."""
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
        # A device that is too slow for good goes up and down for ever: only the ends of that are worth a line.
        log = _log.debug if was_degraded and degraded else _log.warning if degraded else _log.info
        words = "analysis slowed down: the device cannot keep up" if degraded else "analysis at its full rate again"
        log(words, camera=self._camera_id, fps=round(fps, 1))
