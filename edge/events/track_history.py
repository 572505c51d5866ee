"""The boxes of one camera's tracked people over the last minute or two, for the tracks in events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from contract.event import BoxXyxyn, TimedBox, TrackSummary
from edge.detections import Detections

MAX_BOXES_PER_TRACK = 600
MAX_TRACKS = 200


class TrackHistory:
    """Keeps tracked boxes until they are older than `keep_s` seconds before the newest frame. Not thread-safe."""

    def __init__(self, keep_s: float) -> None:
        if not keep_s > 0:
            raise ValueError(f"keep_s must be positive seconds, got {keep_s}")
        self._keep_s = keep_s
        self._boxes: dict[int, deque[tuple[float, list[float]]]] = {}

    def add(self, at_mono_s: float, people: Detections) -> None:
        """Add the boxes of one frame's confirmed tracks."""
        for track_id, box in zip(people.track_ids.tolist(), people.boxes_xyxyn.tolist(), strict=True):
            if track_id:
                boxes = self._boxes.get(track_id)
                if boxes is None:
                    boxes = self._boxes[track_id] = deque(maxlen=MAX_BOXES_PER_TRACK)
                boxes.append((at_mono_s, box))
        oldest_mono_s = at_mono_s - self._keep_s
        for track_id in [track_id for track_id, boxes in self._boxes.items() if boxes[-1][0] < oldest_mono_s]:
            del self._boxes[track_id]
        for boxes in self._boxes.values():
            while boxes[0][0] < oldest_mono_s:
                boxes.popleft()

    def summaries(
        self, track_ids: Iterable[int], *, origin_mono_s: float, since_mono_s: float, until_mono_s: float
    ) -> tuple[TrackSummary, ...]:
        """The boxes of these tracks between two times, clipped to the frame, with offsets from `origin_mono_s`.

        Tracks without boxes are left out; at most MAX_TRACKS are returned.
        """
        found = []
        for track_id in dict.fromkeys(track_ids):
            boxes = tuple(
                TimedBox(offset_s=round(at_s - origin_mono_s, 3), box=shown)
                for at_s, box in self._boxes.get(track_id, ())
                if since_mono_s <= at_s <= until_mono_s and (shown := _clipped(box)) is not None
            )
            if boxes:
                found.append(TrackSummary(track_id=track_id, boxes=boxes))
        return tuple(found[:MAX_TRACKS])


def _clipped(box_xyxyn: list[float]) -> BoxXyxyn | None:
    """The box clipped to the frame and rounded; None if it lies outside."""
    x1, y1, x2, y2 = (round(min(1.0, max(0.0, part)), 4) for part in box_xyxyn)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None
