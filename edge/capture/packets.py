"""Compressed video on its way from a camera to the ring, the decoder and the clip."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from contract.clock import Instant
from edge.capture.bitstream import BitstreamError, Codec, join_units, parameter_set_key, sequence_info

TICKS_PER_S = 90_000
"""Ticks per second of all timestamps: those of RTP video (RFC 3551, section 5), whatever the source uses."""
TIME_BASE = Fraction(1, TICKS_PER_S)

_next_epoch: Callable[[], int] = itertools.count(1).__next__


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Describes a run of packets from one camera session with the same parameter sets.

    width, height: cropped frame size in pixels, from the sequence parameter set.
    parameter_sets: NAL units, in the order in which a decoder needs them.
    session: number of the session within this process. Ticks of two sessions are not comparable.
    epoch: number of the parameter sets within this process. When it changes, a decoder has to start anew.
    codec_string: RFC 6381 codecs parameter, for example avc1.64001f.
    """

    codec: Codec
    width: int
    height: int
    parameter_sets: tuple[bytes, ...] = field(repr=False)
    session: int
    epoch: int
    codec_string: str

    @classmethod
    def of(cls, codec: Codec, parameter_sets: Iterable[bytes], session: int) -> StreamInfo:
        """Start a new epoch with these parameter sets. Raises BitstreamError if they do not describe a stream."""
        units = tuple(parameter_sets)
        info = sequence_info(codec, list(units))
        return cls(codec, info.width, info.height, units, session, _next_epoch(), info.codec_string)

    @property
    def extradata(self) -> bytes:
        """The parameter sets as an Annex B byte stream."""
        return join_units(list(self.parameter_sets))


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """One access unit: one compressed frame.

    data: Annex B byte stream, with or without parameter sets.
    pts_90k: presentation time in ticks of 1/90,000 s on the camera's clock. Packets come in decoding order, so with
        B-frames it does not always increase.
    captured: capture time on the device's clocks.
    duration_s: seconds until the next frame according to the source; 0.0 if it does not say.
    clock_offset_s: seconds by which the camera's clock is ahead of the device's, from RTCP sender reports; None if the
        camera sends none. Delay on the way from the camera lowers the value by up to 2 s.
    """

    data: bytes = field(repr=False)
    pts_90k: int
    captured: Instant
    duration_s: float
    is_keyframe: bool
    stream: StreamInfo
    clock_offset_s: float | None = None

    @property
    def size_bytes(self) -> int:
        """Size of the compressed frame in bytes."""
        return len(self.data)


class ParameterSets:
    """The parameter sets in force in one session, and the stream that they describe.

    Raises BitstreamError if the first parameter sets do not describe a stream.
    """

    def __init__(self, codec: Codec, units: Iterable[bytes], session: int) -> None:
        self._codec = codec
        self._session = session
        self._units = {parameter_set_key(codec, unit): unit for unit in units}
        self.stream = StreamInfo.of(codec, self._in_order(), session)

    def update(self, units: Iterable[bytes]) -> bool:
        """Apply the parameter sets found in a packet; return whether `stream` changed.

        Sets that cannot be parsed come from a damaged packet and are ignored.
        """
        try:
            found = {parameter_set_key(self._codec, unit): unit for unit in units}
            if all(self._units.get(key) == unit for key, unit in found.items()):
                return False
            before, self._units = self._units, self._units | found
            try:
                self.stream = StreamInfo.of(self._codec, self._in_order(), self._session)
            except BitstreamError:
                self._units = before
                raise
        except BitstreamError:
            return False
        return True

    def _in_order(self) -> list[bytes]:
        return [self._units[key] for key in sorted(self._units)]
