"""Write clips: the camera's own packets in a file that browsers play, or a masked copy of a camera with masks.

See docs/design/clips.md.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import av
import av.error
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from contract.clock import Instant
from contract.event import ClipReference
from edge.capture.bitstream import Codec, extradata_units, sequence_info
from edge.capture.packets import TIME_BASE, Packet
from edge.clips.cutting import ClipFault, Cut, cut_around
from edge.clips.redaction import masked_packets
from edge.decode.masks import PrivacyMask

_HASH_CHUNK_BYTES = 1 << 20


def write_clip(
    packets: Sequence[Packet],
    *,
    clip_id: UUID,
    trigger: Instant,
    destination: Path,
    mask: PrivacyMask | None = None,
) -> ClipReference:
    """Write the clip around `trigger` to `destination` (.mp4), complete and flushed to disk, or not at all.

    packets: in decoding order, as `PacketRing.between` gives them. If the camera changed its codec or frame size
        among them, the clip is the part with the trigger.
    mask: burnt in; the clip is then a re-encoded copy in H.264, marked as redacted.

    Raises ClipFault if the packets do not show the trigger or the file cannot be written; no file is left then.
    """
    cut = cut_around(packets, trigger)
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        codec, shown_90k = _written(cut, partial, mask)
        cut = cut.showing(shown_90k)
        size_bytes, digest = _sealed(partial, destination)
    except ClipFault:
        partial.unlink(missing_ok=True)
        raise
    except (OSError, av.error.FFmpegError) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ClipFault(_reason(error, destination)) from error
    return ClipReference(
        clip_id=clip_id,
        sha256=digest,
        size_bytes=size_bytes,
        codec=codec,
        starts_at=trigger.utc - timedelta(seconds=cut.trigger_offset_s),
        duration_s=cut.duration_s,
        trigger_offset_s=cut.trigger_offset_s,
        frame_count=len(shown_90k),
        gaps=cut.gaps,
        redacted=mask is not None,
    )


def _reason(error: OSError | av.error.FFmpegError, destination: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {destination.name} could not be written"
    return f"{destination.name} could not be written: {error.strerror or type(error).__name__}"


def _written(cut: Cut, path: Path, mask: PrivacyMask | None) -> tuple[str, list[int]]:
    """Write the file. Returns its RFC 6381 codecs parameter and the presentation time of each frame."""
    container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
    try:
        codec, shown_90k = _remux(cut, container) if mask is None else _mux_masked(cut, container, mask)
        container.close()
    except BaseException:
        with suppress(av.error.FFmpegError, OSError):  # the first error is the one that matters
            container.close()
        raise
    with av.open(str(path)) as written:
        held = written.streams.video[0].frames
    if held != len(shown_90k):
        raise ClipFault(f"{path.name} contains {held} frames after {len(shown_90k)} were written")
    return codec, shown_90k


def _remux(cut: Cut, container: OutputContainer) -> tuple[str, list[int]]:
    # FFmpeg's own parser derives the stream's description from the first packet, which starts with parameter sets.
    with av.open(io.BytesIO(cut.samples[0].data), format=cut.stream.codec.value) as template:
        stream = container.add_stream_from_template(template.streams.video[0], opaque=True)
        stream.time_base = TIME_BASE
        if cut.stream.codec is Codec.HEVC:
            stream.codec_context.codec_tag = "hvc1"
        for made in _samples_as_av(cut, stream):
            container.mux_one(made)
    return cut.stream.codec_string, [sample.pts_90k for sample in cut.samples]


def _samples_as_av(cut: Cut, stream: VideoStream) -> Iterator[av.Packet[Stream]]:
    following = [sample.dts_90k for sample in cut.samples[1:]]
    following.append(cut.samples[-1].dts_90k + cut.duration_90k - max(sample.pts_90k for sample in cut.samples))
    for sample, next_90k in zip(cut.samples, following, strict=True):
        made = av.Packet(sample.data)
        made.stream = stream
        made.time_base = TIME_BASE
        made.pts, made.dts = sample.pts_90k, sample.dts_90k
        made.duration = next_90k - sample.dts_90k
        made.is_keyframe = sample.packet.is_keyframe
        yield made


def _mux_masked(cut: Cut, container: OutputContainer, mask: PrivacyMask) -> tuple[str, list[int]]:
    stream: VideoStream | None = None
    held: av.Packet[Stream] | None = None
    shown_90k: list[int] = []
    for stream, made in masked_packets(cut, mask, container):  # noqa: B007 - read after the loop
        if held is not None:
            container.mux_one(held)
        held = made
        shown_90k.append(made.pts or 0)
    if stream is None or held is None:
        raise ClipFault("none of the clip's frames could be decoded to be masked")
    held.duration = cut.duration_90k - shown_90k[-1]
    container.mux_one(held)
    units, _ = extradata_units(Codec.H264, stream.codec_context.extradata or b"")
    return sequence_info(Codec.H264, units).codec_string, shown_90k


def _sealed(partial: Path, destination: Path) -> tuple[int, str]:
    """Flush the file to disk and rename it. Returns its size and SHA-256."""
    digest = hashlib.sha256()
    size_bytes = 0
    with partial.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
        os.fsync(file.fileno())
    partial.replace(destination)
    folder = os.open(destination.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size_bytes, digest.hexdigest()
