"""Reads compressed packets through FFmpeg and translates its errors into source faults.

This module neither grades timestamps nor decodes. FFmpeg's error texts contain the camera's URL with its password, so
no FFmpeg exception leaves this module, not even as the cause or context of another one.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from contract.clock import Clock, Instant
from edge.capture.bitstream import (
    BitstreamError,
    Codec,
    annexb_of,
    extradata_units,
    leading_parameter_sets,
    sequence_info,
)
from edge.capture.packets import TICKS_PER_S
from edge.system.redact import redact_url

_SCHEMES = ("rtsp", "rtsps")
# Without this list FFmpeg renders a text file as terminal video and follows a playlist wherever it points.
_FILE_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi,h264,hevc"
_ANALYSIS_SHARE = 0.4
"""Share of the open timeout that FFmpeg may spend on probing the stream."""
SLOWEST, FASTEST = 0.1, 100.0
"""Limits of a file's replay speed, as a multiple of its own."""
_PRODUCER_TIME = struct.Struct("@qi")
"""FFmpeg's AVProducerReferenceTime: microseconds since 1970, flags. The RTSP demuxer derives it from sender reports."""


class FaultKind(StrEnum):
    """Why a session could not open or has ended."""

    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"
    NOT_FOUND = "not-found"
    NOT_VIDEO = "not-video"
    UNSUPPORTED_CODEC = "unsupported-codec"
    ENDED = "ended"
    SILENT = "silent"
    BAD_TIMESTAMPS = "bad-timestamps"


class SourceFault(Exception):  # noqa: N818 - the source is at fault, not this code
    """The source delivers no more packets. `detail` is a sentence that contains no credentials."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where packets come from.

    url: rtsp://, rtsps://, the path of a video file, or the path of a folder whose video files are played in the order
        of their names. It may contain a log-in: show `display_url` instead. The certificate of an rtsps:// camera is
        not verified, because cameras sign their own: TLS hides the stream from the network but does not authenticate
        the camera.
    transport: how RTP packets travel.
    open_timeout_s: seconds to connect, log in and identify the stream; above 0, at most 600.
    silence_timeout_s: seconds without a packet after which the session ends; above 0, at most 600.
    speed: replay speed of a file as a multiple of its own, 0.1 to 100; None: as fast as packets are consumed.
    starts: capture time of a file's first frame; None: now. Not used for cameras.

    Raises ValueError for a value outside these ranges or another URL scheme.
    """

    url: str = field(repr=False)
    transport: Literal["tcp", "udp"] = "tcp"
    open_timeout_s: float = 5.0
    silence_timeout_s: float = 5.0
    speed: float | None = 1.0
    starts: Instant | None = None

    def __post_init__(self) -> None:
        scheme, separator, _ = self.url.partition("://")
        if separator and scheme.lower() not in _SCHEMES:
            raise ValueError(f"a source is rtsp://, rtsps:// or a path, got {self.display_url}")
        if not self.url:
            raise ValueError("a source needs a URL or a path, got an empty one")
        if self.speed is not None and not SLOWEST <= self.speed <= FASTEST:
            raise ValueError(f"speed is {SLOWEST:g} to {FASTEST:g} times a file's own, got {self.speed:g}")
        if self.transport not in ("tcp", "udp"):
            raise ValueError(f"transport is tcp or udp, got {self.transport!r}")
        for name, seconds in (("open_timeout_s", self.open_timeout_s), ("silence_timeout_s", self.silence_timeout_s)):
            if not 0.0 < seconds <= 600.0:
                raise ValueError(f"{name} must be above 0 and at most 600 seconds, got {seconds}")

    @property
    def is_network(self) -> bool:
        """Whether the source is a camera rather than a file."""
        return "://" in self.url

    @property
    def display_url(self) -> str:
        """The URL with its credentials removed."""
        return redact_url(self.url)


