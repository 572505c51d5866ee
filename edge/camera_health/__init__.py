"""Camera health: covered, defocused, moved, frozen or dark views, lost streams and wrong clocks, as faults."""

from edge.camera_health.reference import ReferenceView
from edge.camera_health.view_health import HealthFinding, ViewFault, ViewHealth, ViewHealthSettings

__all__ = ["HealthFinding", "ReferenceView", "ViewFault", "ViewHealth", "ViewHealthSettings"]
