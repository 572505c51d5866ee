"""Parses just enough of H.264 and H.265 to find NAL units and to read parameter sets.

The edge keeps all video in the byte stream format (Annex B of ITU-T H.264 and H.265: start codes between units),
whatever framing the source uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

START_CODE = b"\x00\x00\x00\x01"
_SHORT_START = b"\x00\x00\x01"


class Codec(StrEnum):
    """A video codec; the value is its name in FFmpeg."""

    H264 = "h264"
    HEVC = "hevc"


# Unit types: H.264 table 7-1, H.265 table 7-1.
_PARAMETER_TYPES = {Codec.H264: {7, 8}, Codec.HEVC: {32, 33, 34}}
_SPS_TYPE = {Codec.H264: 7, Codec.HEVC: 33}
# Profiles whose sequence parameter set contains the chroma format (H.264, section 7.3.2.1.1).
_H264_CHROMA_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_FRAME_SIZE_MAX_PX = 16384


class BitstreamError(ValueError):
    """The bytes violate the codec's standard."""


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """The content of a sequence parameter set: the cropped frame size in pixels and the RFC 6381 codecs parameter."""

    width: int
    height: int
    codec_string: str


def unit_type(codec: Codec, unit: bytes) -> int:
    """Return the type of the NAL unit; -1 for an empty unit."""
    if not unit:
        return -1
    return unit[0] & 0x1F if codec is Codec.H264 else unit[0] >> 1 & 0x3F


def is_slice(codec: Codec, unit: bytes) -> bool:
    """Return whether the unit carries image data rather than headers or messages."""
    kind = unit_type(codec, unit)
    return 1 <= kind <= 5 if codec is Codec.H264 else 0 <= kind <= 31


