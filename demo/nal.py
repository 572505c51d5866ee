"""Coded slices: the proof that a clip contains the camera's own coded video."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

H264_SLICE_TYPES = range(1, 6)
H265_SLICE_TYPES = range(32)


def slice_digests(path: Path) -> list[str]:
    """SHA-256 of every coded slice NAL unit of the video in `path`, in stream order.

    Parameter sets and supplemental information are left out: a container may rewrite those. Raises ValueError for a
    codec other than H.264 and H.265.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        if codec not in {"h264", "hevc"}:
            raise ValueError(f"expected H.264 or H.265 in {path.name}, got {codec}")
        annex_b = av.BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
        return [
            hashlib.sha256(unit).hexdigest()
            for packet in container.demux(stream)
            if packet.size
            for filtered in annex_b.filter(packet)
            for unit in _units(bytes(filtered))
            if _is_slice(unit, codec)
        ]


def _is_slice(unit: bytes, codec: str) -> bool:
    if codec == "h264":
        return (unit[0] & 0x1F) in H264_SLICE_TYPES
    return ((unit[0] >> 1) & 0x3F) in H265_SLICE_TYPES


def _units(annex_b: bytes) -> list[bytes]:
    """The NAL units between the start codes (ITU-T H.264, annex B), without trailing zeros."""
    return [stripped for part in annex_b.split(b"\x00\x00\x01") if (stripped := part.rstrip(b"\x00"))]


def is_cut_from(clip: list[str], source: list[str]) -> bool:
    """Whether `clip` is a section of the looped `source` without a slice changed, missing or added."""
    if not clip or not source:
        return False
    rounds = source * (len(clip) // len(source) + 2)
    starts = [index for index, digest in enumerate(source) if digest == clip[0]]
    return any(rounds[start : start + len(clip)] == clip for start in starts)
