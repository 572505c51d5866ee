"""A few threads decode for all cameras: as many as there are cores, however many cameras there are.

A camera's own thread only reads, judges and records; what is to be looked at waits in the camera's lane. One thread
at a time works on a lane, so that whatever belongs to its camera needs no lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

import structlog

from edge.capture.packets import Packet

LANE_MAX_BYTES = 8 * 1024 * 1024
"""So much waits for a decoder that does not keep up before the camera is made to wait."""
LANE_MAX_IDLE = 64
"""So many packets lie in a lane at most before somebody looks at them, wanted or not."""
TURN_PACKETS = 32
"""After so many packets the next camera has its turn."""

_log = structlog.get_logger(__name__)


class Lane:
    """One camera's packets on their way to its decoder. `put` belongs to the camera's thread."""

    def __init__(
        self, pool: DecodePool, camera_id: str, look: Callable[[Packet], None], is_wanted: Callable[[Packet], bool]
    ) -> None:
        self._pool = pool
        self._camera_id = camera_id
        self._look = look
        self._is_wanted = is_wanted
        self._needs_keyframe = False
        self.waiting: deque[Packet] = deque()
        self.waiting_bytes = 0
        self.is_ready = False

    def put(self, packet: Packet) -> None:
        """Hand on the next packet, in decoding order; waits while too much lies here and somebody works on it."""
        self._pool.put(self, packet)

    def wants(self, packet: Packet) -> bool:
        """Whether somebody must come for the packet just put. Asked only while nobody works on the lane."""
        return len(self.waiting) >= LANE_MAX_IDLE or self._is_wanted(packet)

    def work_on(self, packets: list[Packet]) -> None:
        """Look at the packets. A defect costs the pictures until the next keyframe, and nothing else."""
        for packet in packets:
            if self._needs_keyframe and not packet.is_keyframe:
                continue
            self._needs_keyframe = False
            try:
                self._look(packet)
            except Exception:  # noqa: BLE001 - a defect must not end the decoding of all cameras; it is logged whole
                _log.exception("decoding failed", camera=self._camera_id)
                self._needs_keyframe = True


class DecodePool:
    """The lanes and who works on them: let `threads` threads call `run`."""

    def __init__(self, cameras: int) -> None:
        """`cameras`: how many lanes there will be, >= 1."""
        if cameras < 1:
            raise ValueError(f"a pool decodes for at least one camera, got {cameras}")
        self.threads = min(cameras, len(os.sched_getaffinity(0)))
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._ready: deque[Lane] = deque()
        self._closed = False

    def lane(self, camera_id: str, look: Callable[[Packet], None], is_wanted: Callable[[Packet], bool]) -> Lane:
        """A camera's lane. `look` is called with each packet in order, by one thread at a time; `is_wanted` tells of a
        packet, while nobody looks, whether it is worth coming for: what is not waits for the next one that is."""
        return Lane(self, camera_id, look, is_wanted)

    def put(self, lane: Lane, packet: Packet) -> None:
        """See `Lane.put`. After `close` packets are dropped."""
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
        """Work on one lane after the other until the pool is closed; `stop` is looked at between turns."""
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
        """Send everybody home; what waits is given up."""
        with self._work:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()

    def _taken(self, lane: Lane) -> list[Packet]:
        packets = [lane.waiting.popleft() for _ in range(min(TURN_PACKETS, len(lane.waiting)))]
        lane.waiting_bytes -= sum(packet.size_bytes for packet in packets)
        self._room.notify_all()
        return packets