@dataclass(frozen=True, slots=True)
class RawPacket:
    """One access unit in Annex B as demuxed, its timestamps not graded yet. Ticks are 1/90,000 s.

    arrived_mono_s: arrival of its first bytes, on the device's monotonic clock.
    reported_utc_s: capture time on the camera's clock, from its RTCP sender reports, in seconds since 1970; None before
        the first report and for a camera that reports not knowing the time.
    """

    data: bytes
    pts_90k: int | None
    dts_90k: int | None
    duration_90k: int
    is_keyframe: bool
    arrived_mono_s: float
    reported_utc_s: float | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What the source reports about its stream once it is open.

    reorders: whether the stream has B-frames, so that decoding order differs from presentation order.
    """

    codec: Codec
    parameter_sets: tuple[bytes, ...]
    reorders: bool


class Reader(Protocol):
    """An opened source; `opening` describes its stream."""

    opening: Opening

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        """Yield packets until `stop` is set. Raises SourceFault at any other end."""
        ...

    def close(self) -> None:
        """Close the source. Idempotent."""
        ...


class Demuxer:
    """Reads the first H.264 or H.265 stream of a container, packet by packet. Raises SourceFault at every fault."""

    def __init__(self, address: str, settings: SourceSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._container = _opened(address, settings, clock)
        self._length_size = 0
        self._early: list[RawPacket] = []
        try:
            self._stream, codec = self._video()
            self._source = self._demuxed()
            self.opening = self._opening(codec)
        except SourceFault:
            self._container.close()
            raise

    def packets(self) -> Iterator[RawPacket]:
        """Yield every packet that carries data, to the end of the stream."""
        yield from self._early
        self._early.clear()
        yield from self._source

    def _demuxed(self) -> Iterator[RawPacket]:
        ticks = float(self._stream.time_base or 0) * TICKS_PER_S
        source = self._container.demux(self._stream)
        # FFmpeg returns an access unit when the next one begins, so this one began when the previous call returned.
        began_mono_s = self._clock.mono_s()
        while True:
            failed: av.error.FFmpegError | None = None
            packet: av.Packet[VideoStream] | None = None
            asked_mono_s = self._clock.mono_s()
            try:
                packet = next(source, None)
            except av.error.FFmpegError as error:
                failed = error
            if failed is not None:
                raise _reading_fault(failed, self._settings)
            if packet is None:
                return
            handed_out_mono_s = self._clock.mono_s()
            if packet.size and not packet.is_discard:
                yield self._raw(packet, ticks, began_mono_s)
            # A read that times out first returns what FFmpeg has buffered; only the next read reports the timeout.
            if self._settings.is_network and handed_out_mono_s - asked_mono_s >= self._settings.silence_timeout_s:
                raise silent_fault(self._settings)
            began_mono_s = handed_out_mono_s

    def close(self) -> None:
        self._container.close()

    def _raw(self, packet: av.Packet[VideoStream], ticks: float, began_mono_s: float) -> RawPacket:
        data = bytes(packet)
        if self._length_size:
            try:
                data = annexb_of(data, self._length_size)
            except BitstreamError:
                data = b""  # damaged: the session drops empty packets
        pts = packet.pts if packet.pts is not None else packet.dts
        return RawPacket(
            data=data,
            pts_90k=None if pts is None else round(pts * ticks),
            dts_90k=None if packet.dts is None else round(packet.dts * ticks),
            duration_90k=round((packet.duration or 0) * ticks),
            is_keyframe=packet.is_keyframe,
            arrived_mono_s=began_mono_s,
            reported_utc_s=_reported_utc_s(packet),
        )

    def _video(self) -> tuple[VideoStream, Codec]:
        shown = self._settings.display_url
        if not self._container.streams.video:
            raise SourceFault(FaultKind.NOT_VIDEO, f"{shown} contains no video")
        stream = self._container.streams.video[0]
        name = stream.codec_context.name
        if name not in tuple(Codec):
            raise SourceFault(FaultKind.UNSUPPORTED_CODEC, f"{shown} sends {name}; only H.264 and H.265 can be read")
        return stream, Codec(name)

    def _opening(self, codec: Codec) -> Opening:
        context = self._stream.codec_context
        try:
            units, self._length_size = extradata_units(codec, context.extradata or b"")
            units = units or self._first_in_band(codec)
            sequence_info(codec, units)
        except BitstreamError as error:
            raise undescribed_fault(self._settings, error) from None
        return Opening(codec, tuple(units), reorders=bool(context.has_b_frames))

    def _first_in_band(self, codec: Codec) -> list[bytes]:
        """Without SDP parameter sets, read them in-band before the next keyframe."""
        deadline_mono_s = self._clock.mono_s() + self._settings.open_timeout_s
        for raw in self._source:
            self._early.append(raw)
            units = leading_parameter_sets(codec, raw.data)
            if units:
                return units
            if self._clock.mono_s() > deadline_mono_s:
                raise unopened_fault(self._settings)
        return []


def _opened(address: str, settings: SourceSettings, clock: Clock) -> InputContainer:
    options = {"format_whitelist": _FILE_FORMATS}
    timeouts = None
    if settings.is_network:
        options = {
            "rtsp_transport": settings.transport,
            "allowed_media_types": "video",
            "fpsprobesize": "0",  # probing twenty frames only to guess the frame rate would delay the start by seconds
            # FFmpeg probes until a keyframe; if that is far away, the stream description of RTSP has to suffice.
            "analyzeduration": str(round(_ANALYSIS_SHARE * settings.open_timeout_s * 1e6)),
        }
        timeouts = (settings.open_timeout_s, settings.silence_timeout_s)
    began_mono_s = clock.mono_s()
    failed: av.error.FFmpegError
    try:
        return av.open(address, options=options, timeout=timeouts, metadata_errors="replace")
    except av.error.FFmpegError as error:
        failed = error
    # FFmpeg reports an RTSP reply that timed out as an invalid reply.
    if settings.is_network and clock.mono_s() - began_mono_s >= settings.open_timeout_s:
        raise unopened_fault(settings)
    raise _opening_fault(failed, settings)


def _reported_utc_s(packet: av.Packet[VideoStream]) -> float | None:
    if not packet.has_sidedata("prft"):
        return None
    reported_us, _ = _PRODUCER_TIME.unpack_from(bytes(packet.get_sidedata("prft")))
    # A camera without a clock reports 0 or its uptime counted from 1900 (RFC 3550, section 6.4.1): before 1970.
    return float(reported_us) / 1e6 if reported_us > 0 else None


def unopened_fault(settings: SourceSettings) -> SourceFault:
    """The camera sent nothing useful before the open timeout."""
    return SourceFault(
        FaultKind.UNREACHABLE, f"{settings.display_url} did not open within {settings.open_timeout_s:g} s"
    )


def undescribed_fault(settings: SourceSettings, error: BitstreamError) -> SourceFault:
    """The source has no parameter sets that describe its video."""
    return SourceFault(FaultKind.NOT_VIDEO, f"{settings.display_url} does not describe its video: {error}")


def _opening_fault(error: av.error.FFmpegError, settings: SourceSettings) -> SourceFault:
    shown = settings.display_url
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return SourceFault(FaultKind.UNAUTHORIZED, f"{shown} refused the log-in: check user and password")
    if isinstance(error, av.error.HTTPNotFoundError | av.error.FileNotFoundError):
        return SourceFault(FaultKind.NOT_FOUND, f"{shown} does not exist: check the path")
    # FFmpeg reports a format outside the whitelist as an "invalid argument" and an empty file as its end.
    if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError | av.error.EOFError):
        return SourceFault(FaultKind.NOT_VIDEO, f"{shown} is not video")
    return SourceFault(FaultKind.UNREACHABLE, f"{shown} could not be opened: {error.strerror}")


def _reading_fault(error: av.error.FFmpegError, settings: SourceSettings) -> SourceFault:
    if isinstance(error, av.error.ExitError):
        return silent_fault(settings)
    return SourceFault(FaultKind.ENDED, f"{settings.display_url} broke off: {error.strerror}")


def silent_fault(settings: SourceSettings) -> SourceFault:
    """The camera keeps the connection open but sends nothing."""
    return SourceFault(
        FaultKind.SILENT, f"{settings.display_url} has sent no frame for {settings.silence_timeout_s:g} s"
    )
