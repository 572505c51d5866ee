"""One session of a source: compressed packets with graded timestamps and capture times. It never decodes.

`open_session` opens the source once; `Session.packets` runs until the source ends. `supervisor` retries.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from contract.clock import Clock, Instant
from edge.capture.bitstream import BitstreamError, leading_parameter_sets
from edge.capture.demux import FaultKind, RawPacket, Reader, SourceFault, SourceSettings, undescribed_fault
from edge.capture.file_reader import FileReader
from edge.capture.packets import TICKS_PER_S, Packet, ParameterSets, StreamInfo
from edge.capture.rtcp_clock import ReportedClock
from edge.capture.rtsp_reader import CameraReader
from edge.capture.timestamps import DEFAULT_INTERVAL_S, CaptureClock, TimestampGrade, TimestampGrader

__all__ = ["FaultKind", "Session", "SourceFault", "SourceSettings", "open_session"]

WARM_UP_S = 0.3
"""How long the first packets are held back. They arrive in a burst from the buffers of camera and demuxer; only the
packets after the burst show the real delay."""

_next_session: Callable[[], int] = itertools.count(1).__next__


class _CaptureTimes(Protocol):
    def observe(self, raw: RawPacket) -> None: ...

    def capture_time(self, pts_s: float) -> tuple[Instant, float | None]:
        """Return the capture time and the lead of the camera's clock over the device's, s; None: unknown."""
        ...


class _LiveTimes:
    """Capture times of a camera, from arrivals and sender reports."""

    def __init__(self, clock: Clock) -> None:
        self._arrivals = CaptureClock(clock)
        self._reports = ReportedClock()

    def observe(self, raw: RawPacket) -> None:
        if raw.pts_90k is not None:
            pts_s = raw.pts_90k / TICKS_PER_S
            self._arrivals.observe(pts_s, raw.arrived_mono_s)
            self._reports.observe(pts_s, raw.reported_utc_s)

    def capture_time(self, pts_s: float) -> tuple[Instant, float | None]:
        return self._reports.capture_time(pts_s, self._arrivals.instant(pts_s))


class _ReplayTimes:
    """Capture times of a file, counted from its start."""

    def __init__(self, starts: Instant) -> None:
        self._starts = starts

    def observe(self, raw: RawPacket) -> None:
        """Ignore the arrival: when a file is read says nothing about its capture."""

    def capture_time(self, pts_s: float) -> tuple[Instant, float | None]:
        return self._starts.shifted(pts_s), None


class Session:
    """One opened source. A context manager; use it from one thread (`stop` may be set from any).

    grades: number of packets by the grade of their timestamp.
    """

    def __init__(self, settings: SourceSettings, reader: Reader, clock: Clock, stop: threading.Event) -> None:
        self._settings = settings
        self._reader = reader
        self._stop = stop
        opening = reader.opening
        self._sets = ParameterSets(opening.codec, opening.parameter_sets, _next_session())
        self._grader = TimestampGrader(tick_s=1.0 / TICKS_PER_S, reorders=opening.reorders)
        self._times: _CaptureTimes
        if settings.is_network:
            self._times = _LiveTimes(clock)
        else:
            self._times = _ReplayTimes(settings.starts or Instant(clock.mono_s(), clock.utc()))
        self._previous: RawPacket | None = None
        self.grades: Counter[TimestampGrade] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def stream(self) -> StreamInfo:
        """The stream of the newest packet."""
        return self._sets.stream

    def close(self) -> None:
        """Close the source. Idempotent."""
        self._reader.close()

    def packets(self) -> Iterator[Packet]:
        """Yield packets from the first keyframe on, in decoding order, until `stop` is set. Call it once.

        Raises SourceFault at any other end of the source; a file that was played to its end raises ENDED.
        """
        raws = self._observed(self._reader.packets(self._stop))
        if self._settings.is_network:
            raws = itertools.chain(self._warmed_up(raws), raws)
        started = False
        for raw in raws:
            started = started or raw.is_keyframe
            if started:
                yield from self._packets_of(raw)

    def _observed(self, raws: Iterator[RawPacket]) -> Iterator[RawPacket]:
        for raw in raws:
            self._times.observe(raw)
            yield raw

    def _warmed_up(self, raws: Iterator[RawPacket]) -> list[RawPacket]:
        held: list[RawPacket] = []
        for raw in raws:
            held.append(raw)
            if raw.arrived_mono_s - held[0].arrived_mono_s >= WARM_UP_S and raw.pts_90k is not None:
                break
        return _with_first_timestamps(held)

    def _packets_of(self, raw: RawPacket) -> Iterator[Packet]:
        if self._is_repeated(raw):
            self.grades[TimestampGrade.DROP] += 1
            return
        network = self._settings.is_network
        duration_s = raw.duration_90k / TICKS_PER_S
        graded = self._grader.grade(
            None if raw.pts_90k is None else raw.pts_90k / TICKS_PER_S,
            raw.arrived_mono_s if network else None,
            duration_s,
        )
        self.grades[graded.grade] += 1
        if graded.grade is TimestampGrade.END:
            raise SourceFault(FaultKind.BAD_TIMESTAMPS, f"{self._settings.display_url}: {graded.reason}")
        if graded.grade is TimestampGrade.DROP or not raw.data:
            return
        if raw.is_keyframe:  # parameter sets elsewhere are more likely damage than intended
            self._sets.update(leading_parameter_sets(self._sets.stream.codec, raw.data))
        captured, clock_offset_s = self._times.capture_time(graded.pts_s)
        yield Packet(
            data=raw.data,
            pts_90k=round(graded.pts_s * TICKS_PER_S),
            captured=captured,
            duration_s=duration_s,
            is_keyframe=raw.is_keyframe,
            stream=self._sets.stream,
            clock_offset_s=clock_offset_s,
        )

    def _is_repeated(self, raw: RawPacket) -> bool:
        """Return whether the packet repeats the previous one, as some cameras do."""
        previous, self._previous = self._previous, raw
        return (
            previous is not None
            and raw.pts_90k is not None
            and raw.pts_90k == previous.pts_90k
            and raw.data == previous.data
        )


def open_session(settings: SourceSettings, clock: Clock, stop: threading.Event) -> Session:
    """Connect, log in and identify the stream within `settings.open_timeout_s`.

    Setting `stop` ends the session's packets. Raises SourceFault if the source cannot be opened.
    """
    reader: Reader = CameraReader(settings, clock) if settings.is_network else FileReader(settings, clock)
    try:
        return Session(settings, reader, clock, stop)
    except BitstreamError as error:
        reader.close()
        raise undescribed_fault(settings, error) from None


def _with_first_timestamps(held: list[RawPacket]) -> list[RawPacket]:
    """Count timestamps back from the first known one for packets that have none.

    FFmpeg's first packet of an RTSP session often has no timestamp.
    """
    known = next((index for index, raw in enumerate(held) if raw.pts_90k is not None), 0)
    for index in range(known - 1, -1, -1):
        following_90k = held[index + 1].pts_90k
        if following_90k is not None:
            lasts_90k = held[index].duration_90k or round(DEFAULT_INTERVAL_S * TICKS_PER_S)
            held[index] = replace(held[index], pts_90k=following_90k - lasts_90k)
    return held
