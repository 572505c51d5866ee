"""The outbox: commit events, give out what to send next, mark what the server accepted, stay under the quota."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import structlog

from contract.clock import Clock
from contract.errors import ErrorKind
from contract.event import Event, EventData
from edge.outbox.database import OutboxDatabase, as_outbox_error
from edge.outbox.files import ProcessLock, sync_file
from edge.outbox.ledger import clip_fault_of
from edge.outbox.records import (
    Attachment,
    AttachmentKind,
    Deletion,
    DeletionReason,
    OpenSignal,
    OutboxError,
    OutboxFullError,
    OutboxStats,
    ParkedItem,
    PendingAttachment,
    PendingEvent,
)
from edge.outbox.recovery import Recovery
from edge.outbox.sequence import SequenceFile

KEEP_SENT_S = 72 * 3600.0
KEEP_FREE_BYTES = 64 << 20

_log = structlog.get_logger(__name__)


class Outbox:
    """Events and their files: on disk before `commit` returns, and kept until the server has them.

    One per device. Safe to use from several threads: one lock serialises them, and no call waits for the network.
    The files that belong to events lie in the folder of `path`, beside the database.

    quota_bytes: the most that database and files may take together. keep_sent_s: how long files stay after the server
    has them. keep_free_bytes: files are also deleted while the disk has less free space than this. `work` is set
    whenever there may be something new to send; the sender clears it. `recovery`: what was salvaged when the database
    had to be rebuilt, else None.

    Raises OutboxError for a file of another program, one that another worker has open or one that cannot be opened, and
    OSError when the folder cannot be written. Every method raises OutboxError when the disk or the database fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        quota_bytes: int,
        clock: Clock,
        new_id: Callable[[], UUID],
        keep_sent_s: float = KEEP_SENT_S,
        keep_free_bytes: int = KEEP_FREE_BYTES,
    ) -> None:
        if quota_bytes < 1:
            raise ValueError(f"quota_bytes must be at least 1, got {quota_bytes}")
        self._path = path.absolute()
        self._root = self._path.parent.resolve()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)  # its files show people
        self._quota_bytes = quota_bytes
        self._keep_sent_s = keep_sent_s
        self._keep_free_bytes = keep_free_bytes
        self._clock = clock
        self._new_id = new_id
        self._lock = threading.RLock()  # a `build` that calls the outbox gets an error, not a deadlock
        self._sidecar = SequenceFile(self._path.with_suffix(".sequence"))
        self.work = threading.Event()
        self._process_lock = ProcessLock(self._path.with_suffix(".lock"))
        self.recovery: Recovery | None
        try:
            self._database, self.recovery = OutboxDatabase.open(self._path, self._sidecar, clock)
        except BaseException:
            self._process_lock.release()
            raise
        self._ledger = self._database.ledger

    def close(self) -> None:
        """Close the database and release the lock on the folder. The outbox cannot be used afterwards."""
        with self._lock:
            self._database.close()
            self._process_lock.release()

    # ---- writing ---------------------------------------------------------------------------------------------------

    def commit(self, build: Callable[[int], EventData], attachments: Sequence[Attachment] = ()) -> Event:
        """Store an event with its files and return it; from then on it survives kill -9 and power loss.

        `build` receives the device sequence number and returns the data with that number; it runs inside the
        transaction and must not call the outbox. When `build` or the commit fails, the next commit uses the number.

        Raises OutboxFullError when the disk has no room, OutboxError when the disk refuses to write or an attachment's
        file has another size than announced; nothing is stored then, and the caller may try again.
        """
        files = [self._settled_path(attachment) for attachment in attachments]
        with self._lock:
            self._make_room(sum(attachment.size_bytes for attachment in attachments))
            with self._database.transaction():
                event = self._append(build)
                self._ledger.update_signal(event)
                for attachment, relative in zip(attachments, files, strict=True):
                    self._ledger.insert_attachment(event, attachment, relative)
        self.work.set()
        return event

    def mark_event_sent(self, sequence: int) -> None:
        """Record that the server accepted the event; its attachments can be sent from now on."""
        with self._lock, self._database.transaction():
            self._ledger.mark("events", sequence, "sent", at_s=self._now_s())

    def mark_attachment_sent(self, attachment_id: int) -> None:
        """Record that the server has the whole file. It stays on disk until retention or quota deletes it."""
        with self._lock, self._database.transaction():
            self._ledger.mark("attachments", attachment_id, "sent", at_s=self._now_s())

    def park_event(self, sequence: int, reason: str) -> None:
        """Set aside an event that the server refused for good: it stays visible and no longer blocks later events."""
        with self._lock, self._database.transaction():
            self._ledger.mark("events", sequence, "parked", reason=reason)

    def park_attachment(self, attachment_id: int, reason: str) -> None:
        """Set aside a file that the server refused for good: it stays on disk and visible."""
        with self._lock, self._database.transaction():
            self._ledger.mark("attachments", attachment_id, "parked", reason=reason)

    def resend_event(self, attachment_id: int) -> None:
        """Make the attachment's event pending again, because the server no longer knows it."""
        with self._lock, self._database.transaction():
            self._ledger.resend_event(attachment_id)
        self.work.set()

    def retry_parked(self) -> int:
        """Make everything parked pending again, at a start or on an operator's request; returns how many there were."""
        with self._lock, self._database.transaction():
            count = self._ledger.unpark()
        self.work.set()
        return count

    def drop_attachment(self, attachment_id: int, reason: DeletionReason) -> None:
        """Give up a file that cannot be sent: record its deletion and, for a clip, commit an event with its fault."""
        with self._lock:
            with self._database.transaction():
                unlinked = self._delete_attachments([attachment_id], reason)
            self._unlink(unlinked)
        self.work.set()

    def tidy(self) -> None:
        """Apply retention and quota. The sender calls it once a minute; `commit` applies the quota by itself."""
        with self._lock:
            before_s = self._now_s() - self._keep_sent_s
            with self._database.transaction():
                expired = self._ledger.expired_attachments(before_s)
                unlinked = self._delete_attachments(expired, DeletionReason.RETENTION)
                self._ledger.forget_old(before_s)
            self._unlink(unlinked)
            self._make_room(0)

    def sweep_orphans(self, folder: Path) -> int:
        """Delete files under `folder` that no event refers to: those that a crash left between writing and commit.

        Only for the start of the worker, before anything writes there. Returns how many were found.
        """
        if not folder.is_dir():
            return 0
        with self._reading():
            known = self._ledger.known_paths()
        orphans = [path for path in folder.resolve().rglob("*") if path.is_file() and self._relative(path) not in known]
        self._unlink(orphans)
        return len(orphans)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def next_event(self) -> PendingEvent | None:
        """The oldest event that the server has not accepted."""
        with self._reading():
            return self._ledger.next_event()

    def next_attachment(self, *, excluding: Collection[int] = ()) -> PendingAttachment | None:
        """The next file to send, of an accepted event: thumbnails before clips, then most severe, then newest."""
        with self._reading():
            return self._ledger.next_attachment(self._root, excluding)

    def pending_attachment_ids(self) -> set[int]:
        """The attachment ids of all files that the server does not have and has not refused."""
        with self._reading():
            return self._ledger.pending_attachment_ids()

    def open_signals(self) -> list[OpenSignal]:
        """Signals that an earlier run left without an end, or whose clip it left unsettled; for the worker's start."""
        with self._reading():
            return self._ledger.open_signals()

    def stats(self) -> OutboxStats:
        """Counts and bytes, for metrics, status and heartbeat."""
        with self._reading():
            return self._ledger.stats(self._used_bytes(), self._quota_bytes)

    def deletions(self, limit: int = 1000) -> list[Deletion]:
        """The newest recorded deletions, newest first."""
        with self._reading():
            return self._ledger.deletions(limit)

    def parked(self, limit: int = 1000) -> list[ParkedItem]:
        """Events and files that the server refused, with its reason; oldest first."""
        with self._reading():
            return self._ledger.parked(limit)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _append(self, build: Callable[[int], EventData]) -> Event:
        sequence = self._ledger.last_sequence() + 1
        data = build(sequence)
        if data.device_sequence != sequence:
            raise ValueError(f"the event must carry device_sequence {sequence}, got {data.device_sequence}")
        event = Event.wrap(self._new_id(), data)
        self._sidecar.write(sequence)
        self._ledger.insert_event(event, self._now_s())
        return event

    def _make_room(self, extra_bytes: int) -> None:
        """Delete in quota order until `extra_bytes` more fit into the quota and the disk has `keep_free_bytes` left."""
        if max(self._excess_bytes(extra_bytes), self._shortage_bytes()) <= 0:
            return
        self._database.compact()
        while True:
            over_quota = self._excess_bytes(extra_bytes)
            attachments = self._database.quota.attachment_victims(max(over_quota, self._shortage_bytes()))
            # When other programs fill the disk, delete attachments only: events are small and must not be lost.
            events = [] if attachments else self._database.quota.event_victims(over_quota)
            if not attachments and not events:
                return
            self._delete_for_quota(attachments, events)
            self._database.compact()
            _log.warning("outbox_over_quota", attachments=len(attachments), events=len(events), over_bytes=over_quota)

    def _delete_for_quota(self, attachments: list[int], events: list[int]) -> None:
        try:
            with self._database.transaction():
                unlinked = self._delete_attachments(attachments, DeletionReason.QUOTA)
                for sequence in events:
                    self._ledger.delete_event(sequence, DeletionReason.QUOTA, self._now_s())
        except OutboxFullError:
            # Not even the record of a deletion fits. Unlink the files that the server has, so that it fits next time.
            self._unlink([self._root / path for path in self._ledger.sent_paths()])
            raise
        self._unlink(unlinked)

    def _excess_bytes(self, extra_bytes: int) -> int:
        return self._used_bytes() + extra_bytes - self._quota_bytes

    def _shortage_bytes(self) -> int:
        return self._keep_free_bytes - shutil.disk_usage(self._root).free

    def _delete_attachments(self, attachment_ids: Sequence[int], reason: DeletionReason) -> list[Path]:
        """Delete the rows and append an event with a clip fault for each clip that was not sent; returns the files."""
        paths = []
        for attachment_id in attachment_ids:
            gone = self._ledger.delete_attachment(attachment_id, reason, self._now_s())
            if gone is None:
                continue
            paths.append(self._root / gone.path)
            if gone.kind is AttachmentKind.CLIP and not gone.sent:
                for body in gone.bodies:
                    self._append(clip_fault_of(body, reason))
        return paths

    def _settled_path(self, attachment: Attachment) -> str:
        """Check the file's size, flush it, and return its path relative to the outbox's folder."""
        path = attachment.path if attachment.path.is_absolute() else self._root / attachment.path
        relative = self._relative(path.resolve())
        try:
            size_bytes = path.stat().st_size
            if size_bytes != attachment.size_bytes:
                raise OutboxError(
                    ErrorKind.BAD_INPUT,
                    f"{relative} should have {attachment.size_bytes} bytes as announced, it has {size_bytes}",
                )
            sync_file(path)
        except OSError as error:
            raise as_outbox_error(error) from error
        return relative

    def _relative(self, path: Path) -> str:
        if not path.is_relative_to(self._root):
            raise OutboxError(ErrorKind.BAD_INPUT, f"files of the outbox lie in {self._root}, got {path}")
        return str(path.relative_to(self._root))

    def _unlink(self, paths: Sequence[Path]) -> None:
        """Remove files whose rows are deleted. One that cannot be removed is swept as an orphan at the next start."""
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("outbox_file_not_removed", file=path.name, error=error.strerror)

    def _used_bytes(self) -> int:
        own = sum(part.stat().st_size for part in self._root.glob(f"{self._path.name}*") if part.is_file())
        return own + self._ledger.attachment_bytes()

    def _now_s(self) -> float:
        return self._clock.utc().timestamp()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, self._database.reading():
            yield
