"""One camera from packets to signals, as live workers, replays and benchmarks run it.

`take_packet`, `is_wanted` and `decode` belong to the threads that read and decode the camera; `analyse`,
`check_health` and `close` to the inference thread. `process` runs all of them in one thread, for files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from contract.clock import Instant
from contract.reasons import Reason
from edge.camera.analysis import CameraAnalysis, SignalSink
from edge.camera_health.clock_watch import ClockWatch
from edge.camera_health.faults import CameraFaults, ViewWatch
from edge.camera_health.store import LearntView
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.decode.attention import Attention
from edge.decode.frame import Frame
from edge.decode.ladder import DecodeLadder
from edge.signals import Signal

CHECK_HEALTH_S = 1.0
"""Seconds between two checks of the camera's health."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one pipeline, wired to each other by `edge.camera.build`."""

    ring: PacketRing
    ladder: DecodeLadder
    view_watch: ViewWatch
    clock_watch: ClockWatch
    faults: CameraFaults
    analysis: CameraAnalysis


class CameraPipeline:
    """Ring, decode ladder, camera health, detector, tracker and rules of one camera.

    ladder: the decode ladder, for its rate and its counters.
    """

    def __init__(self, camera_id: str, stages: Stages, sink: SignalSink, started: Instant) -> None:
        """`started`: until the first packet, a missing stream counts from this time."""
        self._camera_id = camera_id
        self._ring = stages.ring
        self._view_watch = stages.view_watch
        self._clock_watch = stages.clock_watch
        self._faults = stages.faults
        self._analysis = stages.analysis
        self._sink = sink
        self._started = started
        self._next_check_s: float | None = None
        self.ladder = stages.ladder

    # ---- the camera's threads --------------------------------------------------------------------------------------

    def take_packet(self, packet: Packet) -> None:
        """Store the stream's next packet in the ring, and check the camera's clock."""
        self._clock_watch.observe(packet)
        self._ring.append(packet)

    def decode(self, packet: Packet) -> list[Frame]:
        """Feed a stored packet to the decode ladder; returns the frames to analyse, in the order of capture."""
        return self.ladder.feed(packet)

    @property
    def attention(self) -> Attention:
        """How closely the camera is watched now. Safe from any thread."""
        return self.ladder.attention

    @property
    def learnt_view(self) -> LearntView | None:
        """The reference view and noise floor to store; None before they are learnt. Safe from any thread."""
        return self._view_watch.learnt

    def accept_view(self) -> None:
        """Accept the next frame's view as the reference, because the camera was moved on purpose."""
        self._view_watch.accept_view()

    # ---- the inference thread --------------------------------------------------------------------------------------

    def analyse(self, frame: Frame) -> int:
        """Detect, track and apply the rules to the next frame. Returns the number of confirmed people."""
        self._analysis.analyse(frame)
        return self._analysis.people_count

    def check_health(self, now: Instant) -> None:
        """Report faults that began or ended, inhibit the rules during faults, and end signals that are out of view."""
        for note in (*self._view_watch.notes(), *self._clock_watch.notes()):
            self._report(self._faults.take(note), note.frame)
        newest_mono_s = self._ring.newest_mono_s
        newest = self._started if newest_mono_s is None else now.shifted(newest_mono_s - now.mono_s)
        self._report(self._faults.stream(newest, now), None)
        self._analysis.inhibit(self._faults.is_blind)
        self._analysis.close_if_unseen(now.mono_s)

    @property
    def is_blind(self) -> bool:
        """Whether an open fault inhibits the rules."""
        return self._faults.is_blind

    @property
    def open_faults(self) -> tuple[str, ...]:
        """The names of the open faults."""
        return self._faults.open_names

    def take_shadow(self) -> tuple[Signal, ...]:
        """The signals of rules in shadow mode since the last call: to be logged, never to alert."""
        return self._analysis.take_shadow()

    def close(self, reason: Reason) -> None:
        """End every open signal, because the worker stops or the video is over."""
        self._analysis.close(reason)
        for signal in self._faults.close(reason):
            self._sink.record(signal, None)

    # ---- one thread for everything ---------------------------------------------------------------------------------

    def process(self, packet: Packet, *, decode: Callable[[Packet], list[Frame]] | None = None) -> int:
        """Store, decode and analyse the next packet, and check health for every second of the stream's time up to it.

        decode: replaces the decode ladder, for comparisons. Returns the number of frames handed to analysis.
        """
        self._check_health_until(packet.captured)
        self.take_packet(packet)
        frames = (decode or self.decode)(packet)
        for frame in frames:
            self.analyse(frame)
        return len(frames)

    def _check_health_until(self, now: Instant) -> None:
        if self._next_check_s is None:
            self._next_check_s = now.mono_s + CHECK_HEALTH_S
        while self._next_check_s <= now.mono_s:
            self.check_health(now.shifted(self._next_check_s - now.mono_s))
            self._next_check_s += CHECK_HEALTH_S

    def _report(self, signal: Signal | None, frame: Frame | None) -> None:
        if signal is not None:
            _log.warning("camera_fault", camera=self._camera_id, fault=signal.key, phase=signal.phase.value)
            self._sink.record(signal, frame)
