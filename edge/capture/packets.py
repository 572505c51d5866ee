"""Compressed pictures on their way from a camera to the ring, the decoder and the clip."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from contract.clock import Instant
from edge.capture.bitstream import BitstreamError, Codec, join_units, parameter_set_key, sequence_info

TICKS_PER_S = 90_000
"""Every source's timestamps are kept in RTP's ticks for video (RFC 3551, section 5)."""
TIME_BASE = Fraction(1, TICKS_PER_S)

_next_epoch: Callable[[], int] = itertools.count(1).__next__


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What holds for a run of packets: one camera session, one set of parameter sets.

    width, height: pixels, cropped, as the sequence parameter set says.
    parameter_sets: the NAL units, in the order in which a decoder needs them.
    session: counts the sessions of this process. Ticks of two sessions have nothing to do with each other.
    epoch: counts in this process; another number means that a decoder has to start anew.
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
        """The stream that the parameter sets describe, as a new epoch. Raises BitstreamError when they do not."""
        units = tuple(parameter_sets)
        said = sequence_info(codec, list(units))
        return cls(codec, said.width, said.height, units, session, _next_epoch(), said.codec_string)

    @property
    def extradata(self) -> bytes:
        """The parameter sets as an Annex B byte stream."""
        return join_units(list(self.parameter_sets))


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """One access unit: one compressed picture.

    data: Annex B byte stream; parameter sets may or may not stand in it.
    pts_90k: when the picture is shown, in ticks of 1/90,000 s on the camera's clock. Packets come in decoding order,
        so that with B-frames it does not always grow.
    captured: `pts_90k` on the box's clocks.
    duration_s: until the next picture, as far as the source says; 0.0 where it does not.
    clock_offset_s: by how much the camera's clock, as its sender reports tell it, is ahead of the box's (the picture's
        way here makes it up to 2 s less); None where it sends no reports.
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
        """The compressed picture's size."""
        return len(self.data)


class ParameterSets:
    """The parameter sets in force in one session, and the stream that they make.

    Raises BitstreamError when the first ones do not describe a stream.
    """

    def __init__(self, codec: Codec, units: Iterable[bytes], session: int) -> None:
        self._codec = codec
        self._session = session
        self._units = {parameter_set_key(codec, unit): unit for unit in units}
        self.stream = StreamInfo.of(codec, self._in_order(), session)

    def update(self, units: Iterable[bytes]) -> bool:
        """Take in the parameter sets found in a packet; whether `stream` became another one.

        Sets that cannot be read are those of a damaged packet: what held before goes on holding.
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
