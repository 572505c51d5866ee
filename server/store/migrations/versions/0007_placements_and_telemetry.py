"""Incidents request placements, and what a device reports about a camera is telemetry."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("camera_health", "camera_telemetry")
    op.drop_index("ix_incident_ask_day", "incident_ask")
    op.drop_index(op.f("ix_incident_ask_alert_id"), "incident_ask")
    op.rename_table("incident_ask", "placement_request")
    op.create_index("ix_placement_request_day", "placement_request", ["day", "sequence"], unique=False)
    op.create_index(op.f("ix_placement_request_alert_id"), "placement_request", ["alert_id"], unique=False)
