"""Stays that did not alert and are shown for audit: with which chance each was picked. None stored so far is one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("audit_chance", sa.Float(), nullable=True))
