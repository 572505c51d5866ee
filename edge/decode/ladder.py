"""The decode ladder: keyframes only while nothing happens, the analysis rate while something does, nothing in vain.

Packets go in after they went into the ring; the frames that are worth a detection come out, in the order of capture.
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
"""The size at which motion and the camera's health are judged."""
BURST_WH = (640, 360)
"""Pictures that were decoded back are kept at half their size where that is no smaller: there are many at once, and no
detector's input and no thumbnail is larger. Tiles, which are cut out of the frame, see half the detail."""

GATE_PAUSE_S = 0.35
"""Where something has just moved the gate is not asked again before so long (at five pictures a second for one of them,
with room for jitter): attention is held for longer than that."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _InView:
    """Who was in the newest analysed picture. Replaced as a whole, so that threads need no lock."""

    people: int
    boxes_xyxyn: FloatArray


_NOBODY = _InView(0, np.empty((0, 4), np.float32))


@dataclass(slots=True)
class LadderCounters:
    """What became of one camera's frames: judged by the gate, handed on for detection, woken from quiet how often.

    Frames that follow on a movement or were decoded back before one are not judged.
    """

    judged: int = 0
    handed_on: int = 0
    wakes: int = 0


class DecodeLadder:
    """One camera's ladder. `feed` belongs to the camera's thread; `people_seen` may be called from any other.

    counters: see `LadderCounters`. decoder: the decoder, for its counters.
    """

    def __init__(
        self,
        ring: PacketRing,
        analysis_fps: float = 5.0,
        mask: PrivacyMask | None = None,
        *,
        motion: GateSettings | None = None,
        attention: AttentionSettings | None = None,
        on_frame: Callable[[Luma, Frame], Any] | None = None,
    ) -> None:
        """`on_frame` is shown every judged picture, small and whole: camera health looks on there."""
        self._ring = ring
        self._fps = analysis_fps
        self._mask = mask
        self._gate = MotionGate(motion, None if mask is None else _masked(mask))
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
        """How closely the camera is watched now."""
        return self._policy.attention

    def set_rate(self, analysis_fps: float) -> None:
        """Aim at so many frames a second from now on, also when decoding back. For the camera's thread."""
        self._fps = analysis_fps
        self.decoder.set_rate(analysis_fps)

    def people_seen(self, people: int, boxes_xyxyn: npt.ArrayLike) -> None:
        """What the analysis saw in the newest frame: how many people (boxes that may begin a track, or that a track
        carries), and where ((N, 4) in parts of the picture)."""
        self._in_view = _InView(people, np.asarray(boxes_xyxyn, np.float32).reshape(-1, 4))

    def is_wanted(self, packet: Packet) -> bool:
        """Whether the packet, the next one or one of the next, may give a picture: others need not be fed before it."""
        if self.decoder.is_quiet:
            return packet.is_keyframe or self._is_overdue(packet)
        return packet.is_keyframe or self.decoder.is_due(packet.captured.mono_s)

    def feed(self, packet: Packet) -> list[Frame]:
        """Take the next packet, which the ring already holds; the frames to detect on."""
        if packet.is_keyframe:
            self._keyframe_every_s = packet.captured.mono_s - self._keyframe_mono_s
            self._keyframe_mono_s = packet.captured.mono_s
        elif self._is_overdue(packet):
            return self._caught_up(packet.captured.mono_s)
        was_quiet, woken = self.decoder.is_quiet, False
        found: list[Frame] = []
        for frame in self.decoder.feed(packet):
            last_mono_s = self._last_mono_s
            detect = self._judge(frame)
            if was_quiet and not woken and not self._policy.attention.keyframes_only:
                found += self._decoded_back(last_mono_s, frame.captured.mono_s)
                woken = True
            if detect:
                found.append(frame)
        if woken:
            self.counters.wakes += 1
            self.decoder.wake([packet])  # while quiet, only keyframes give a picture
        elif self._policy.attention.keyframes_only:
            self.decoder.set_quiet(True)
        self.counters.handed_on += len(found)
        return found

    def _is_overdue(self, packet: Packet) -> bool:
        """Whether the next keyframe should have come before this packet, and is all that is waited for."""
        since_s = packet.captured.mono_s - self._keyframe_mono_s
        return self.decoder.is_quiet and since_s > self._policy.keyframe_patience_s

    def _caught_up(self, now_mono_s: float) -> list[Frame]:
        """Decode from the last keyframe up to now, and everything from now on: the next keyframe is far."""
        found: list[Frame] = []
        self._keyframe_every_s = now_mono_s - self._keyframe_mono_s
        self.decoder.wake(())
        for packet in self._ring.between(self._keyframe_mono_s, now_mono_s):
            found += [_for_a_burst(frame) for frame in self.decoder.feed(packet) if self._judge(frame)]
        self.counters.wakes += 1
        self.counters.handed_on += len(found)
        return found

    def _judge(self, frame: Frame) -> bool:
        """Let the gate and health look at a picture if it is time; whether to detect on it."""
        at_mono_s = frame.captured.mono_s
        in_view = self._in_view
        moving = at_mono_s - self._moved_mono_s >= GATE_PAUSE_S and self._moves(frame, in_view.boxes_xyxyn)
        decision = self._policy.decide(
            at_mono_s, moving=moving, people=in_view.people, keyframe_every_s=self._keyframe_every_s
        )
        self._last_mono_s = max(self._last_mono_s, at_mono_s)
        return decision.detect

    def _moves(self, frame: Frame, people_xyxyn: FloatArray) -> bool:
        """Whether the gate sees anything move. Camera health looks on."""
        small, at_mono_s = frame.luma(*GATE_WH), frame.captured.mono_s
        moves = self._gate.observe(small, at_mono_s, people_xyxyn).active
        if moves:
            self._moved_mono_s = max(self._moved_mono_s, at_mono_s)
        if self._on_frame is not None and at_mono_s > self._last_mono_s:
            self._on_frame(small, frame)
        self.counters.judged += 1
        return moves

    def _decoded_back(self, after_mono_s: float, before_mono_s: float) -> list[Frame]:
        """The frames between two keyframes, of which the second showed that something had begun."""
        decoder = AnalysisDecoder(self._fps, self._mask, is_unfiltered=self.decoder.is_unfiltered)
        found: list[Frame] = []
        for packet in self._ring.between(after_mono_s, before_mono_s):
            between = (one for one in decoder.feed(packet) if after_mono_s < one.captured.mono_s < before_mono_s)
            found += [_for_a_burst(frame) for frame in between if self._judge(frame)]
        return found


def _for_a_burst(frame: Frame) -> Frame:
    return frame.halved() if frame.width >= 2 * BURST_WH[0] and frame.height >= 2 * BURST_WH[1] else frame


def _masked(mask: PrivacyMask) -> npt.NDArray[np.bool_]:
    return mask.covers(*GATE_WH)
