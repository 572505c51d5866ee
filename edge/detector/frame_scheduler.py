"""Hands the frames of many cameras to one inference thread: fairly, and with bounded queues."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from edge.decode.frame import Frame


class FrameScheduler:
    """A short queue of frames per camera, served in turn. Safe to call from several threads.

    When a camera's queue is full, its oldest frame is dropped and counted: skipping a frame is better than analysing
    late. A camera that offers more frames than its turn allows can only delay itself. Several frames offered at once
    are a burst, which the decoder reads back when a quiet camera wakes up. A burst is not a sign of lateness: it has a
    queue of its own, served before later frames.
    """

    def __init__(self, camera_ids: Iterable[str], *, capacity: int = 3, burst_capacity: int = 32) -> None:
        """capacity: single frames kept per camera, >= 1; at 5 frames per second, 3 are at most 0.6 s late.

        burst_capacity: frames of a burst kept per camera, >= 1; 32 suffice for keyframes 6 s apart at 5 frames per
        second. Raises ValueError for a capacity below 1, and without a camera.
        """
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1 frame for each camera, got {capacity}")
        if burst_capacity < 1:
            raise ValueError(f"burst_capacity must be at least 1 frame for each camera, got {burst_capacity}")
        self._changed = threading.Condition()
        self._queues = {camera_id: _CameraQueue(capacity, burst_capacity) for camera_id in camera_ids}
        if not self._queues:
            raise ValueError("a scheduler needs at least one camera, got none")
        self._turns = deque(self._queues)
        self._dropped = dict.fromkeys(self._queues, 0)
        self._closed = False

    def offer(self, camera_id: str, frames: Sequence[Frame]) -> int:
        """Queue frames in the order of capture. Returns how many older frames were dropped for them."""
        with self._changed:
            dropped = self._queues[camera_id].put(frames)
            self._dropped[camera_id] += dropped
            self._changed.notify_all()
        return dropped

    def take(self, timeout_s: float) -> tuple[str, Frame] | None:
        """The oldest frame of the camera whose turn it is, with the camera's id; None if no frame comes in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or any(self._queues.values()), timeout_s):
                return None
            for _ in range(len(self._turns)):
                camera_id = self._turns[0]
                self._turns.rotate(-1)
                if self._queues[camera_id]:
                    return camera_id, self._queues[camera_id].pop()
            return None

    def dropped(self, camera_id: str) -> int:
        """How many frames of this camera were dropped since the start."""
        with self._changed:
            return self._dropped[camera_id]

    def dropped_in_all(self) -> int:
        """How many frames of all cameras were dropped since the start."""
        with self._changed:
            return sum(self._dropped.values())

    def waiting(self) -> int:
        """How many frames of all cameras are queued."""
        with self._changed:
            return sum(len(queue) for queue in self._queues.values())

    def close(self) -> None:
        """Wake every waiting `take`; queued frames can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _CameraQueue:
    """One camera's frames in the order of capture: those of bursts first, then live ones."""

    def __init__(self, capacity: int, burst_capacity: int) -> None:
        self._capacity = capacity
        self._burst_capacity = burst_capacity
        self._burst: deque[Frame] = deque()
        self._live: deque[Frame] = deque()

    def __len__(self) -> int:
        return len(self._burst) + len(self._live)

    def put(self, frames: Sequence[Frame]) -> int:
        if len(frames) > 1:
            self._burst += self._live  # keeps the order of capture
            self._live.clear()
            self._burst += frames
            return _drop_oldest(self._burst, self._burst_capacity)
        self._live += frames
        return _drop_oldest(self._live, self._capacity)

    def pop(self) -> Frame:
        return (self._burst or self._live).popleft()


def _drop_oldest(queue: deque[Frame], capacity: int) -> int:
    dropped = max(0, len(queue) - capacity)
    for _ in range(dropped):
        queue.popleft()
    return dropped
