"""The random check of quiet stays is called a spot check: audit is the log alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alert") as alert:
        alert.alter_column("audit_chance", new_column_name="spot_check_chance", existing_type=sa.Float())
