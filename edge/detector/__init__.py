"""The person detector: one session of one model, shared by all cameras of the process.

What this folder promises: a model file is checked against its manifest before it runs; `Detector` is safe to call from
several threads; boxes are normalised and sorted by falling score; tiles run only while there is spare time.
"""

from edge.detector.canvas import ResizableFrame
from edge.detector.detector import Detector, DetectorStats

__all__ = ["Detector", "DetectorStats", "ResizableFrame"]
