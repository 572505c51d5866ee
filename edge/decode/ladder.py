"""The decode ladder: only keyframes while nothing happens, the analysis rate while something does.

Packets go in after they were added to the ring. The frames that are worth a detection come out, in order of capture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.decode.attention import Attention, AttentionPolicy, AttentionSettings
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from edge.decode.motion_gate import GateSettings, Luma, MotionGate

GATE_WH = (320, 180)
"""Width and height, in pixels, at which motion and camera health are assessed."""
BURST_WH = (640, 360)
"""Frames decoded back are halved unless that makes them smaller than this. There are many at once, and no detector
input and no thumbnail is larger. Tiled inference, which crops, then sees half the detail."""

GATE_PAUSE_S = 0.35
"""The gate is skipped for this long after motion, because attention is held longer than that anyway. At five frames per
second this skips one frame, with a margin for jitter."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _InView:
    """The people in the newest analysed frame. Replaced as a whole, so that threads need no lock."""

    people: int
    boxes_xyxyn: FloatArray


_NOBODY = _InView(0, np.empty((0, 4), np.float32))


@dataclass(slots=True)
class LadderCounters:
    """What one camera's ladder has done.

    gated: frames that the motion gate assessed; it skips those shortly after motion. handed_on: frames returned for
    detection. wakes: how often it left the quiet state.
    """

    gated: int = 0
    handed_on: int = 0
    wakes: int = 0


class DecodeLadder:
    """One camera's ladder. Call `feed` from the camera's thread; `people_seen` may be called from any thread.

    counters: see `LadderCounters`. decoder: the decoder, for its counters.
    """

    def __init__(
        self,
        ring: PacketRing,
        analysis_fps: float = 5.0,
        mask: PrivacyMask | None = None,
        *,
        gate: GateSettings | None = None,
        attention: AttentionSettings | None = None,
        on_frame: Callable[[Luma, Frame], Any] | None = None,
    ) -> None:
        """`on_frame`: called with the small luma and the frame of every gated frame; camera health uses it."""
        self._ring = ring
        self._fps = analysis_fps
        self._mask = mask
        self._gate = MotionGate(gate, None if mask is None else mask.covers(*GATE_WH))
        self._policy = AttentionPolicy(attention)
        self._on_frame = on_frame
        self._in_view = _NOBODY
        self._last_mono_s = float("-inf")
        self._moved_mono_s = float("-inf")
        self._keyframe_mono_s = float("-inf")
        self._keyframe_every_s = float("inf")
        self.decoder = AnalysisDecoder(analysis_fps, mask)
        self.counters = LadderCounters()

    @property
    def attention(self) -> Attention:
        """The camera's current attention."""
        return self._policy.attention

    def set_rate(self, analysis_fps: float) -> None:
        """Aim at this many frames per second from now on, also when decoding back. Call from the camera's thread."""
        self._fps = analysis_fps
        self.decoder.set_rate(analysis_fps)

    def people_seen(self, people: int, boxes_xyxyn: npt.ArrayLike) -> None:
        """Report the people in the newest analysed frame.

        people: number of boxes that may start a track or that continue one. boxes_xyxyn: (N, 4), normalised.
        """
        self._in_view = _InView(people, np.asarray(boxes_xyxyn, np.float32).reshape(-1, 4))

    def is_wanted(self, packet: Packet) -> bool:
        """Return whether the packet, which has not been fed yet, may result in a frame. Others can wait for it."""
        if self.decoder.is_quiet:
            return packet.is_keyframe or self._is_overdue(packet)
        return packet.is_keyframe or self.decoder.is_due(packet.captured.mono_s)

    def feed(self, packet: Packet) -> list[Frame]:
        """Take the next packet, which the ring already holds; return the frames to detect on."""
        if packet.is_keyframe:
            self._keyframe_every_s = packet.captured.mono_s - self._keyframe_mono_s
            self._keyframe_mono_s = packet.captured.mono_s
        elif self._is_overdue(packet):
            return self._caught_up(packet.captured.mono_s)
        was_quiet, woken = self.decoder.is_quiet, False
        found: list[Frame] = []
        for frame in self.decoder.feed(packet):
            last_mono_s = self._last_mono_s
            detect = self._is_worth_detecting(frame)
            if was_quiet and not woken and not self._policy.attention.keyframes_only:
                found += self._decoded_back(last_mono_s, frame.captured.mono_s)
                woken = True
            if detect:
                found.append(frame)
        if woken:
            self.counters.wakes += 1
            self.decoder.wake([packet])  # while quiet, only a keyframe results in a frame
        elif self._policy.attention.keyframes_only:
            self.decoder.set_quiet(True)
        self.counters.handed_on += len(found)
        return found

    def _is_overdue(self, packet: Packet) -> bool:
        """Return whether only keyframes are decoded and the next one should have come before this packet."""
        since_s = packet.captured.mono_s - self._keyframe_mono_s
        return self.decoder.is_quiet and since_s > self._policy.keyframe_overdue_after_s

    def _caught_up(self, now_mono_s: float) -> list[Frame]:
        """Decode from the last keyframe to now and everything from now on, because the next keyframe is far away."""
        found: list[Frame] = []
        self._keyframe_every_s = now_mono_s - self._keyframe_mono_s
        self.decoder.wake(())
        for packet in self._ring.between(self._keyframe_mono_s, now_mono_s):
            found += [_for_a_burst(frame) for frame in self.decoder.feed(packet) if self._is_worth_detecting(frame)]
        self.counters.wakes += 1
        self.counters.handed_on += len(found)
        return found

    def _is_worth_detecting(self, frame: Frame) -> bool:
        """Pass the frame to gate and camera health unless motion is recent; return whether to detect on it."""
        at_mono_s = frame.captured.mono_s
        in_view = self._in_view
        moving = at_mono_s - self._moved_mono_s >= GATE_PAUSE_S and self._moves(frame, in_view.boxes_xyxyn)
        decision = self._policy.decide(
            at_mono_s, moving=moving, people=in_view.people, keyframe_every_s=self._keyframe_every_s
        )
        self._last_mono_s = max(self._last_mono_s, at_mono_s)
        return decision.detect

    def _moves(self, frame: Frame, people_xyxyn: FloatArray) -> bool:
        """Return whether the gate sees motion; report the frame to camera health."""
        small, at_mono_s = frame.luma(*GATE_WH), frame.captured.mono_s
        moves = self._gate.observe(small, at_mono_s, people_xyxyn).active
        if moves:
            self._moved_mono_s = max(self._moved_mono_s, at_mono_s)
        if self._on_frame is not None and at_mono_s > self._last_mono_s:
            self._on_frame(small, frame)
        self.counters.gated += 1
        return moves

    def _decoded_back(self, after_mono_s: float, before_mono_s: float) -> list[Frame]:
        """Return the frames between two keyframes, the second of which showed that something had begun."""
        decoder = AnalysisDecoder(self._fps, self._mask, is_unfiltered=self.decoder.is_unfiltered)
        found: list[Frame] = []
        for packet in self._ring.between(after_mono_s, before_mono_s):
            between = (one for one in decoder.feed(packet) if after_mono_s < one.captured.mono_s < before_mono_s)
            found += [_for_a_burst(frame) for frame in between if self._is_worth_detecting(frame)]
        return found


def _for_a_burst(frame: Frame) -> Frame:
    return frame.halved() if frame.width >= 2 * BURST_WH[0] and frame.height >= 2 * BURST_WH[1] else frame
