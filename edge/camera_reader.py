"""Reading a camera over the network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from contract.clock import Clock
from edge.demux import Demuxer, FaultKind, Opening, RawPacket, SourceFault, SourceSettings, silent_fault, unopened_fault

QUEUE_MAX_BYTES = 8 * 1024 * 1024
"""So much waits for a slow consumer before the camera is made to wait."""
_POLL_S = 0.2


class CameraReader:
    """Reads a camera in a thread of its own, which only ever waits for the network.

    The thread is there for three reasons: FFmpeg cannot be interrupted from outside while it waits, and stopping must
    be prompt; packets are stamped the moment they arrive, however busy the consumer is decoding; and UDP must be
    drained even then. After a stop during a stall it ends by itself with FFmpeg's own timeout.
    """

    def __init__(self, settings: SourceSettings, clock: Clock, stop: threading.Event) -> None:
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: deque[RawPacket] = deque()
        self._queued_bytes = 0
        self._fault: SourceFault | None = None
        self._opening: Opening | None = None
        self._closed = False
        self._last_mono_s = clock.mono_s()
        threading.Thread(target=self._run, name="camera-reader", daemon=True).start()
        self.opening = self._wait_until_open(stop)

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        while not stop.is_set():
            packet = self._take()
            if packet is not None:
                yield packet

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()

    def _take(self) -> RawPacket | None:
        with self._changed:
            if not self._queue and self._fault is None:
                self._changed.wait(_POLL_S)
            if self._queue:
                packet = self._queue.popleft()
                self._queued_bytes -= len(packet.data)
                self._changed.notify_all()
                return packet
            silent_s = self._clock.mono_s() - self._last_mono_s
            if self._fault is not None:
                raise self._fault
        if silent_s > self._settings.silence_timeout_s:
            raise silent_fault(self._settings)
        return None

    def _wait_until_open(self, stop: threading.Event) -> Opening:
        deadline_mono_s = self._clock.mono_s() + self._settings.open_timeout_s
        with self._changed:
            while self._opening is None:
                if self._fault is not None:
                    raise self._fault
                if stop.is_set() or self._clock.mono_s() > deadline_mono_s:
                    self._closed = True
                    raise unopened_fault(self._settings)
                self._changed.wait(_POLL_S / 4)
            return self._opening

    def _run(self) -> None:
        fault = None
        try:
            self._read()
        except SourceFault as raised:
            fault = raised
        except Exception as raised:  # noqa: BLE001 - whatever ends this thread must end the session that waits for it
            what = f"{self._settings.shown} could not be read ({type(raised).__name__})"
            fault = SourceFault(FaultKind.ENDED, what)
        with self._changed:
            self._fault = fault or SourceFault(FaultKind.ENDED, f"{self._settings.shown} ended its stream")
            self._fault.__traceback__ = None  # it would keep this thread's packets alive
            self._changed.notify_all()

    def _read(self) -> None:
        demuxer = Demuxer(self._settings.url, self._settings, self._clock)
        try:
            with self._changed:
                self._opening = demuxer.opening
                self._last_mono_s = self._clock.mono_s()
                self._changed.notify_all()
            for packet in demuxer.packets():
                if not self._put(packet):
                    return
        finally:
            demuxer.close()

    def _put(self, packet: RawPacket) -> bool:
        with self._changed:
            while self._queued_bytes > QUEUE_MAX_BYTES and not self._closed:
                self._changed.wait()
            self._queue.append(packet)
            self._queued_bytes += len(packet.data)
            self._last_mono_s = self._clock.mono_s()
            self._changed.notify_all()
            return not self._closed
