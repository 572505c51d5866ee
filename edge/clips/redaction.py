"""The masked copy of a clip: decoded, masked, re-encoded."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge.capture.packets import TIME_BASE
from edge.clips.cutting import Cut
from edge.decode.frame import Frame, Plane
from edge.decode.masks import PrivacyMask

_CRF = "23"
_KEYFRAME_EVERY = "50"


def masked_packets(
    cut: Cut, mask: PrivacyMask, container: OutputContainer
) -> Iterator[tuple[VideoStream, av.Packet[Stream]]]:
    """The clip's frames, masked and encoded in H.264 at their original times, each with the stream made for them.

    Frames that cannot be decoded are left out: what cannot be masked is never shown.
    """
    encoder: VideoStream | None = None
    for frame, pts_90k, colorspace in _masked_frames(cut, mask):
        if encoder is None:
            encoder = _encoder(container, frame, colorspace)
        made = _as_av(frame, encoder)
        made.pts, made.time_base = pts_90k, TIME_BASE
        for packet in encoder.encode(made):
            yield encoder, packet
    if encoder is not None:
        for packet in encoder.encode(None):
            yield encoder, packet


def _masked_frames(cut: Cut, mask: PrivacyMask) -> Iterator[tuple[Frame, int, int]]:
    context = av.CodecContext.create(cut.stream.codec.value, "r")
    assert isinstance(context, VideoCodecContext)  # noqa: S101 - H.264 and H.265 are video
    context.extradata = cut.stream.extradata
    context.thread_count = 1
    captured = cut.samples[0].packet.captured
    size = (cut.stream.width, cut.stream.height)
    newest_90k = -1
    for made_or_end in _packets_and_end(cut):
        try:
            decoded_frames = context.decode(made_or_end)
        except av.error.FFmpegError:
            continue
        for decoded in decoded_frames:
            # Damage can make a decoder report another size, or return a frame twice.
            if decoded.pts is None or decoded.pts <= newest_90k or (decoded.width, decoded.height) != size:
                continue
            newest_90k = decoded.pts
            yield mask.burnt_into(Frame.from_av(decoded, captured)), decoded.pts, decoded.colorspace


def _packets_and_end(cut: Cut) -> Iterator[av.Packet[Stream] | None]:
    for sample in cut.samples:
        made = av.Packet(sample.data)
        made.pts, made.time_base = sample.pts_90k, TIME_BASE
        yield made
    yield None


def _encoder(container: OutputContainer, frame: Frame, colorspace: int) -> VideoStream:
    stream = container.add_stream(
        "libx264",
        rate=25,
        options={"preset": "veryfast", "crf": _CRF, "x264-params": f"keyint={_KEYFRAME_EVERY}:bframes=0:threads=1"},
        width=frame.width // 2 * 2,
        height=frame.height // 2 * 2,
        time_base=TIME_BASE,
    )
    stream.pix_fmt = "yuv420p"
    stream.codec_context.color_range = 2 if frame.full_range else 1
    stream.codec_context.colorspace = colorspace
    return stream


def _as_av(frame: Frame, encoder: VideoStream) -> av.VideoFrame:
    width, height = encoder.width, encoder.height
    made = av.VideoFrame(width, height, "yuv420p")
    made.color_range = encoder.codec_context.color_range
    for plane, source in zip(made.planes, (frame.y, frame.u, frame.v), strict=True):
        lines: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)
        lines[:, : plane.width] = source[: plane.height, : plane.width]
    return made
