"""Decodes no more of a camera's packets than the analysis needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from contract.clock import Instant
from edge.capture.packets import Packet, StreamInfo
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask

_EARLY_MAX = 0.25
"""A frame may be used up to this share of the analysis interval before it is due, if no later frame would be nearer:
camera rates are seldom multiples of the analysis rate."""
UNFILTERED_LINES = 720
"""Frames with at least this many lines are shrunk before analysis, which removes most of the block edges that the loop
filter would have smoothed. Tiled inference uses them nearer their full size; on fixed cameras it loses nothing either
(`python -m bench.eval_far_people_filter`)."""
UNFILTERED_GROUP = 60
"""The loop filter is skipped in groups of at most this many pictures: the unfiltered error accumulates in predicted
frames until the next keyframe (`python -m bench.eval_loop_filter`, docs/design/decode.md)."""
_HELD_MAX = 8
"""At most this many packets wait to be decoded, which bounds the work when a frame is due."""
_WAITING_MAX = 64
"""Capture times kept for packets whose frame has not left the decoder (B-frames, lost frames)."""


@dataclass(slots=True)
class DecodeCounters:
    """What one decoder has done: packets fed, frames decoded, frames returned, errors, packets skipped undecoded."""

    packets: int = 0
    decoded: int = 0
    frames: int = 0
    errors: int = 0
    skipped: int = 0


class _Grouping:
    """Counts the frames of one camera from keyframe to keyframe. A packet that is fed again counts once.

    B-frames, which are shown before a frame that was sent earlier, are left out: few frames are predicted from them.
    """

    def __init__(self) -> None:
        self._newest_mono_s = float("-inf")
        self._packets: int | None = None

    def length_before(self, packet: Packet) -> int | None:
        """Return the length of the group that this keyframe ends; None for other packets and for the first group."""
        at_mono_s = packet.captured.mono_s
        if at_mono_s <= self._newest_mono_s:
            return None
        self._newest_mono_s = at_mono_s
        if packet.is_keyframe:
            length, self._packets = self._packets, 1
            return length
        if self._packets is not None:
            self._packets += 1
        return None


class AnalysisDecoder:
    """Decodes one camera's packets into masked frames at the analysis rate. Use it from one thread.

    analysis_fps: maximum number of frames per second to return, 0.1 to 60.
    mask: burnt into every returned frame.
    counters: see `DecodeCounters`.
    is_unfiltered: whether the loop filter is skipped, which saves a good part of the decoding time. This applies to
        large frames with keyframes close together, from the second keyframe on, when the distance is known.

    Decoding uses one thread: FFmpeg's frame threads delay frames, and a camera has at most one core to itself. Packets
    before a due frame wait and are decoded together with it: decoding each on arrival would evict the reference frames
    from the processor's caches between packets, and the data of everything else with them.
    """

    def __init__(
        self, analysis_fps: float = 5.0, mask: PrivacyMask | None = None, *, is_unfiltered: bool = False
    ) -> None:
        """`is_unfiltered`: the state of another decoder of the same camera, to start from."""
        self.set_rate(analysis_fps)
        self._mask = mask
        self._stream: StreamInfo | None = None
        self._context: VideoCodecContext | None = None
        self._captured: dict[int, Instant] = {}
        self._held: list[tuple[Packet, bool]] = []
        self._skips = False
        self._fed_mono_s = float("-inf")
        self._spacing_s = float("inf")
        self._due_mono_s = float("-inf")
        self._newest_mono_s = float("-inf")
        self._needs_keyframe = True
        # Damaged packets can overwrite a decoder's parameter sets, and not every camera repeats those in-band.
        self._is_corrupt = False
        self._quiet = False
        self._grouping = _Grouping()
        self.is_unfiltered = is_unfiltered
        self.counters = DecodeCounters()

    def set_rate(self, analysis_fps: float) -> None:
        """Return this many frames per second from now on: 0.1 to 60. Raises ValueError outside that range."""
        if not 0.1 <= analysis_fps <= 60.0:
            raise ValueError(f"analysis_fps is 0.1 to 60 frames a second, got {analysis_fps}")
        self._interval_s = 1.0 / analysis_fps

    @property
    def is_quiet(self) -> bool:
        """Whether only keyframes are decoded."""
        return self._quiet

    def is_due(self, captured_mono_s: float) -> bool:
        """Return whether a frame captured then would be returned, if the frame interval stays the same."""
        return self._is_time(captured_mono_s, captured_mono_s - self._spacing_s)

    def feed(self, packet: Packet) -> list[Frame]:
        """Take the next packet; return the frames that are due. A packet that cannot be decoded counts as an error."""
        self.counters.packets += 1
        if self._stream is None or packet.stream.epoch != self._stream.epoch:
            self._grouping = _Grouping()
            self._open(packet.stream)
        elif self._is_corrupt and packet.is_keyframe:
            self._open(packet.stream)
        frames = self._suited_to_group(packet)
        if self._quiet and not packet.is_keyframe:
            self.counters.skipped += 1
            self._needs_keyframe = True
            return frames
        if self._needs_keyframe and not packet.is_keyframe:
            self.counters.skipped += 1
            return frames
        is_time = self._is_time_of(packet)
        self._held.append((packet, is_time))
        if not (is_time or self._quiet or self._needs_keyframe or len(self._held) >= _HELD_MAX):
            return frames
        frames += self._due_of_held()
        if self._quiet:
            # No frame between keyframes will be decoded: drain the decoder now instead of at the next keyframe.
            frames += self._flushed()
        return frames

    def set_quiet(self, quiet: bool) -> None:
        """Decode only keyframes (true), or everything from the next keyframe on (false). See also `wake`."""
        self._quiet = quiet

    def wake(self, packets: Sequence[Packet]) -> list[Frame]:
        """Leave the quiet state at once by decoding what was skipped.

        packets: from the last keyframe up to the last packet that was fed. Returns the frames that were due since the
        last returned one.
        """
        self._quiet = False
        self._needs_keyframe = True
        frames: list[Frame] = []
        for packet in packets:
            frames += self.feed(packet)
        return frames

    def _open(self, stream: StreamInfo) -> None:
        context = av.CodecContext.create(stream.codec.value, "r")
        assert isinstance(context, VideoCodecContext)  # noqa: S101 - H.264 and H.265 are video
        context.extradata = stream.extradata
        context.thread_count = 1
        # "noref" skips it only in frames without dependents, where no error can accumulate (docs/design/decode.md).
        context.options = {"skip_loop_filter": "all" if self.is_unfiltered else "noref"}
        self._stream = stream
        self._context = context
        self._captured.clear()
        self._held.clear()
        self._skips = False
        self._needs_keyframe = True
        self._is_corrupt = False

    def _suited_to_group(self, packet: Packet) -> list[Frame]:
        """Skip or apply the loop filter as a new group requires; return the frames that were still in the decoder."""
        length = self._grouping.length_before(packet)
        if length is None:
            return []
        unfiltered = packet.stream.height >= UNFILTERED_LINES and length <= UNFILTERED_GROUP
        if unfiltered == self.is_unfiltered:
            return []
        frames = self._due_of_held() + self._flushed()
        self.is_unfiltered = unfiltered
        self._open(packet.stream)
        return frames

    def _due_of_held(self) -> list[Frame]:
        """Decode the waiting packets, except those that are neither due nor referred to.

        The latter are B-frames and the upper temporal layers of scalable streams.
        """
        held, self._held = self._held, []
        frames: list[Frame] = []
        for packet, is_time in held:
            self._skip_unreferenced(not is_time)
            frames += self._due(self._decoded(packet))
        return frames

    def _skip_unreferenced(self, skip: bool) -> None:
        if self._context is not None and skip != self._skips:
            self._context.skip_frame = "NONREF" if skip else "DEFAULT"
            self._skips = skip

    def _decoded(self, packet: Packet) -> list[av.VideoFrame]:
        if self._context is None:
            return []
        if not packet.data:  # to FFmpeg an empty packet means the end of the stream
            self._mark_corrupt()
            return []
        compressed = av.Packet(packet.data)
        compressed.pts = packet.pts_90k
        self._captured[packet.pts_90k] = packet.captured
        try:
            decoded = self._context.decode(compressed)
        except av.error.FFmpegError:
            self._mark_corrupt()
            decoded = []
        else:
            self._needs_keyframe = False
        while len(self._captured) > _WAITING_MAX:
            del self._captured[next(iter(self._captured))]
        return decoded

    def _flushed(self) -> list[Frame]:
        """Drain the decoder, which then needs a keyframe; return the frames that are due."""
        if self._context is None:
            return []
        try:
            decoded = self._context.decode(None)
        except av.error.FFmpegError:
            self._mark_corrupt()
            decoded = []
        self._context.flush_buffers()
        self._needs_keyframe = True
        return self._due(decoded)

    def _mark_corrupt(self) -> None:
        self.counters.errors += 1
        self._is_corrupt = True

    def _due(self, decoded: list[av.VideoFrame]) -> list[Frame]:
        """Return the frames that are due, masked."""
        frames: list[Frame] = []
        self.counters.decoded += len(decoded)
        for video_frame in decoded:
            captured = self._captured.pop(video_frame.pts if video_frame.pts is not None else -1, None)
            if video_frame.is_corrupt:
                self._mark_corrupt()
            if captured is None or not self._is_due(captured):
                continue
            frame = Frame.from_av(video_frame, captured)
            frames.append(self._mask.burnt_into(frame) if self._mask else frame)
        self.counters.frames += len(frames)
        return frames

    def _is_due(self, captured: Instant) -> bool:
        """Return whether a frame is due; if so, the next one is due an interval later, which keeps the mean rate."""
        is_time = self._is_time(captured.mono_s, self._newest_mono_s)
        self._newest_mono_s = captured.mono_s
        if not is_time:
            return False
        self._due_mono_s += self._interval_s
        if self._due_mono_s <= captured.mono_s:
            self._due_mono_s = captured.mono_s + self._interval_s
        return True

    def _is_time_of(self, packet: Packet) -> bool:
        """Return whether the packet, the one after the last that was fed, may contain the due frame."""
        at_mono_s = packet.captured.mono_s
        self._spacing_s = abs(at_mono_s - self._fed_mono_s)
        self._fed_mono_s = at_mono_s
        return self._is_time(at_mono_s, at_mono_s - self._spacing_s)

    def _is_time(self, at_mono_s: float, before_mono_s: float) -> bool:
        """Return whether a frame at `at_mono_s` may serve as the due one; the one before was at `before_mono_s`."""
        early_s = min(_EARLY_MAX * self._interval_s, abs(at_mono_s - before_mono_s) / 2)
        return at_mono_s >= self._due_mono_s - early_s
