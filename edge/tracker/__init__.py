"""Joins one camera's detections over time into tracks, at 5 frames per second and fewer.

What this folder promises: time is in seconds, never in frames; track ids count from 1 per camera and are never reused;
the result does not depend on the order of a frame's detections; position, size and motion are used, never appearance.
"""

from __future__ import annotations

from edge.tracker.settings import TrackerSettings
from edge.tracker.tracker import Tracker

__all__ = ["Tracker", "TrackerSettings"]
