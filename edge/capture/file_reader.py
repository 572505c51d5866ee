"""Plays a video file, or a folder of segments, in place of a camera."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from contract.clock import Clock
from edge.capture.bitstream import join_units
from edge.capture.demux import Demuxer, FaultKind, RawPacket, SourceFault, SourceSettings
from edge.capture.packets import TICKS_PER_S

_SUFFIXES = {".mp4", ".mkv", ".mov", ".ts", ".avi", ".h264", ".h265", ".hevc", ".264", ".265"}

_log = structlog.get_logger(__name__)


class FileReader:
    """Plays a file, or every video file of a folder in the order of their names, as one stream that starts at 0.

    Every segment must have the codec of the first; its frame size may differ. A segment that cannot be read is logged
    and skipped: a recorder may still be writing the newest one, and retention may just have deleted another.
    """

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._files = _files_of(settings)
        self._demuxer = self._opened(self._files[0])
        self.opening = self._demuxer.opening

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        """Yield packets until `stop` is set, paced by their timestamps unless `speed` is None.

        Raises SourceFault: ENDED after the last packet, NOT_VIDEO if no packet carried data.
        """
        started_mono_s, speed = self._clock.mono_s(), self._settings.speed
        ends_90k = 0
        is_empty = True
        for index, path in enumerate(self._files):
            for packet in _moved_to(self._readable(index, path), ends_90k):
                due_90k = ends_90k if packet.dts_90k is None else packet.dts_90k
                if speed is not None:
                    due_mono_s = started_mono_s + due_90k / TICKS_PER_S / speed
                    stop.wait(max(0.0, due_mono_s - self._clock.mono_s()))
                if stop.is_set():
                    return
                is_empty = is_empty and not packet.data
                yield packet
                shown_90k = ends_90k if packet.pts_90k is None else packet.pts_90k
                ends_90k = max(ends_90k, shown_90k + packet.duration_90k)
        if is_empty:
            raise SourceFault(FaultKind.NOT_VIDEO, f"{self._settings.display_url} contains no complete frame")
        raise SourceFault(FaultKind.ENDED, f"{self._settings.display_url} was played to its end")

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._demuxer.close()

    def _readable(self, index: int, path: Path) -> Iterator[RawPacket]:
        """Yield what can be read of one file. A broken file among several loses its own frames only."""
        try:
            yield from self._segment(index, path)
        except SourceFault as fault:
            if len(self._files) == 1 or fault.kind is FaultKind.UNSUPPORTED_CODEC:
                raise
            _log.warning("segment_skipped", segment=path.name, reason=fault.detail)

    def _segment(self, index: int, path: Path) -> Iterator[RawPacket]:
        """Yield the packets of one file; from the second file on, its parameter sets are put in-band."""
        if index == 0:
            yield from self._demuxer.packets()
            return
        self._demuxer.close()
        self._demuxer = self._opened(path)
        opening = self._demuxer.opening
        if opening.codec is not self.opening.codec:
            what = f"{path.name} is {opening.codec} after {self.opening.codec}"
            raise SourceFault(FaultKind.UNSUPPORTED_CODEC, f"{self._settings.display_url} changes its codec: {what}")
        head = join_units(list(opening.parameter_sets))
        for packet in self._demuxer.packets():
            yield replace(packet, data=head + packet.data)
            head = b""

    def _opened(self, path: Path) -> Demuxer:
        # The URL is the segment's own, so that a fault names the segment.
        return Demuxer(f"file:{path}", replace(self._settings, url=str(path)), self._clock)


def _files_of(settings: SourceSettings) -> list[Path]:
    path = Path(settings.url)
    if not path.is_dir():
        return [path]
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES)
    if not files:
        raise SourceFault(FaultKind.NOT_VIDEO, f"the folder {settings.display_url} contains no video file")
    return files


def _moved_to(packets: Iterator[RawPacket], starts_90k: int) -> Iterator[RawPacket]:
    """Yield the packets of one file, their timestamps shifted so that the first one is `starts_90k`."""
    shift_90k: int | None = None
    for packet in packets:
        if packet.pts_90k is None:
            yield packet
            continue
        if shift_90k is None:
            shift_90k = starts_90k - packet.pts_90k
        if shift_90k == 0:
            yield packet
            continue
        dts_90k = None if packet.dts_90k is None else packet.dts_90k + shift_90k
        yield replace(packet, pts_90k=packet.pts_90k + shift_90k, dts_90k=dts_90k)
