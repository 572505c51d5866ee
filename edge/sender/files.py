"""Delivery of thumbnails and clips: one request at a time, resumable, each file with its own patience."""

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
from edge.sender.client import IngestClient, Reply, Verdict, read_chunk
from edge.system.backoff import Backoff

CHUNK_MIN_BYTES, CHUNK_START_BYTES, CHUNK_MAX_BYTES = 32 << 10, 64 << 10, 512 << 10
CHUNK_TARGET_S = 1.0
"""A chunk is about what the link carries in this time: an event waits for no more, and a cut costs no more."""

FILE_BASE_S, FILE_CAP_S = 5.0, 600.0
MAX_RESTARTS = 3
"""A clip whose local copy is sound but whose upload arrives damaged is parked after so many tries from the start."""

_WHOLE_LINK = {429, 502, 503, 504}
"""Replies that are not about one file."""

_NO_PROGRESS = "the reply says nothing of what has arrived"

_log = structlog.get_logger(__name__)


REMEMBERED = 256
"""With so many failed files remembered, those that are gone are looked for."""


class Step(Enum):
    """What a step came to: nothing to do; the server took something; one file is put off; the whole link is."""

    IDLE = auto()
    MOVED = auto()
    PUT_OFF = auto()
    STOP = auto()


@dataclass(slots=True)
class _Patience:
    """What is remembered of a file that did not go through, until it does or is parked."""

    backoff: Backoff = field(default_factory=lambda: Backoff(FILE_BASE_S, FILE_CAP_S))
    not_before_s: float = 0.0
    restarts: int = 0
    event_resent: bool = False


