"""Hands frames of many cameras to one inference thread: fairly, newest first in worth, never queueing without bound."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from edge.decode.frame import Frame


class FrameScheduler:
    """A short queue of frames for each camera, served in turn.

    When a camera's queue is full its oldest frame gives way and is counted: analysis that is late is worth less than
    analysis that skips. A camera that offers more than its turn can thus only starve itself. Several frames at once
    are no lateness but what was decoded back on waking: they have room of their own, ahead of what comes after.
    """

    def __init__(self, camera_ids: Iterable[str], *, capacity: int = 3, burst_capacity: int = 32) -> None:
        """`capacity`: frames kept for each camera, >= 1; at 5 a second, 3 are 0.6 s of lateness at the most.
        `burst_capacity`: frames of a burst kept besides, >= 1: at 5 a second, keyframes 6 s apart."""
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
        """Queue frames, in the order of capture. Returns how many (older ones) were dropped for them."""
        with self._changed:
            dropped = self._queues[camera_id].put(frames)
            self._dropped[camera_id] += dropped
            self._changed.notify_all()
        return dropped

    def take(self, timeout_s: float) -> tuple[str, Frame] | None:
        """The oldest frame of the camera that has waited longest for its turn; None when there is none in time."""
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
        """How many frames of this camera gave way since the start."""
        with self._changed:
            return self._dropped[camera_id]

    def dropped_in_all(self) -> int:
        """How many frames of all cameras gave way since the start."""
        with self._changed:
            return sum(self._dropped.values())

    def waiting(self) -> int:
        """How many frames of all cameras are queued now."""
        with self._changed:
            return sum(len(queue) for queue in self._queues.values())

    def close(self) -> None:
        """Wake everybody up; frames that are queued can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _CameraQueue:
    """One camera's frames in the order of capture: those of bursts first, then the live ones."""

    def __init__(self, capacity: int, burst_capacity: int) -> None:
        self._capacity = capacity
        self._burst_capacity = burst_capacity
        self._burst: deque[Frame] = deque()
        self._live: deque[Frame] = deque()

    def __len__(self) -> int:
        return len(self._burst) + len(self._live)

    def put(self, frames: Sequence[Frame]) -> int:
        if len(frames) > 1:
            self._burst += self._live  # what came before stays before
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
