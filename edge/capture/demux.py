"""Getting compressed packets out of FFmpeg, whatever the source, and turning its errors into ours.

Nothing here judges or decodes. FFmpeg's own error texts hold the camera's URL with its password, so no exception of
FFmpeg leaves this module, not even as the cause or context of another.
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
# Without it FFmpeg opens a text file as a picture of a terminal, and a playlist as whatever it points at.
_FILE_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi,h264,hevc"
_ANALYSIS_SHARE = 0.4
SLOWEST, FASTEST = 0.1, 100.0
_PRODUCER_TIME = struct.Struct("@qi")
"""FFmpeg's AVProducerReferenceTime: microseconds since 1970, flags. Its RTSP demuxer makes it of sender reports."""


class FaultKind(StrEnum):
    """Why a session could not be opened or came to its end."""

    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"
    NOT_FOUND = "not-found"
    NOT_VIDEO = "not-video"
    UNSUPPORTED_CODEC = "unsupported-codec"
    ENDED = "ended"
    SILENT = "silent"
    BAD_TIMESTAMPS = "bad-timestamps"


class SourceFault(Exception):  # noqa: N818 - a fault is of the source, an error would be of this code
    """Why there are no more packets, with a sentence that carries no credential."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where packets come from.

    url: rtsp://, rtsps://, or the path of a video file or of a folder of video files played in the order of their
        names. It may carry a log-in and is never shown; `shown` is. The certificate of an rtsps:// camera is not
        verified, because cameras sign their own: it hides the stream from the network, it does not prove the camera.
    transport: how RTSP sends its pictures.
    open_timeout_s: seconds to connect, log in and learn what the stream is.
    silence_timeout_s: seconds without a packet after which the session ends.
    speed: how many times its own speed a file is played at, 0.1 to 100; as fast as it is taken, where it is None.
    starts: when a file's first picture was taken; now, where it is None. A camera's pictures tell their own time.
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
            raise ValueError(f"a source is rtsp://, rtsps:// or a path, got {self.shown}")
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
        """Whether this is a camera and not a file."""
        return "://" in self.url

    @property
    def shown(self) -> str:
        """The URL without its secrets."""
        return redact_url(self.url)


@dataclass(frozen=True, slots=True)
class RawPacket:
    """One access unit in Annex B as it was demuxed; ticks of 1/90,000 s; not judged yet.

    arrived_mono_s: when its first bytes came, on the box's monotonic clock.
    reported_utc_s: when it was taken by the camera's clock as its sender reports tell it, in seconds since 1970; None
        before the first report, and of a camera that says that it does not know the time.
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
    """What an opened source says of itself."""

    codec: Codec
    parameter_sets: tuple[bytes, ...]
    reorders: bool


class Reader(Protocol):
    """An opened source; `opening` is what it says of itself."""

    opening: Opening

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        """Packets until `stop` is set. Raises SourceFault at any other end."""
        ...

    def close(self) -> None:
        """Let go of the source. Idempotent."""
        ...


class Demuxer:
    """One opened container, its first H.264 or H.265 stream, packet by packet. Raises SourceFault at every fault."""

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
        """Every packet that carries something, to the stream's end."""
        yield from self._early
        self._early.clear()
        yield from self._source

    def _demuxed(self) -> Iterator[RawPacket]:
        ticks = float(self._stream.time_base or 0) * TICKS_PER_S
        source = self._container.demux(self._stream)
        # FFmpeg hands an access unit out when the next one begins, so that this one began with the hand-out before.
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
            # A read that gives up hands out what FFmpeg still held, and only the next one says that it gave up.
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
                data = b""  # damaged: the session lets go of what is empty
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
        shown = self._settings.shown
        if not self._container.streams.video:
            raise SourceFault(FaultKind.NOT_VIDEO, f"{shown} has no video in it")
        stream = self._container.streams.video[0]
        name = stream.codec_context.name
        if name not in tuple(Codec):
            raise SourceFault(FaultKind.UNSUPPORTED_CODEC, f"{shown} sends {name}; H.264 and H.265 can be read")
        return stream, Codec(name)

    def _opening(self, codec: Codec) -> Opening:
        context = self._stream.codec_context
        try:
            units, self._length_size = extradata_units(codec, context.extradata or b"")
            units = units or self._first_in_band(codec)
            sequence_info(codec, units)
        except BitstreamError as error:
            shown = self._settings.shown
            raise SourceFault(FaultKind.NOT_VIDEO, f"{shown} does not say what its video is: {error}") from None
        return Opening(codec, tuple(units), reorders=bool(context.has_b_frames))

    def _first_in_band(self, codec: Codec) -> list[bytes]:
        """A camera that RTSP said nothing of tells its parameter sets with its next keyframe."""
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
            "fpsprobesize": "0",  # waiting for twenty pictures only to guess the frame rate delays the start by seconds
            # FFmpeg looks for a keyframe; where the next one is far, what RTSP itself said of the stream must do.
            "analyzeduration": str(round(_ANALYSIS_SHARE * settings.open_timeout_s * 1e6)),
        }
        timeouts = (settings.open_timeout_s, settings.silence_timeout_s)
    began_mono_s = clock.mono_s()
    failed: av.error.FFmpegError
    try:
        return av.open(address, options=options, timeout=timeouts, metadata_errors="replace")
    except av.error.FFmpegError as error:
        failed = error
    # FFmpeg calls an RTSP answer that it gave up waiting for invalid, as if it had come.
    if settings.is_network and clock.mono_s() - began_mono_s >= settings.open_timeout_s:
        raise unopened_fault(settings)
    raise _opening_fault(failed, settings)


def _reported_utc_s(packet: av.Packet[VideoStream]) -> float | None:
    if not packet.has_sidedata("prft"):
        return None
    told_us, _ = _PRODUCER_TIME.unpack_from(bytes(packet.get_sidedata("prft")))
    # A camera without a clock reports 0 or the time since it was switched on, counted from 1900 (RFC 3550, 6.4.1).
    return float(told_us) / 1e6 if told_us > 0 else None


def unopened_fault(settings: SourceSettings) -> SourceFault:
    """Nothing useful came from the camera in time."""
    return SourceFault(FaultKind.UNREACHABLE, f"{settings.shown} did not open within {settings.open_timeout_s:g} s")


def _opening_fault(error: av.error.FFmpegError, settings: SourceSettings) -> SourceFault:
    shown = settings.shown
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return SourceFault(FaultKind.UNAUTHORIZED, f"{shown} refused the log-in: check user and password")
    if isinstance(error, av.error.HTTPNotFoundError | av.error.FileNotFoundError):
        return SourceFault(FaultKind.NOT_FOUND, f"{shown} does not exist: check the path")
    # A whitelist of formats that refuses is an "invalid argument" to FFmpeg, an empty file its end.
    if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError | av.error.EOFError):
        return SourceFault(FaultKind.NOT_VIDEO, f"{shown} answered with something that is not video")
    return SourceFault(FaultKind.UNREACHABLE, f"{shown} could not be opened: {error.strerror}")


def _reading_fault(error: av.error.FFmpegError, settings: SourceSettings) -> SourceFault:
    if isinstance(error, av.error.ExitError):
        return silent_fault(settings)
    return SourceFault(FaultKind.ENDED, f"{settings.shown} broke off: {error.strerror}")


def silent_fault(settings: SourceSettings) -> SourceFault:
    """The camera keeps its connection and sends nothing."""
    return SourceFault(FaultKind.SILENT, f"{settings.shown} has sent no picture for {settings.silence_timeout_s:g} s")
