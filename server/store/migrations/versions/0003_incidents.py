"""Incidents: which alerts belong together, and when they asked for a place on a desk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As they were when this was written; a later change of the product's must not change what this made.
_JOIN_WITHIN = timedelta(minutes=10)
_JAKARTA = timezone(timedelta(hours=7))
_MOMENT = sa.DateTime(timezone=True)
_ALERT = sa.table(
    "alert",
    sa.column("id", sa.Uuid()),
    sa.column("kampung_id", sa.String()),
    sa.column("camera_id", sa.String()),
    sa.column("zone_id", sa.String()),
    sa.column("rule", sa.String()),
    sa.column("severity", sa.String()),
    sa.column("captured_at", _MOMENT),
    sa.column("received_at", _MOMENT),
    sa.column("incident_id", sa.Uuid()),
)
_FEED = sa.table("feed", sa.column("sequence", sa.BigInteger()), sa.column("kind"), sa.column("alert_id", sa.Uuid()))


def upgrade() -> None:
    nobody = "0" * 32
    op.add_column("alert", sa.Column("incident_id", sa.Uuid(), nullable=False, server_default=nobody))
    asks = op.create_table(
        "incident_ask",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("kampung_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"]),
        sa.ForeignKeyConstraint(["kampung_id"], ["kampung.id"]),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("ix_incident_ask_day", "incident_ask", ["day", "sequence"], unique=False)
    op.create_index(op.f("ix_incident_ask_alert_id"), "incident_ask", ["alert_id"], unique=False)
    rows = list(_asks_of_stored_alerts(op.get_bind()))
    if rows:
        op.get_bind().execute(
            sa.update(_ALERT).where(_ALERT.c.id == sa.bindparam("of_alert")).values(incident_id=sa.bindparam("joins")),
            [{"of_alert": row["alert_id"], "joins": row["incident_id"]} for row in rows],
        )
        op.bulk_insert(asks, rows)
    op.create_index("ix_alert_incident", "alert", ["incident_id"], unique=False)
    source_time = ["camera_id", "zone_id", "rule", "captured_at", "id"]
    op.create_index("ix_alert_source_time", "alert", source_time, unique=False)


def _asks_of_stored_alerts(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """One ask for each alert, in the order of receipt and with the severity that it has: when it rose is not known."""
    created = sa.select(_FEED.c.alert_id, _FEED.c.sequence).where(_FEED.c.kind == "created")
    sequences = {row.alert_id: row.sequence for row in connection.execute(created)}
    last: dict[tuple[Any, ...], list[tuple[datetime, UUID]]] = {}
    stored = sa.select(_ALERT).order_by(_ALERT.c.received_at, _ALERT.c.id)
    for number, alert in enumerate(connection.execute(stored), 1):
        received_at, captured_at = _aware(alert.received_at), _aware(alert.captured_at)
        day = received_at.astimezone(_JAKARTA).toordinal()
        source = (day, alert.kampung_id, alert.camera_id, alert.zone_id, alert.rule)
        others = last.setdefault(source, [])
        near = [(abs(at - captured_at), at, incident) for at, incident in others]
        nearest = min((one for one in near if one[0] <= _JOIN_WITHIN), default=None)
        incident_id = nearest[2] if nearest else alert.id
        others.append((captured_at, incident_id))
        yield {
            "sequence": sequences.get(alert.id, -number),
            "incident_id": incident_id,
            "alert_id": alert.id,
            "kampung_id": alert.kampung_id,
            "day": day,
            "at": received_at,
            "severity": alert.severity,
        }


def _aware(moment: datetime) -> datetime:
    """SQLite gives times without their zone; they are UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
