"""Keeps the newest compressed packets of a camera, so that a clip can show what led to its event."""

from __future__ import annotations

import threading
from collections import deque

from edge.capture.packets import Packet


class PacketRing:
    """Keeps the newest packets of one camera. Safe to use from several threads.

    The ring always starts with a keyframe, so that all of it can be decoded, and drops whole groups of pictures.

    max_seconds: how much of what is held (`hold`) is kept, at least, and at most one group of pictures more; > 0.
    rest_seconds: how much is kept while nothing is held, counted back from the last group but one, which the decode
        ladder may still decode back until it has seen the next keyframe; above 0 and at most `max_seconds`, which is
        also the default.
    max_bytes: never exceeded; >= 1. If a single group of pictures is larger, the ring drops it even while it is held,
        counts an overflow and starts again with the next keyframe.

    Raises ValueError for a limit outside its range.
    """

    def __init__(
        self, max_seconds: float = 30.0, max_bytes: int = 32 * 1024 * 1024, rest_seconds: float | None = None
    ) -> None:
        if not max_seconds > 0.0:
            raise ValueError(f"a ring keeps more than 0 seconds, got max_seconds={max_seconds}")
        if max_bytes < 1:
            raise ValueError(f"a ring keeps at least 1 byte, got max_bytes={max_bytes}")
        if rest_seconds is not None and not 0.0 < rest_seconds <= max_seconds:
            raise ValueError(f"rest_seconds must be above 0 and at most {max_seconds:g}, got {rest_seconds}")
        self._max_seconds = max_seconds
        self._rest_seconds = rest_seconds
        self._held_mono_s: float | None = None
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._packets: deque[Packet] = deque()
        self._keyframes: deque[Packet] = deque()
        self._bytes = 0
        self._overflows = 0
        self._newest_mono_s: float | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of compressed video in the ring."""
        with self._lock:
            return self._bytes

    @property
    def overflows(self) -> int:
        """How many times a single group of pictures exceeded `max_bytes`."""
        with self._lock:
            return self._overflows

    @property
    def newest_mono_s(self) -> float | None:
        """Capture time of the newest packet; None before the first."""
        with self._lock:
            return self._newest_mono_s

    def append(self, packet: Packet) -> None:
        """Add the next packet in decoding order. Packets before the first keyframe are dropped."""
        with self._lock:
            if packet.is_keyframe:
                self._keyframes.append(packet)
            elif not self._keyframes:
                return
            self._packets.append(packet)
            self._bytes += packet.size_bytes
            self._newest_mono_s = max(packet.captured.mono_s, self._newest_mono_s or packet.captured.mono_s)
            while len(self._keyframes) > 1 and self._spares_first_group(packet):
                self._drop_first_group()
            while self._bytes > self._max_bytes:
                self._overflows += len(self._keyframes) == 1
                self._drop_first_group()

    def hold(self, since_mono_s: float | None) -> None:
        """Hold what was captured since `since_mono_s`, up to `max_seconds`, until the next call; None: hold nothing."""
        with self._lock:
            self._held_mono_s = since_mono_s

    def between(self, starts_mono_s: float, ends_mono_s: float) -> list[Packet]:
        """Return the packets that show everything from `starts_mono_s` to `ends_mono_s`, in decoding order.

        The first one is the keyframe at or before the start, or the oldest one in the ring if that is later.
        """
        with self._lock:
            packets = list(self._packets)
        first = 0
        last = -1
        for index, packet in enumerate(packets):
            if packet.is_keyframe and packet.captured.mono_s <= starts_mono_s:
                first = index
            if packet.captured.mono_s <= ends_mono_s:
                last = index
        return packets[first : last + 1]

    def _spares_first_group(self, newest: Packet) -> bool:
        following_mono_s = self._keyframes[1].captured.mono_s
        if newest.captured.mono_s - following_mono_s >= self._max_seconds:
            return True
        if self._rest_seconds is None or (self._held_mono_s is not None and self._held_mono_s < following_mono_s):
            return False
        return self._keyframes[-2].captured.mono_s - following_mono_s >= self._rest_seconds

    def _drop_first_group(self) -> None:
        following = self._keyframes[1] if len(self._keyframes) > 1 else None
        self._keyframes.popleft()
        while self._packets and self._packets[0] is not following:
            self._bytes -= self._packets.popleft().size_bytes
