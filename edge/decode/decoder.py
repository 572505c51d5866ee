"""Decoding no more of a camera's packets than somebody will look at."""

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
"""A picture may stand in for one that is due up to this part of the analysis interval later, if no later picture would
be nearer: a camera's rate seldom divides by the analysis rate."""
UNFILTERED_LINES = 720
"""Pictures of so many lines and more are shrunk before they are looked at, so that most of the block edges which the
loop filter would have smoothed vanish. Tiles for far people are shrunk less; a fixed camera
loses nothing there either (`python -m bench.eval_far_people_filter`)."""
UNFILTERED_GROUP = 60
"""Up to so many pictures from one keyframe to the next the filter is left out: what it would have smoothed is predicted
from until the next keyframe (`python -m bench.eval_loop_filter`, docs/design/decode.md)."""
_HELD_MAX = 8
"""Packets are decoded at the latest when so many wait: the work of a picture that is due stays short."""
_WAITING_MAX = 64
"""Capture times kept for packets whose picture has not come out of the decoder (B-frames; lost pictures)."""


@dataclass(slots=True)
class DecodeCounters:
    """What one decoder did since it was made."""

    packets: int = 0
    decoded: int = 0
    frames: int = 0
    errors: int = 0
    skipped: int = 0


class _Grouping:
    """Counts the pictures of one camera from keyframe to keyframe, each packet once, also if it is fed again.

    Pictures shown before one that was sent earlier (B-frames) are left out: hardly anything is predicted from them.
    """

    def __init__(self) -> None:
        self._newest_mono_s = float("-inf")
        self._packets: int | None = None

    def length_before(self, packet: Packet) -> int | None:
        """How many pictures the group had that this keyframe ends; None for other packets and before it is known."""
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
    """Turns one camera's packets into frames at the analysis rate, masked. Use it from one thread.

    analysis_fps: frames a second to give out at most; the camera's own rate where that is lower.
    mask: burnt into every frame that is given out.
    counters: packets fed, pictures decoded, frames given out, errors, packets skipped undecoded.

    is_unfiltered: whether the loop filter is left out, which saves a good part of decoding. It is where pictures are
        large and keyframes close together, from the second keyframe on, because only that tells.

    It decodes on one thread: FFmpeg's frame threads hold pictures back, and a camera has at most one core to itself.
    Packets before a picture that is due wait for it, and are decoded with it in one go: a decoder that comes back to
    its pictures after every packet finds them gone from the processor's caches, and so does what runs in between.
    """

    def __init__(
        self, analysis_fps: float = 5.0, mask: PrivacyMask | None = None, *, is_unfiltered: bool = False
    ) -> None:
        """`is_unfiltered`: as another decoder of the same camera found it."""
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
        # Damaged packets can overwrite a decoder's parameter sets, and not every camera repeats those in band.
        self._is_corrupt = False
        self._quiet = False
        self._grouping = _Grouping()
        self.is_unfiltered = is_unfiltered
        self.counters = DecodeCounters()

    def set_rate(self, analysis_fps: float) -> None:
        """Give out so many frames a second from now on: 0.1 to 60."""
        if not 0.1 <= analysis_fps <= 60.0:
            raise ValueError(f"analysis_fps is 0.1 to 60 frames a second, got {analysis_fps}")
        self._interval_s = 1.0 / analysis_fps

    @property
    def is_quiet(self) -> bool:
        """Whether only keyframes are decoded."""
        return self._quiet

    def is_due(self, captured_mono_s: float) -> bool:
        """Whether a picture of this moment would be given out, if pictures come as far apart as they did."""
        return self._is_time(captured_mono_s, captured_mono_s - self._spacing_s)

    def feed(self, packet: Packet) -> list[Frame]:
        """Take the next packet; the frames that are due. A packet that cannot be decoded is counted, not raised."""
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
            # Nothing refers back to a keyframe: ask for it now instead of when the next one comes.
            frames += self._flushed()
        return frames

    def set_quiet(self, quiet: bool) -> None:
        """Decode keyframes only (true), or everything from the next keyframe on (false); see also `wake`."""
        self._quiet = quiet

    def wake(self, packets: Sequence[Packet]) -> list[Frame]:
        """Leave the quiet state at once: decode back what was skipped.

        packets: from the last keyframe on, up to the last packet that was fed. The frames due after the last one that
        was given out.
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
        # "noref" leaves it out of pictures that no other refers to, where nothing can add up (docs/design/decode.md).
        context.options = {"skip_loop_filter": "all" if self.is_unfiltered else "noref"}
        self._stream = stream
        self._context = context
        self._captured.clear()
        self._held.clear()
        self._skips = False
        self._needs_keyframe = True
        self._is_corrupt = False

    def _suited_to_group(self, packet: Packet) -> list[Frame]:
        """Take the filter out or in again where a new group tells so; the frames that the decoder still held."""
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
        """Decode what waits. What nobody will look at and nothing is predicted from is not decoded (B-frames, and the
        upper layers of cameras that send several rates in one stream)."""
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
            pictures = self._context.decode(compressed)
        except av.error.FFmpegError:
            self._mark_corrupt()
            pictures = []
        else:
            self._needs_keyframe = False
        while len(self._captured) > _WAITING_MAX:
            del self._captured[next(iter(self._captured))]
        return pictures

    def _flushed(self) -> list[Frame]:
        """What is due of the pictures that are still in the decoder, which then needs a keyframe."""
        if self._context is None:
            return []
        try:
            pictures = self._context.decode(None)
        except av.error.FFmpegError:
            self._mark_corrupt()
            pictures = []
        self._context.flush_buffers()
        self._needs_keyframe = True
        return self._due(pictures)

    def _mark_corrupt(self) -> None:
        self.counters.errors += 1
        self._is_corrupt = True

    def _due(self, pictures: list[av.VideoFrame]) -> list[Frame]:
        frames: list[Frame] = []
        self.counters.decoded += len(pictures)
        for picture in pictures:
            captured = self._captured.pop(picture.pts if picture.pts is not None else -1, None)
            if picture.is_corrupt:
                self._mark_corrupt()
            if captured is None or not self._is_due(captured):
                continue
            frame = Frame.from_av(picture, captured)
            frames.append(self._mask.burnt_into(frame) if self._mask else frame)
        self.counters.frames += len(frames)
        return frames

    def _is_due(self, captured: Instant) -> bool:
        """Whether a frame is wanted now; if so the next one is wanted an interval later, the mean rate kept."""
        is_time = self._is_time(captured.mono_s, self._newest_mono_s)
        self._newest_mono_s = captured.mono_s
        if not is_time:
            return False
        self._due_mono_s += self._interval_s
        if self._due_mono_s <= captured.mono_s:
            self._due_mono_s = captured.mono_s + self._interval_s
        return True

    def _is_time_of(self, packet: Packet) -> bool:
        """Whether the packet, which comes after the one that was fed before, may hold the picture that is due."""
        at_mono_s = packet.captured.mono_s
        self._spacing_s = abs(at_mono_s - self._fed_mono_s)
        self._fed_mono_s = at_mono_s
        return self._is_time(at_mono_s, at_mono_s - self._spacing_s)

    def _is_time(self, at_mono_s: float, before_mono_s: float) -> bool:
        """Whether a picture of this moment may stand in for the one that is due; the one before it was of `before`."""
        early_s = min(_EARLY_MAX * self._interval_s, abs(at_mono_s - before_mono_s) / 2)
        return at_mono_s >= self._due_mono_s - early_s
