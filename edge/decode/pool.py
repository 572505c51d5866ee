"""A pool of threads that decodes for all cameras: at most as many threads as cores.

A camera's own thread only reads, grades and records packets; those to be decoded wait in the camera's lane. Only one
thread at a time works on a lane, so that a camera's decoder needs no lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

import structlog

from edge.capture.packets import Packet

LANE_MAX_BYTES = 8 * 1024 * 1024
"""Bytes that may wait in a lane before `put` blocks the camera's thread."""
LANE_MAX_IDLE = 64
"""Packets that may wait in a lane before they are decoded even if none is wanted."""
TURN_PACKETS = 32
"""Packets that a thread decodes before it turns to the next camera."""

_log = structlog.get_logger(__name__)


class Lane:
    """One camera's packets on their way to its decoder. Call `put` from the camera's thread."""

    def __init__(
        self, pool: DecodePool, camera_id: str, decode: Callable[[Packet], None], is_wanted: Callable[[Packet], bool]
    ) -> None:
        self._pool = pool
        self._camera_id = camera_id
        self._decode = decode
        self._is_wanted = is_wanted
        self._needs_keyframe = False
        self.waiting: deque[Packet] = deque()
        self.waiting_bytes = 0
        self.is_ready = False

    def put(self, packet: Packet) -> None:
        """Add the next packet in decoding order. Blocks while the lane is full and being worked on."""
        self._pool.put(self, packet)

    def wants(self, packet: Packet) -> bool:
        """Return whether the packet just added requires a turn. Called only while no thread works on the lane."""
        return len(self.waiting) >= LANE_MAX_IDLE or self._is_wanted(packet)

    def work_on(self, packets: list[Packet]) -> None:
        """Decode the packets. A defect loses the frames until the next keyframe and nothing else."""
        for packet in packets:
            if self._needs_keyframe and not packet.is_keyframe:
                continue
            self._needs_keyframe = False
            try:
                self._decode(packet)
            except Exception:  # noqa: BLE001 - must not stop the other cameras; the log has the traceback
                _log.exception("decoding_failed", camera=self._camera_id)
                self._needs_keyframe = True


class DecodePool:
    """The lanes and their threads. `threads` threads have to call `run`."""

    def __init__(self, cameras: int) -> None:
        """`cameras`: number of lanes, >= 1. Raises ValueError otherwise."""
        if cameras < 1:
            raise ValueError(f"a pool decodes for at least one camera, got {cameras}")
        self.threads = min(cameras, len(os.sched_getaffinity(0)))
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._ready: deque[Lane] = deque()
        self._closed = False

    def lane(self, camera_id: str, decode: Callable[[Packet], None], is_wanted: Callable[[Packet], bool]) -> Lane:
        """Return a new lane for a camera.

        decode: called with each packet in order, by one thread at a time. is_wanted: called with a new packet while no
        thread works on the lane; packets that are not wanted wait for the next one that is.
        """
        return Lane(self, camera_id, decode, is_wanted)

    def put(self, lane: Lane, packet: Packet) -> None:
        """Add a packet to a lane; see `Lane.put`. After `close`, packets are dropped."""
        with self._room:
            while lane.waiting_bytes > LANE_MAX_BYTES and lane.is_ready and not self._closed:
                self._room.wait()
            if self._closed:
                return
            lane.waiting.append(packet)
            lane.waiting_bytes += packet.size_bytes
            if not lane.is_ready and (lane.waiting_bytes > LANE_MAX_BYTES or lane.wants(packet)):
                lane.is_ready = True
                self._ready.append(lane)
                self._work.notify()

    def run(self, stop: threading.Event) -> None:
        """Work on one lane after the other until the pool is closed or, between two turns, `stop` is set."""
        while not stop.is_set():
            with self._work:
                self._work.wait_for(lambda: self._ready or self._closed)
                if self._closed:
                    return
                lane = self._ready.popleft()
                packets = self._taken(lane)
            lane.work_on(packets)
            with self._work:
                if lane.waiting:
                    self._ready.append(lane)  # behind the others
                    self._work.notify()
                else:
                    lane.is_ready = False

    def close(self) -> None:
        """End every `run` and unblock every `put`. Waiting packets are dropped."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()

    def _taken(self, lane: Lane) -> list[Packet]:
        packets = [lane.waiting.popleft() for _ in range(min(TURN_PACKETS, len(lane.waiting)))]
        lane.waiting_bytes -= sum(packet.size_bytes for packet in packets)
        self._room.notify_all()
        return packets
