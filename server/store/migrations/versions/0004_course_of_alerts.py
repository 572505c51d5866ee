"""How long a stay lasted in all, and under which settings its rule fired: what thresholds are judged by.

Alerts that were stored before have neither; nothing is suggested from them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("stayed_s", sa.Float(), nullable=True))
    op.add_column("alert", sa.Column("config_sha256", sa.String(length=64), nullable=True))
