"""Events and files for tests that do not depend on their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from contract.clock import ManualClock
from contract.event import ClipReference, EventData, Phase, Rule, Severity, ThumbnailReference
from contract.ids import UuidV7Factory
from contract.reasons import Reason
from edge.outbox import Attachment, AttachmentKind

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
"""Noon in Jakarta."""

DIGEST = "0" * 64

new_id = UuidV7Factory(ManualClock(NOON))


def event_data(sequence: int, **changes: object) -> EventData:
    """A valid loitering event of one person; `changes` replace its fields."""
    fields: dict[str, object] = {
        "signal_id": new_id(),
        "device_id": "box-1",
        "device_sequence": sequence,
        "kampung_id": "bahari",
        "camera_id": "gate",
        "zone_id": "ronda",
        "rule": Rule.LOITERING,
        "phase": Phase.BEGAN,
        "severity": Severity.WARNING,
        "score": 0.8,
        "reasons": (Reason(code="stayed", params={"dwell_s": 130.0}),),
        "began_at": NOON - timedelta(seconds=130),
        "captured_at": NOON,
        "time_uncertainty_s": 0.5,
        "people_count": 1,
        "zone_polygon": ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)),
        "model_sha256": DIGEST,
        "config_sha256": DIGEST,
        "software_version": "0.1.0",
    }
    return EventData.model_validate(fields | changes)


def building(**changes: object) -> Callable[[int], EventData]:
    """A builder for `Outbox.commit`: the same event with the given sequence number."""
    return lambda sequence: event_data(sequence, **changes)


def thumbnail_file(folder: Path, content: bytes) -> tuple[Attachment, ThumbnailReference]:
    """A thumbnail on disk, and its reference in an event."""
    digest = hashlib.sha256(content).hexdigest()
    path = _write(folder / "thumbnails" / f"{new_id()}.jpg", content)
    attachment = Attachment(AttachmentKind.THUMBNAIL, path, digest, len(content))
    return attachment, ThumbnailReference(sha256=digest, size_bytes=len(content))


def clip_file(folder: Path, content: bytes, clip_id: UUID | None = None) -> tuple[Attachment, ClipReference]:
    """A clip on disk (any bytes: the outbox does not read them), and its reference in an event."""
    clip_id = clip_id or new_id()
    digest = hashlib.sha256(content).hexdigest()
    path = _write(folder / "clips" / f"{clip_id}.mp4", content)
    reference = ClipReference(
        clip_id=clip_id,
        sha256=digest,
        size_bytes=len(content),
        codec="avc1.64001f",
        starts_at=NOON - timedelta(seconds=10),
        duration_s=20.0,
        trigger_offset_s=10.0,
        frame_count=500,
    )
    return Attachment(AttachmentKind.CLIP, path, digest, len(content), clip_id), reference


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
