"""Keeps one stream open for ever: `run` retries, `run_once` works.

A camera without a substream has one supervisor, whose packets are recorded and analysed. A camera with a substream has
two: one for the recording stream, one for the analysis stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from contract.clock import Clock
from edge.capture.packets import Packet
from edge.capture.session import FaultKind, SourceFault, SourceSettings, open_session
from edge.system.backoff import Backoff

RETRY_BASE_S, RETRY_CAP_S = 1.0, 15.0
"""Bounds of the back-off. Jitter shortens each wait by up to a half: 0.5 to 1 s at first, at most 15 s."""
HEALTHY_AFTER_S = 60.0
"""A session that lasted this long resets the back-off."""
REPLAY_EVERY_MIN_S = 1.0
"""Shortest time between two starts of a file: replaying a file of a single frame would otherwise occupy a core."""

_log = structlog.get_logger(__name__)


class StreamTelemetry(Protocol):
    """Receives the state of a stream."""

    def session_started(self, camera_id: str) -> None: ...

    def session_lost(self, camera_id: str, fault: str) -> None: ...

    def frame_seen(self, camera_id: str) -> None: ...


class StreamSupervisor:
    """Opens a stream, passes its packets on, and opens it again whenever it ends, until it is stopped."""

    def __init__(
        self,
        camera_id: str,
        settings: SourceSettings,
        on_packet: Callable[[Packet], None],
        *,
        telemetry: StreamTelemetry | None,
        clock: Clock,
    ) -> None:
        self._camera_id = camera_id
        self._settings = settings
        self._on_packet = on_packet
        self._telemetry = telemetry
        self._clock = clock
        self._backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S)

    def run(self, stop: threading.Event) -> None:
        """Keep the stream open until `stop` is set. A defect ends this camera's session and nothing else."""
        while not stop.is_set():
            began_mono_s = self._clock.mono_s()
            try:
                self.run_once(stop)
                return
            except SourceFault as fault:
                kind, detail = fault.kind, fault.detail
            except Exception as error:  # noqa: BLE001 - the session is retried; the log has the traceback
                _log.exception("session_failed", camera=self._camera_id)
                kind, detail = None, f"internal error: {type(error).__name__}"
            if stop.is_set():
                return
            lasted_s = self._clock.mono_s() - began_mono_s
            if lasted_s >= HEALTHY_AFTER_S:
                self._backoff.reset()
            if kind is FaultKind.ENDED and not self._settings.is_network:  # replay a file that was played to its end
                wait_s = max(0.0, REPLAY_EVERY_MIN_S - lasted_s)
            else:
                wait_s = self._backoff.after_failure()
            if self._telemetry is not None:
                self._telemetry.session_lost(self._camera_id, detail)
            _log.warning("stream_lost", camera=self._camera_id, reason=detail, retry_s=round(wait_s, 1))
            stop.wait(wait_s)

    def run_once(self, stop: threading.Event) -> None:
        """Open the stream and pass its packets on until `stop` is set. Raises SourceFault at any other end."""
        with open_session(self._settings, self._clock, stop) as session:
            stream = session.stream
            _log.info(
                "stream_opened",
                camera=self._camera_id,
                url=self._settings.display_url,
                codec=stream.codec.value,
                width=stream.width,
                height=stream.height,
            )
            if self._telemetry is not None:
                self._telemetry.session_started(self._camera_id)
            for packet in session.packets():
                if self._telemetry is not None:
                    self._telemetry.frame_seen(self._camera_id)
                self._on_packet(packet)
