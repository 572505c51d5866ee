"""The last seconds of a camera, compressed as they came, so that a clip can show what led to its event."""

from __future__ import annotations

import threading
from collections import deque

from edge.capture.packets import Packet


class PacketRing:
    """Keeps the newest packets of one camera; safe to use from several threads.

    It always starts with a keyframe, so that whatever it holds can be decoded, and lets go of whole groups of pictures.

    max_seconds: at least this much is kept of what is held (`hold`), and at most one group of pictures more.
    rest_seconds: what nobody holds is kept for so long before the last group but one, which may be decoded back until
        the next keyframe has been looked at. As long as `max_seconds` unless it is said.
    max_bytes: never exceeded. Where one group of pictures alone is larger, what is held is given up, `overflows` counts
        it, and the ring begins again with the next keyframe.
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
        """Bytes of compressed pictures held."""
        with self._lock:
            return self._bytes

    @property
    def overflows(self) -> int:
        """How often a single group of pictures was too large to keep."""
        with self._lock:
            return self._overflows

    @property
    def newest_mono_s(self) -> float | None:
        """When the newest picture taken in was captured; None before the first."""
        with self._lock:
            return self._newest_mono_s

    def append(self, packet: Packet) -> None:
        """Take in the next packet in decoding order. Packets before the first keyframe are not kept."""
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
        """Keep what was captured from then on, up to `max_seconds` of it, until told otherwise; None: nothing more."""
        with self._lock:
            self._held_mono_s = since_mono_s

    def between(self, starts_mono_s: float, ends_mono_s: float) -> list[Packet]:
        """The packets that show everything captured from `starts_mono_s` to `ends_mono_s`, in decoding order.

        They begin with the keyframe at or before the start, or with the oldest one held if that is later.
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
