"""The rules that a first implementation would have, for comparison: a timer per id, a fixed threshold."""

from __future__ import annotations

from collections.abc import Iterable

from edge.geometry import Polygon
from edge.signals import Observation


def timer_per_id(observations: Iterable[Observation], polygon: Polygon, threshold_s: float) -> list[float]:
    """The times in seconds at which an id has been in the zone for `threshold_s`, once per id."""
    since: dict[int, float] = {}
    alerted: set[int] = set()
    alerts: list[float] = []
    for one in observations:
        now_s = one.captured.mono_s
        inside = polygon.contains(one.people.foot_points_xyn)
        for track_id, here in zip(one.people.track_ids.tolist(), inside.tolist(), strict=True):
            if not here:
                since.pop(track_id, None)
            elif now_s - since.setdefault(track_id, now_s) >= threshold_s and track_id not in alerted:
                alerted.add(track_id)
                alerts.append(now_s)
    return alerts
