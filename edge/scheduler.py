"""Hands frames of many cameras to one inference thread: fairly, newest first in worth, never queueing without bound."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from edge.frame import Frame


class FrameScheduler:
    """A short queue of frames for each camera, served in turn.

    When a camera's queue is full its oldest frame gives way and is counted: analysis that is late is worth less than
    analysis that skips. A camera that offers more than its turn can thus only starve itself.
    """

    def __init__(self, camera_ids: Iterable[str], *, capacity: int = 3) -> None:
        """`capacity`: frames kept for each camera, >= 1; at 5 a second, 3 are 0.6 s of lateness at the most."""
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1 frame for each camera, got {capacity}")
        self._capacity = capacity
        self._changed = threading.Condition()
        self._queues: dict[str, deque[Frame]] = {camera_id: deque() for camera_id in camera_ids}
        if not self._queues:
            raise ValueError("a scheduler needs at least one camera, got none")
        self._turns = deque(self._queues)
        self._dropped = dict.fromkeys(self._queues, 0)
        self._closed = False

    def offer(self, camera_id: str, frame: Frame, *, wait: bool = False) -> bool:
        """Queue a frame. Returns False if one was dropped for it.

        `wait`: for sources that are not live (replaying a file), wait for room instead of dropping.
        """
        with self._changed:
            queue = self._queues[camera_id]
            if wait:
                self._changed.wait_for(lambda: len(queue) < self._capacity or self._closed)
            dropped = len(queue) >= self._capacity
            if dropped:
                queue.popleft()
                self._dropped[camera_id] += 1
            queue.append(frame)
            self._changed.notify_all()
        return not dropped

    def take(self, timeout_s: float) -> tuple[str, Frame] | None:
        """The oldest frame of the camera that has waited longest for its turn; None when there is none in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or any(self._queues.values()), timeout_s):
                return None
            for _ in range(len(self._turns)):
                camera_id = self._turns[0]
                self._turns.rotate(-1)
                if self._queues[camera_id]:
                    frame = self._queues[camera_id].popleft()
                    self._changed.notify_all()
                    return camera_id, frame
            return None

    def dropped(self, camera_id: str) -> int:
        """How many frames of this camera gave way since the start."""
        with self._changed:
            return self._dropped[camera_id]

    def close(self) -> None:
        """Wake everybody up; frames that are queued can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
