"""The outbox's data types: attachments, pending items, deletions, counts, errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from contract.errors import ErrorKind, KentonganError
from contract.event import Event


class OutboxError(KentonganError):
    """The outbox could not store or read something. A failed commit stored nothing."""


class OutboxFullError(OutboxError):
    """The disk has no room for the commit. The caller keeps the event and tries again later."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorKind.STORAGE_FULL, detail)


class AttachmentKind(StrEnum):
    """What file an attachment is."""

    THUMBNAIL = "thumbnail"
    CLIP = "clip"


class DeletionReason(StrEnum):
    """Why an event or a file was deleted, as the record of deletions and a clip's fault name it."""

    QUOTA = "quota"
    RETENTION = "retention"
    MISSING_FILE = "missing-file"
    DIGEST_MISMATCH = "digest-mismatch"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A finished file that belongs to an event. `path` lies inside the outbox's folder; the file never changes again.

    A thumbnail has no `clip_id` and its hash is that of `EventData.thumbnail`; a clip's `clip_id`, hash and size are
    those of the event's `ClipReference`.
    """

    kind: AttachmentKind
    path: Path
    sha256: str
    size_bytes: int
    clip_id: UUID | None = None

    def __post_init__(self) -> None:
        if (self.kind is AttachmentKind.CLIP) != (self.clip_id is not None):
            raise ValueError(f"a clip has a clip_id and a thumbnail has none, got a {self.kind} with {self.clip_id}")
        if self.size_bytes < 1:
            raise ValueError(f"size_bytes must be at least 1, got {self.size_bytes}")


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that the server has not accepted yet. `body`: its JSON, to be posted as it is."""

    sequence: int
    event_id: UUID
    body: bytes


@dataclass(frozen=True, slots=True)
class PendingAttachment:
    """A thumbnail or a clip that the server does not have yet, of an event that it has accepted."""

    attachment_id: int
    kind: AttachmentKind
    event_id: UUID
    clip_id: UUID | None
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OpenSignal:
    """A signal that has no `ended` event yet, or whose announced clip has neither a reference nor a fault yet.

    `latest`: its newest event. `ended`: an `ended` event was committed. `clip_settled`: no clip was announced, or its
    reference or fault was committed.
    """

    latest: Event
    ended: bool
    clip_settled: bool


@dataclass(frozen=True, slots=True)
class Deletion:
    """One recorded deletion. `kind`: event, thumbnail or clip. `sent`: whether the server had it."""

    deleted_at: datetime
    kind: str
    event_id: UUID
    clip_id: UUID | None
    size_bytes: int
    sent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ParkedItem:
    """An event or a file that the server refused for good: kept and shown, sent again only on request or at a start."""

    kind: str
    event_id: UUID
    clip_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """How full the outbox is.

    `used_bytes` covers database and files; `deleted_unsent` counts events and files since the database was created.
    """

    pending_events: int
    pending_thumbnails: int
    pending_clips: int
    parked: int
    used_bytes: int
    quota_bytes: int
    last_sequence: int
    oldest_pending_at: datetime | None
    deleted_unsent: int
