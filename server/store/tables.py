"""The tables. Portable types only: what SQLite needs differently stands in `server.store.sqlite`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, timezone-aware in Python on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"stored times are timezone-aware, got the naive {value.isoformat()}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid}  # noqa: RUF012 - SQLAlchemy reads it from the class


class Kampung(Base):
    __tablename__ = "kampung"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class Device(Base):
    """An enrolled box. `token_hash` is the SHA-256 of its token; None until one is issued, or after it is revoked."""

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    token_issued_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    software_version: Mapped[str | None] = mapped_column(String(64))
    outbox_pending: Mapped[int | None] = mapped_column(BigInteger)
    last_sequence: Mapped[int | None] = mapped_column(BigInteger)


class Camera(Base):
    __tablename__ = "camera"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kampung_id: Mapped[str] = mapped_column(ForeignKey("kampung.id"), index=True)
    device_id: Mapped[str | None] = mapped_column(ForeignKey("device.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))


class Zone(Base):
    __tablename__ = "zone"

    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class CameraTelemetryRow(Base):
    """The newest report about a camera, and the state that consoles last received."""

    __tablename__ = "camera_telemetry"

    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    published_state: Mapped[str] = mapped_column(String(16))
    last_frame_at: Mapped[datetime | None]
    coverage: Mapped[float]
    analysed_fps: Mapped[float]
    dropped_frames: Mapped[int] = mapped_column(BigInteger)
    people_count: Mapped[int] = mapped_column(BigInteger)
    fault: Mapped[str | None] = mapped_column(String(300))
    reported_at: Mapped[datetime]


class User(Base):
    __tablename__ = "user_account"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(256))
    language: Mapped[str] = mapped_column(String(2))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class UserGrant(Base):
    """A role of a user; `kampung_id` None means every kampung."""

    __tablename__ = "user_grant"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    role: Mapped[str] = mapped_column(String(32))
    kampung_id: Mapped[str | None] = mapped_column(ForeignKey("kampung.id"))


class UserSession(Base):
    """A log-in. The cookie's token is stored only as its SHA-256."""

    __tablename__ = "user_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]


class Alert(Base):
    """What operators see of a signal. Its content follows the device's events, its state follows people's decisions.

    spot_check_chance: not None for a spot check, which is no alert: the chance with which it was picked.
    Such a one is in no incident but its own, and no list, count or feed of alerts holds it.
    """

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("device_id", "signal_id"),
        Index("ix_alert_time", "captured_at", "id"),
        Index("ix_alert_kampung_time", "kampung_id", "captured_at", "id"),
        Index("ix_alert_camera_time", "camera_id", "captured_at"),
        Index("ix_alert_open", "state", "kampung_id", "severity"),
        Index("ix_alert_clip", "clip_id"),
        Index("ix_alert_incident", "incident_id"),
        Index("ix_alert_source_time", "camera_id", "zone_id", "rule", "captured_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    signal_id: Mapped[UUID]
    kampung_id: Mapped[str] = mapped_column(ForeignKey("kampung.id"))
    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.id"))
    zone_id: Mapped[str] = mapped_column(String(64))
    rule: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    score: Mapped[float]
    people_count: Mapped[int]
    reasons: Mapped[list[Any]] = mapped_column(JSON)
    trigger_boxes: Mapped[list[Any]] = mapped_column(JSON)
    began_at: Mapped[datetime]
    captured_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    stayed_s: Mapped[float | None]
    time_uncertainty_s: Mapped[float]
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    opening_event_id: Mapped[UUID]
    trigger_event_id: Mapped[UUID]
    spot_check_chance: Mapped[float | None]
    config_sha256: Mapped[str | None] = mapped_column(String(64))
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    clip_id: Mapped[UUID | None]
    clip_fault: Mapped[str | None] = mapped_column(String(200))
    clip_stored: Mapped[bool]
    thumbnail_event_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str | None] = mapped_column(String(32))
    acknowledged_by: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int]
    incident_id: Mapped[UUID]


class PlacementRequestRow(Base):
    """An alert opened or became more severe, so its incident requested a placement.

    sequence: that of the feed entry about it. day: the day in Jakarta on which the incident's alerts were received, as
    `server.alerts.governor.day_of` numbers it.
    """

    __tablename__ = "placement_request"
    __table_args__ = (Index("ix_placement_request_day", "day", "sequence"),)

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    incident_id: Mapped[UUID]
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"), index=True)
    kampung_id: Mapped[str] = mapped_column(ForeignKey("kampung.id"))
    day: Mapped[int]
    at: Mapped[datetime]
    severity: Mapped[str] = mapped_column(String(16))


class EventRow(Base):
    """An accepted event, byte for byte as its content says, so that a repeat differs from a contradiction."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_device_sequence", "device_id", "device_sequence"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    device_sequence: Mapped[int] = mapped_column(BigInteger)
    phase: Mapped[str] = mapped_column(String(16))
    captured_at: Mapped[datetime]
    received_at: Mapped[datetime]
    content_sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)


class AlertHistory(Base):
    """What became of an alert; each row has exactly one audit entry, written with it."""

    __tablename__ = "alert_history"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str | None] = mapped_column(String(16))
    verdict: Mapped[str | None] = mapped_column(String(32))
    note: Mapped[str | None] = mapped_column(Text)
    audit_sequence: Mapped[int] = mapped_column(BigInteger, ForeignKey("audit.sequence"), unique=True)


class Clip(Base):
    """A sealed clip that a device announced; `stored_at` is set once its bytes are here and their hash is right.

    `alert_id` is the alert that announced it first; others of the same camera may be about it too (`Alert.clip_id`).
    `reference` is what that announcement said; when the trigger was is another moment for each of them.
    """

    __tablename__ = "clip"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    kampung_id: Mapped[str] = mapped_column(ForeignKey("kampung.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    reference: Mapped[dict[str, Any]] = mapped_column(JSON)
    path: Mapped[str] = mapped_column(String(200), unique=True)
    announced_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]


class Thumbnail(Base):
    __tablename__ = "thumbnail"

    event_id: Mapped[UUID] = mapped_column(ForeignKey("event.id"), primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(String(200), unique=True)
    stored_at: Mapped[datetime]


class ClipViewing(Base):
    """When a session's view of a clip was last written to the audit log."""

    __tablename__ = "clip_viewing"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    clip_id: Mapped[UUID] = mapped_column(ForeignKey("clip.id"), primary_key=True)
    audited_at: Mapped[datetime]


class AuditRow(Base):
    """One entry of the audit log; `hash` covers the entry and `prev_hash`, so that the entries form a chain."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_kampung", "kampung_id", "sequence"),)

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80), index=True)
    action: Mapped[str] = mapped_column(String(40), index=True)
    kampung_id: Mapped[str | None] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200), index=True)
    detail: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class FeedRow(Base):
    """One message to consoles; the sequence is the order of commits and the feed's Last-Event-ID."""

    __tablename__ = "feed"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(16))
    kampung_id: Mapped[str] = mapped_column(ForeignKey("kampung.id"))
    alert_id: Mapped[UUID | None] = mapped_column(ForeignKey("alert.id"))
    camera_id: Mapped[str | None] = mapped_column(ForeignKey("camera.id"))


class Head(Base):
    """The newest sequence (and hash) of a log. Locking this row orders the writers of that log on any database."""

    __tablename__ = "head"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
