"""Camera health from pictures."""

from edge.viewhealth.health import HealthFinding, ViewFault, ViewHealth, ViewHealthSettings
from edge.viewhealth.reference import ReferenceView

__all__ = ["HealthFinding", "ReferenceView", "ViewFault", "ViewHealth", "ViewHealthSettings"]
