"""Playing a video file, or a folder of segments, in place of a camera."""

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
    """Plays a file, or every video file of a folder in the order of their names, as one stream from zero.

    Every segment must have the codec of the first; its picture size may be another. One that cannot be read (the newest
    of a recorder that is still writing it, one that its retention has just deleted) is logged and left out.
    """

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._files = _files_of(settings)
        self._demuxer = self._opened(self._files[0])
        self.opening = self._demuxer.opening

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        """Packets until `stop` is set, paced by their timestamps if the settings say so.

        Raises SourceFault: ENDED after the last, NOT_VIDEO where there was no picture at all.
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
            raise SourceFault(FaultKind.NOT_VIDEO, f"{self._settings.shown} has no whole picture in it")
        raise SourceFault(FaultKind.ENDED, f"{self._settings.shown} was played to its end")

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._demuxer.close()

    def _readable(self, index: int, path: Path) -> Iterator[RawPacket]:
        """What can be read of one file; of several, a broken one costs its own pictures and no other's."""
        try:
            yield from self._segment(index, path)
        except SourceFault as fault:
            if len(self._files) == 1 or fault.kind is FaultKind.UNSUPPORTED_CODEC:
                raise
            _log.warning("segment broken: the next one follows", segment=path.name, fault=fault.detail)

    def _segment(self, index: int, path: Path) -> Iterator[RawPacket]:
        """The packets of one file, from the second on with what its head says put in band."""
        if index == 0:
            yield from self._demuxer.packets()
            return
        self._demuxer.close()
        self._demuxer = self._opened(path)
        opening = self._demuxer.opening
        if opening.codec is not self.opening.codec:
            what = f"{path.name} is {opening.codec} after {self.opening.codec}"
            raise SourceFault(FaultKind.UNSUPPORTED_CODEC, f"{self._settings.shown} changes its codec: {what}")
        head = join_units(list(opening.parameter_sets))
        for packet in self._demuxer.packets():
            yield replace(packet, data=head + packet.data)
            head = b""

    def _opened(self, path: Path) -> Demuxer:
        # Its own name, so that a fault says which of the segments it is.
        return Demuxer(f"file:{path}", replace(self._settings, url=str(path)), self._clock)


def _files_of(settings: SourceSettings) -> list[Path]:
    path = Path(settings.url)
    if not path.is_dir():
        return [path]
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES)
    if not files:
        raise SourceFault(FaultKind.NOT_VIDEO, f"the folder {settings.shown} has no video file in it")
    return files


def _moved_to(packets: Iterator[RawPacket], starts_90k: int) -> Iterator[RawPacket]:
    """The packets of one file with their timestamps moved so that the first picture stands at `starts_90k`."""
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
