"""An index of alerts by clip: several alerts may be about one."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_alert_clip", "alert", ["clip_id"], unique=False)
