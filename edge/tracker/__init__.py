"""Detections of one camera over time, joined into tracks: written for 5 frames a second and fewer."""

from __future__ import annotations

from edge.tracker.settings import TrackerSettings
from edge.tracker.tracker import Tracker

__all__ = ["Tracker", "TrackerSettings"]