class FileDelivery:
    """Sends the outbox's attachments, one request for each `step`.

    Raises LinkError when a request got no reply, OutboxError when the outbox cannot write.
    """

    def __init__(self, outbox: Outbox, client: IngestClient, clock: Clock) -> None:
        self._outbox = outbox
        self._client = client
        self._clock = clock
        self._patience: dict[int, _Patience] = {}
        self._remember_limit = REMEMBERED
        self._clip: PendingAttachment | None = None
        self._offset: int | None = None
        self._chunk_bytes = CHUNK_START_BYTES
        self._full = Backoff(FILE_BASE_S, FILE_CAP_S)
        self._full_until_s = clock.mono_s()
        self.sent = dict.fromkeys(AttachmentKind, 0)
        self.clip_bytes_sent = 0
        self.failures = 0
        self.fault: str | None = None

    def link_broke(self) -> None:
        """How much the server has of the clip must be asked again, and the next chunk is smaller.

        A link that breaks more often than it carries a chunk would else never carry any.
        """
        self._offset = None
        self._chunk_bytes = max(CHUNK_MIN_BYTES, self._chunk_bytes // 2)

    def step(self) -> tuple[Step, Reply | None]:
        """Send the most worthy file, or the next chunk of the clip that is under way."""
        now_s = self._clock.mono_s()
        if now_s < self._full_until_s:
            return Step.IDLE, None
        if len(self._patience) > self._remember_limit:
            self._forget_the_gone()
        waiting = [key for key, patience in self._patience.items() if now_s < patience.not_before_s]
        attachment = self._outbox.next_attachment(excluding=waiting)
        if attachment is None:
            self._clip = None
            return Step.IDLE, None
        if attachment.kind is AttachmentKind.THUMBNAIL:
            return self._attempt(self._send_thumbnail, attachment)
        under_way = self._clip
        if under_way is None or under_way.attachment_id in waiting or not under_way.path.exists():
            under_way = attachment
        if under_way != self._clip:
            # A clip once begun is finished first, even if a more worthy one comes: half a clip helps nobody.
            self._clip, self._offset = under_way, None
        return self._attempt(self._send_clip, under_way)

    def _attempt(
        self, send: Callable[[PendingAttachment], tuple[Step, Reply | None]], attachment: PendingAttachment
    ) -> tuple[Step, Reply | None]:
        try:
            return send(attachment)
        except FileNotFoundError:
            return self._lost(attachment, DeletionReason.MISSING_FILE)
        except OSError as error:
            # It may pass (too many open files) or not (a bad sector); neither may hold up anything else.
            patience = self._patience_with(attachment)
            patience.restarts += 1
            if patience.restarts > MAX_RESTARTS:
                return self._lost(attachment, DeletionReason.UNREADABLE)
            return self._put_off(attachment, f"cannot read the file: {error.strerror}")

    def _send_thumbnail(self, thumbnail: PendingAttachment) -> tuple[Step, Reply | None]:
        reply = self._client.put_thumbnail(thumbnail.event_id, thumbnail.path.read_bytes())
        return self._done(thumbnail, reply) if reply.verdict is Verdict.DONE else self._not_done(thumbnail, reply)

    def _send_clip(self, clip: PendingAttachment) -> tuple[Step, Reply | None]:
        if clip.clip_id is None:  # pragma: no cover - Attachment has seen to it
            raise AssertionError(f"attachment {clip.attachment_id} is a clip without a clip_id")
        if self._offset is None:
            reply = self._client.clip_state(clip.clip_id)
            return self._after_progress(clip, reply)
        left_bytes = clip.size_bytes - self._offset
        chunk = read_chunk(clip.path, self._offset, min(self._chunk_bytes, left_bytes))
        if not chunk and left_bytes:
            return self._lost(clip, DeletionReason.DIGEST_MISMATCH)  # the file is shorter than it was
        started_s = self._clock.mono_s()
        # With nothing left, an empty chunk asks a server that was cut off before it checked the hash to do so now.
        reply = self._client.patch_clip(clip.clip_id, self._offset, chunk)
        if reply.status == 409 and _is_better(reply.offset, self._offset, clip):
            self._offset = reply.offset  # the server knows better how much has arrived
            return Step.PUT_OFF, reply
        if reply.verdict is Verdict.DONE:
            self._adapt_chunk(len(chunk), self._clock.mono_s() - started_s)
            self.clip_bytes_sent += len(chunk)
            if not reply.complete and (reply.offset or 0) <= self._offset:
                return self._put_off(clip, _NO_PROGRESS)  # nothing gained: something in between answers for the server
        return self._after_progress(clip, reply)

    def _after_progress(self, clip: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        if reply.verdict is not Verdict.DONE:
            return self._not_done(clip, reply)
        if reply.complete:
            return self._done(clip, reply)
        if reply.offset is None or reply.offset > clip.size_bytes:
            return self._put_off(clip, _NO_PROGRESS)
        self._offset = reply.offset
        return Step.MOVED, reply

    def _adapt_chunk(self, sent_bytes: int, took_s: float) -> None:
        fitting = sent_bytes / max(took_s, 1e-3) * CHUNK_TARGET_S
        self._chunk_bytes = int(min(max(fitting, CHUNK_MIN_BYTES), CHUNK_MAX_BYTES, 2 * self._chunk_bytes))

    def _done(self, attachment: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        self._outbox.mark_attachment_sent(attachment.attachment_id)
        self.sent[attachment.kind] += 1
        self.fault = None
        self._full.reset()
        self._forget(attachment)
        return Step.MOVED, reply

    def _not_done(self, attachment: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        self._offset = None
        self.failures += 1
        self.fault = reply.reason
        if reply.verdict is Verdict.UNAUTHORISED or reply.status in _WHOLE_LINK:
            return Step.STOP, reply
        if reply.status == 507:
            self._full_until_s = self._clock.mono_s() + self._full.after_failure(reply.retry_after_s)
            return Step.PUT_OFF, reply
        if reply.verdict is Verdict.RETRY or reply.status == 409:
            return self._put_off(attachment, reply.reason, reply.retry_after_s)
        if reply.kind == ErrorKind.DIGEST_MISMATCH:
            return self._after_digest_mismatch(attachment, reply)
        patience = self._patience_with(attachment)
        if reply.status == 404 and not patience.event_resent:
            # The server does not know the event that it once accepted: it was restored from a backup. Tell it again.
            patience.event_resent = True
            self._outbox.resend_event(attachment.attachment_id)
            return Step.PUT_OFF, reply
        self._park(attachment, reply.reason)
        return Step.PUT_OFF, reply

    def _after_digest_mismatch(self, attachment: PendingAttachment, reply: Reply) -> tuple[Step, Reply | None]:
        if _sha256_of(attachment.path) != attachment.sha256:
            return self._lost(attachment, DeletionReason.DIGEST_MISMATCH)
        patience = self._patience_with(attachment)
        patience.restarts += 1
        if patience.restarts > MAX_RESTARTS:
            self._park(attachment, f"arrived damaged {patience.restarts} times, though sound here: {reply.reason}")
            return Step.PUT_OFF, reply
        return self._put_off(attachment, reply.reason, reply.retry_after_s)

    def _put_off(
        self, attachment: PendingAttachment, reason: str, at_least_s: float = 0.0
    ) -> tuple[Step, Reply | None]:
        patience = self._patience_with(attachment)
        patience.not_before_s = self._clock.mono_s() + patience.backoff.after_failure(at_least_s)
        self._clip = None
        self.fault = reason
        _log.warning("file_put_off", kind=attachment.kind.value, reason=reason)
        return Step.PUT_OFF, None

    def _park(self, attachment: PendingAttachment, reason: str) -> None:
        self._outbox.park_attachment(attachment.attachment_id, reason)
        self._forget(attachment)
        _log.error("file_refused", kind=attachment.kind.value, event_id=str(attachment.event_id), reason=reason)

    def _lost(self, attachment: PendingAttachment, reason: DeletionReason) -> tuple[Step, Reply | None]:
        self._outbox.drop_attachment(attachment.attachment_id, reason)
        self._forget(attachment)
        _log.error("file_lost", kind=attachment.kind.value, event_id=str(attachment.event_id), reason=reason.value)
        return Step.PUT_OFF, None

    def _patience_with(self, attachment: PendingAttachment) -> _Patience:
        return self._patience.setdefault(attachment.attachment_id, _Patience())

    def _forget_the_gone(self) -> None:
        """Keep no memory of files that the quota took, so that what is remembered is bounded by what is pending."""
        pending = self._outbox.pending_attachment_ids()
        self._patience = {key: patience for key, patience in self._patience.items() if key in pending}
        self._remember_limit = max(REMEMBERED, 2 * len(self._patience))

    def _forget(self, attachment: PendingAttachment) -> None:
        self._patience.pop(attachment.attachment_id, None)
        if attachment.kind is AttachmentKind.CLIP:
            self._clip, self._offset = None, None


def _is_better(offset: int | None, ours: int, clip: PendingAttachment) -> bool:
    return offset is not None and offset != ours and offset <= clip.size_bytes


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
