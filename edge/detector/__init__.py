"""The person detector: one session of one model, shared by all cameras of the process."""

from edge.detector.canvas import ResizableFrame
from edge.detector.detector import Detector, DetectorStats

__all__ = ["Detector", "DetectorStats", "ResizableFrame"]
