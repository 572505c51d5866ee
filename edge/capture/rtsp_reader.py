"""Reading a camera over the network."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from contract.clock import Clock
from edge.capture.demux import Demuxer, FaultKind, RawPacket, SourceFault, SourceSettings


class CameraReader:
    """Reads a camera in the thread that asks for its packets, which must have nothing long to do besides: a packet is
    stamped when it is taken, and UDP has to be drained.

    FFmpeg cannot be interrupted while it waits. That somebody wants to stop is noticed with the next packet, or when
    the camera was silent for `silence_timeout_s`; while opening, after `open_timeout_s`.
    """

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        """Connect. Raises SourceFault."""
        self._settings = settings
        try:
            self._demuxer = Demuxer(settings.url, settings, clock)
        except SourceFault:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the log-in
            raise self._unreadable(error) from None
        self.opening = self._demuxer.opening

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        """Packets until `stop` is set. Raises SourceFault at any other end."""
        packets = self._demuxer.packets()
        while not stop.is_set():
            try:
                packet = next(packets, None)
            except SourceFault:
                if stop.is_set():
                    return
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the log-in
                raise self._unreadable(error) from None
            if packet is None:
                raise SourceFault(FaultKind.ENDED, f"{self._settings.shown} ended its stream")
            yield packet

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._demuxer.close()

    def _unreadable(self, error: Exception) -> SourceFault:
        what = f"{self._settings.shown} could not be read ({type(error).__name__})"
        return SourceFault(FaultKind.ENDED, what)