def split_units(data: bytes) -> Iterator[bytes]:
    """Yield the NAL units of an Annex B byte stream, without start codes and trailing zeros."""
    start = data.find(_SHORT_START)
    while start >= 0:
        following = data.find(_SHORT_START, start + 3)
        unit = data[start + 3 : following if following >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            yield unit
        start = following


def join_units(units: list[bytes]) -> bytes:
    """Return the units as an Annex B byte stream."""
    return b"".join(START_CODE + unit for unit in units)


def annexb_of(data: bytes, length_size: int) -> bytes:
    """Convert an access unit to Annex B whose NAL units start with their length in `length_size` bytes.

    The input framing is that of ISO/IEC 14496-15. Raises BitstreamError when a length points outside the data.
    """
    units: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + length_size + int.from_bytes(data[at : at + length_size])
        if end > len(data) or at + length_size > len(data):
            raise BitstreamError(f"a NAL unit at byte {at} ends at {end}, outside the packet of {len(data)} bytes")
        units.append(data[at + length_size : end])
        at = end
    return join_units([unit for unit in units if unit])


def extradata_units(codec: Codec, extradata: bytes) -> tuple[list[bytes], int]:
    """Return the parameter sets in a container's extradata and the length size of its packets in bytes.

    A length size of 0 means that the packets are Annex B. Raises BitstreamError when the extradata is truncated.
    """
    if not extradata or extradata.startswith((START_CODE, _SHORT_START)):
        return [unit for unit in split_units(extradata) if unit_type(codec, unit) in _PARAMETER_TYPES[codec]], 0
    try:
        return _avcc_units(extradata) if codec is Codec.H264 else _hvcc_units(extradata)
    except IndexError:
        raise BitstreamError(f"the {codec} decoder configuration of {len(extradata)} bytes is cut short") from None


def leading_parameter_sets(codec: Codec, data: bytes) -> list[bytes]:
    """Return the parameter sets before the first slice of an Annex B access unit."""
    found: list[bytes] = []
    start = data.find(_SHORT_START)
    while start >= 0:
        if is_slice(codec, data[start + 3 : start + 5]):
            break  # slices are the bulk of the packet: searching them would cost time and find nothing
        following = data.find(_SHORT_START, start + 3)
        if unit_type(codec, data[start + 3 : start + 5]) in _PARAMETER_TYPES[codec]:
            found.append(data[start + 3 : following if following >= 0 else len(data)].rstrip(b"\x00"))
        start = following
    return found


def parameter_set_key(codec: Codec, unit: bytes) -> tuple[int, int]:
    """Return the type and identifier of a parameter set. A set replaces an earlier one with the same key."""
    kind = unit_type(codec, unit)
    bits = _Bits(unit[1 if codec is Codec.H264 else 2 :])
    if codec is Codec.H264:
        if kind == 7:
            bits.skip(24)
        return kind, bits.ue()
    if kind == 32:
        return kind, bits.u(4)
    if kind == 33:
        _skip_hevc_profile(bits)
    return kind, bits.ue()


def sequence_info(codec: Codec, units: list[bytes]) -> SequenceInfo:
    """Read the first sequence parameter set among the units. Raises BitstreamError if there is no readable one."""
    sps = next((unit for unit in units if unit_type(codec, unit) == _SPS_TYPE[codec]), None)
    if sps is None:
        raise BitstreamError(f"no sequence parameter set among {len(units)} {codec} units")
    return _h264_sequence(sps) if codec is Codec.H264 else _hevc_sequence(sps)


class _Bits:
    """Reads a raw byte sequence payload bit by bit, without its emulation prevention bytes."""

    def __init__(self, payload: bytes) -> None:
        raw = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(raw)
        self._left = len(raw) * 8

    def u(self, count: int) -> int:
        if count > self._left:
            raise BitstreamError("a parameter set ends too early")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def skip(self, count: int) -> None:
        self.u(count)

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise BitstreamError("an Exp-Golomb code in a parameter set is longer than 32 bits")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _avcc_units(extradata: bytes) -> tuple[list[bytes], int]:
    """Parse an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1)."""
    units: list[bytes] = []
    at = 5
    for mask in (0x1F, 0xFF):
        count = extradata[at] & mask
        at += 1
        for _ in range(count):
            size = extradata[at] << 8 | extradata[at + 1]
            units.append(extradata[at + 2 : at + 2 + size])
            at += 2 + size
    return units, (extradata[4] & 0x03) + 1


def _hvcc_units(extradata: bytes) -> tuple[list[bytes], int]:
    """Parse an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 8.3.3.1)."""
    units: list[bytes] = []
    at = 23
    for _ in range(extradata[22]):
        count = extradata[at + 1] << 8 | extradata[at + 2]
        at += 3
        for _ in range(count):
            size = extradata[at] << 8 | extradata[at + 1]
            units.append(extradata[at + 2 : at + 2 + size])
            at += 2 + size
    kept = [unit for unit in units if unit_type(Codec.HEVC, unit) in _PARAMETER_TYPES[Codec.HEVC]]
    return kept, (extradata[21] & 0x03) + 1


def _h264_sequence(sps: bytes) -> SequenceInfo:
    """Parse an H.264 sequence parameter set (section 7.3.2.1.1); the codecs parameter is RFC 6381, section 3.3."""
    bits = _Bits(sps[1:])
    profile = bits.u(8)
    bits.skip(16)
    bits.ue()
    chroma, separate = 1, 0
    if profile in _H264_CHROMA_PROFILES:
        chroma = bits.ue()
        separate = bits.u(1) if chroma == 3 else 0
        bits.ue()
        bits.ue()
        bits.skip(1)
        if bits.u(1):
            for index in range(8 if chroma != 3 else 12):
                if bits.u(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
    bits.ue()
    bits.skip(1)
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frames_only = bits.u(1)
    height = map_units * 16 * (2 - frames_only)
    bits.skip(1 if frames_only else 2)
    if bits.u(1):
        unit_x = 2 if chroma in (1, 2) and not separate else 1
        unit_y = (2 if chroma == 1 and not separate else 1) * (2 - frames_only)
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    return _checked(SequenceInfo(width, height, f"avc1.{sps[1:4].hex()}"))


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_hevc_profile(bits: _Bits) -> None:
    """Skip up to and including profile_tier_level() of an H.265 sequence parameter set (section 7.3.3)."""
    bits.skip(4)
    sub_layers = bits.u(3)
    bits.skip(1 + 88 + 8)
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)


def _hevc_sequence(sps: bytes) -> SequenceInfo:
    """Parse an H.265 sequence parameter set (section 7.3.2.2.1). Codecs parameter: ISO/IEC 14496-15, annex E.3."""
    bits = _Bits(sps[2:])
    head = _Bits(sps[2:])
    head.skip(8)
    space, tier, profile, compatibility = head.u(2), head.u(1), head.u(5), head.u(32)
    constraints = head.u(48).to_bytes(6)
    level = head.u(8)
    _skip_hevc_profile(bits)
    bits.ue()
    chroma = bits.ue()
    separate = bits.u(1) if chroma == 3 else 0
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        unit_x = 2 if chroma in (1, 2) and not separate else 1
        unit_y = 2 if chroma == 1 and not separate else 1
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    reversed_flags = int(f"{compatibility:032b}"[::-1], 2)
    parts = [f"{['', 'A', 'B', 'C'][space]}{profile}", f"{reversed_flags:X}", f"{'LH'[tier]}{level}"]
    parts += [f"{byte:X}" for byte in constraints.rstrip(b"\x00")]
    return _checked(SequenceInfo(width, height, ".".join(["hvc1", *parts])))


def _checked(info: SequenceInfo) -> SequenceInfo:
    if not (0 < info.width <= _FRAME_SIZE_MAX_PX and 0 < info.height <= _FRAME_SIZE_MAX_PX):
        raise BitstreamError(f"a sequence parameter set says {info.width} x {info.height} pixels")
    return info
