"""Delivery of thumbnails and clips: one request at a time, resumable, with a retry state for each file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

import structlog

from contract.clock import Clock
from contract.errors import ErrorKind
from edge.outbox import AttachmentKind, DeletionReason, Outbox, PendingAttachment
from edge.sender.client import DeliveryOutcome, IngestClient, Reply
from edge.system.backoff import Backoff

CHUNK_MIN_BYTES, CHUNK_START_BYTES, CHUNK_MAX_BYTES = 32 << 10, 64 << 10, 512 << 10
CHUNK_TARGET_S = 1.0
"""A chunk is sized to take about this long, which bounds how long an event waits and what a broken link costs."""

FILE_BASE_S, FILE_CAP_S = 5.0, 600.0
MAX_RESTARTS = 3
"""Uploads of a file are restarted this many times (unreadable, or sound on disk and damaged on arrival)."""

RETRY_STATES = 256
"""More retry states than this are searched for files that are no longer pending."""

_LINK_STATUSES = {429, 502, 503, 504}
"""HTTP status codes that concern the whole link, not one file."""

_NO_PROGRESS = "the reply does not report any progress of the upload"

_log = structlog.get_logger(__name__)


class Step(Enum):
    """The result of one step.

    IDLE: no file to send. PROGRESS: the server accepted something. DEFERRED: one file is deferred, parked or given up.
    LINK_REFUSED: the reply concerns the whole link.
    """

    IDLE = auto()
    PROGRESS = auto()
    DEFERRED = auto()
    LINK_REFUSED = auto()


@dataclass(slots=True)
class _RetryState:
    """The failures of one file, kept until it is sent, parked or deleted."""

    backoff: Backoff = field(default_factory=lambda: Backoff(FILE_BASE_S, FILE_CAP_S))
    not_before_s: float = 0.0
    restarts: int = 0
    event_resent: bool = False


class FileDelivery:
    """Sends the outbox's attachments, one request per `step`.

    Raises LinkError when a request got no reply, OutboxError when the outbox cannot write. `fault` says why the last
    file was not delivered; None after a delivery.
    """

    def __init__(self, outbox: Outbox, client: IngestClient, clock: Clock) -> None:
        self._outbox = outbox
        self._client = client
        self._clock = clock
        self._retries: dict[int, _RetryState] = {}
        self._retries_limit = RETRY_STATES
        self._clip: PendingAttachment | None = None
        self._offset: int | None = None
        self._chunk_bytes = CHUNK_START_BYTES
        self._server_full = Backoff(FILE_BASE_S, FILE_CAP_S)
        self._server_full_until_s = clock.mono_s()
        self.sent = dict.fromkeys(AttachmentKind, 0)
        self.clip_bytes_sent = 0
        self.failures = 0
        self.fault: str | None = None

    def link_broke(self) -> None:
        """Ask for the clip's offset again before the next chunk, and halve the chunk.

        Without smaller chunks, a link that breaks within every chunk would never carry one.
        """
        self._offset = None
        self._chunk_bytes = max(CHUNK_MIN_BYTES, self._chunk_bytes // 2)

    def step(self) -> tuple[Step, Reply | None]:
        """Send the next file of the outbox's order, or the next chunk of the clip that is under way.

        Returns the reply, too, when one decided the result.
        """
        now_s = self._clock.mono_s()
        if now_s < self._server_full_until_s:
            return Step.IDLE, None
        if len(self._retries) > self._retries_limit:
            self._discard_stale_retries()
        deferred = [key for key, retry in self._retries.items() if now_s < retry.not_before_s]
        attachment = self._outbox.next_attachment(excluding=deferred)
        if attachment is None:
            self._clip = None
            return Step.IDLE, None
        if attachment.kind is AttachmentKind.THUMBNAIL:
            return self._attempt(self._send_thumbnail, attachment)
        under_way = self._clip
        # Finish a clip that is under way even when one that comes first in the order arrives: half a clip is useless.
        if under_way is None or under_way.attachment_id in deferred or not under_way.path.exists():
            under_way = attachment
        if under_way != self._clip:
            self._clip, self._offset = under_way, None
        return self._attempt(self._send_clip, under_way)

    def _attempt(
        self, send: Callable[[PendingAttachment], tuple[Step, Reply | None]], attachment: PendingAttachment
    ) -> tuple[Step, Reply | None]:
        try:
            return send(attachment)
        except FileNotFoundError:
            return self._give_up(attachment, DeletionReason.MISSING_FILE)
        except OSError as error:
            # Temporary (too many open files) or permanent (a bad sector); neither may block other files.
            retry = self._retry_state(attachment)
            retry.restarts += 1
            if retry.restarts > MAX_RESTARTS:
                return self._give_up(attachment, DeletionReason.UNREADABLE)
            return self._defer(attachment, f"cannot read the file: {error.strerror}")

    def _send_thumbnail(self, thumbnail: PendingAttachment) -> tuple[Step, Reply | None]:
        reply = self._client.put_thumbnail(thumbnail.event_id, thumbnail.path.read_bytes())
        if reply.outcome is DeliveryOutcome.DELIVERED:
            return self._delivered(thumbnail, reply)
        return self._not_delivered(thumbnail, reply)

    def _send_clip(self, clip: PendingAttachment) -> tuple[Step, Reply | None]:
        if clip.clip_id is None:  # pragma: no cover - Attachment checks it
            raise AssertionError(f"attachment {clip.attachment_id} is a clip without a clip_id")
        if self._offset is None:
            reply = self._client.clip_state(clip.clip_id)
            return self._after_clip_reply(clip, reply)
        left_bytes = clip.size_bytes - self._offset
        chunk = _read_chunk(clip.path, self._offset, min(self._chunk_bytes, left_bytes))
        if not chunk and left_bytes:
            return self._give_up(clip, DeletionReason.DIGEST_MISMATCH)  # the file was truncated
        started_s = self._clock.mono_s()
        # With nothing left to send, an empty chunk makes a server that was interrupted before its hash check do it now.
        reply = self._client.patch_clip(clip.clip_id, self._offset, chunk)
        if reply.status == 409 and _can_resume_at(reply.offset, self._offset, clip):
            self._offset = reply.offset
            return Step.DEFERRED, reply
        if reply.outcome is DeliveryOutcome.DELIVERED:
            self._adapt_chunk(len(chunk), self._clock.mono_s() - started_s)
            self.clip_bytes_sent += len(chunk)
            if not reply.complete and (reply.offset or 0) <= self._offset:
                return self._defer(clip, _NO_PROGRESS)  # a proxy replies in the server's place
        return self._after_clip_reply(clip, reply)

    def _after_clip_reply(self, clip: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        if reply.outcome is not DeliveryOutcome.DELIVERED:
            return self._not_delivered(clip, reply)
        if reply.complete:
            return self._delivered(clip, reply)
        if reply.offset is None or reply.offset > clip.size_bytes:
            return self._defer(clip, _NO_PROGRESS)
        self._offset = reply.offset
        return Step.PROGRESS, reply

    def _adapt_chunk(self, sent_bytes: int, took_s: float) -> None:
        fitting = sent_bytes / max(took_s, 1e-3) * CHUNK_TARGET_S
        self._chunk_bytes = int(min(max(fitting, CHUNK_MIN_BYTES), CHUNK_MAX_BYTES, 2 * self._chunk_bytes))

    def _delivered(self, attachment: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        self._outbox.mark_attachment_sent(attachment.attachment_id)
        self.sent[attachment.kind] += 1
        self.fault = None
        self._server_full.reset()
        self._discard_state(attachment)
        return Step.PROGRESS, reply

    def _not_delivered(self, attachment: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        self._offset = None
        self.failures += 1
        self.fault = reply.reason
        if reply.outcome is DeliveryOutcome.UNAUTHORISED or reply.status in _LINK_STATUSES:
            return Step.LINK_REFUSED, reply
        if reply.status == 507:
            wait_s = self._server_full.after_failure(reply.retry_after_s)
            self._server_full_until_s = self._clock.mono_s() + wait_s
            return Step.DEFERRED, reply
        if reply.outcome is DeliveryOutcome.RETRY or reply.status == 409:
            return self._defer(attachment, reply.reason, reply.retry_after_s)
        if reply.kind == ErrorKind.DIGEST_MISMATCH:
            return self._after_digest_mismatch(attachment, reply)
        retry = self._retry_state(attachment)
        if reply.status == 404 and not retry.event_resent:
            # The server no longer knows an event that it accepted: it was restored from a backup.
            retry.event_resent = True
            self._outbox.resend_event(attachment.attachment_id)
            return Step.DEFERRED, reply
        self._park(attachment, reply.reason)
        return Step.DEFERRED, reply

    def _after_digest_mismatch(self, attachment: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        if _sha256_of(attachment.path) != attachment.sha256:
            return self._give_up(attachment, DeletionReason.DIGEST_MISMATCH)
        retry = self._retry_state(attachment)
        retry.restarts += 1
        if retry.restarts > MAX_RESTARTS:
            self._park(attachment, f"arrived damaged {retry.restarts} times, though sound here: {reply.reason}")
            return Step.DEFERRED, reply
        return self._defer(attachment, reply.reason, reply.retry_after_s)

    def _defer(self, attachment: PendingAttachment, reason: str, at_least_s: float = 0.0) -> tuple[Step, Reply | None]:
        retry = self._retry_state(attachment)
        retry.not_before_s = self._clock.mono_s() + retry.backoff.after_failure(at_least_s)
        self._clip = None
        self.fault = reason
        _log.warning("file_deferred", kind=attachment.kind.value, event_id=str(attachment.event_id), reason=reason)
        return Step.DEFERRED, None

    def _park(self, attachment: PendingAttachment, reason: str) -> None:
        self._outbox.park_attachment(attachment.attachment_id, reason)
        self._discard_state(attachment)
        _log.error("file_refused", kind=attachment.kind.value, event_id=str(attachment.event_id), reason=reason)

    def _give_up(self, attachment: PendingAttachment, reason: DeletionReason) -> tuple[Step, Reply | None]:
        self._outbox.drop_attachment(attachment.attachment_id, reason)
        self._discard_state(attachment)
        _log.error("file_lost", kind=attachment.kind.value, event_id=str(attachment.event_id), reason=reason.value)
        return Step.DEFERRED, None

    def _retry_state(self, attachment: PendingAttachment) -> _RetryState:
        return self._retries.setdefault(attachment.attachment_id, _RetryState())

    def _discard_stale_retries(self) -> None:
        """Discard the retry states of files that the quota deleted, so that their number is bounded by the pending."""
        pending = self._outbox.pending_attachment_ids()
        self._retries = {key: retry for key, retry in self._retries.items() if key in pending}
        self._retries_limit = max(RETRY_STATES, 2 * len(self._retries))

    def _discard_state(self, attachment: PendingAttachment) -> None:
        self._retries.pop(attachment.attachment_id, None)
        if attachment.kind is AttachmentKind.CLIP:
            self._clip, self._offset = None, None


def _can_resume_at(offset: int | None, ours: int, clip: PendingAttachment) -> bool:
    return offset is not None and offset != ours and offset <= clip.size_bytes


def _read_chunk(path: Path, offset: int, size_bytes: int) -> bytes:
    """Up to `size_bytes` of the file from `offset`. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size_bytes)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
