"""Reads a camera over the network."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from contract.clock import Clock
from edge.capture.demux import Demuxer, FaultKind, RawPacket, SourceFault, SourceSettings


class CameraReader:
    """Reads a camera in the thread that consumes its packets.

    That thread must do nothing slow besides: a packet's arrival is stamped when it is read, and UDP has to be drained.

    FFmpeg cannot be interrupted while it waits. `stop` takes effect with the next packet or after
    `silence_timeout_s` of silence; during opening, after `open_timeout_s`.
    """

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        """Connect. Raises SourceFault."""
        self._settings = settings
        try:
            self._demuxer = Demuxer(settings.url, settings, clock)
        except SourceFault:
            raise
        except Exception as error:  # noqa: BLE001 - its text may contain the log-in; the caller gets a SourceFault
            raise self._unreadable(error) from None
        self.opening = self._demuxer.opening

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        """Yield packets until `stop` is set. Raises SourceFault at any other end."""
        packets = self._demuxer.packets()
        while not stop.is_set():
            try:
                packet = next(packets, None)
            except SourceFault:
                if stop.is_set():
                    return
                raise
            except Exception as error:  # noqa: BLE001 - its text may contain the log-in; the caller gets a SourceFault
                raise self._unreadable(error) from None
            if packet is None:
                raise SourceFault(FaultKind.ENDED, f"{self._settings.display_url} ended its stream")
            yield packet

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._demuxer.close()

    def _unreadable(self, error: Exception) -> SourceFault:
        what = f"{self._settings.display_url} could not be read ({type(error).__name__})"
        return SourceFault(FaultKind.ENDED, what)
