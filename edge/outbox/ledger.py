"""The outbox's SQL statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from contract.event import Event, EventData, Phase
from edge.outbox.records import (
    Attachment,
    AttachmentKind,
    Deletion,
    DeletionReason,
    OpenSignal,
    OutboxStats,
    ParkedItem,
    PendingAttachment,
    PendingEvent,
)

KEPT_DELETIONS = 10_000
SHARED_CLIP_EVENTS = 100
"""How many events from the one that brought a clip on are searched for other signals that name the same clip."""

_KEYS = {"events": "sequence", "attachments": "attachment_id"}


@dataclass(frozen=True, slots=True)
class DeletedAttachment:
    """A deleted attachment.

    `path`: relative to the outbox's folder. `bodies`: for a thumbnail its event's JSON, for a clip the JSON of each
    signal's first event that names it.
    """

    kind: AttachmentKind
    path: str
    sent: bool
    bodies: tuple[bytes, ...]


class Ledger:
    """Each method runs one statement or a few, inside the caller's lock and transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def last_sequence(self) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = 'last_sequence'").fetchone()[0])

    def insert_event(self, event: Event, at_s: float) -> None:
        """Add the event and store its sequence number as the last one used."""
        data, body = event.data, event.to_json()
        self._connection.execute(
            "INSERT INTO events (sequence, event_id, severity, committed_at, body) VALUES (?, ?, ?, ?, ?)",
            (data.device_sequence, str(event.id), data.severity.rank, at_s, body),
        )
        self._connection.execute("UPDATE meta SET value = ? WHERE name = 'last_sequence'", (data.device_sequence,))

    def update_signal(self, event: Event) -> None:
        """Store the signal's newest event; delete the row once the signal has ended and its clip is settled."""
        data, body = event.data, event.to_json()
        key = str(data.signal_id)
        earlier = self._connection.execute(
            "SELECT ended, clip_settled, body FROM signals WHERE signal_id = ?", (key,)
        ).fetchone()
        ended = data.phase is Phase.ENDED
        settled = data.clip_id is None or data.clip is not None or data.clip_fault is not None
        if earlier is not None:
            ended = ended or bool(earlier[0])
            same_clip = Event.model_validate_json(earlier[2]).data.clip_id == data.clip_id
            settled = settled or (same_clip and bool(earlier[1]))
        if ended and settled:
            self._connection.execute("DELETE FROM signals WHERE signal_id = ?", (key,))
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO signals (signal_id, sequence, body, ended, clip_settled) VALUES (?, ?, ?, ?, ?)",
            (key, data.device_sequence, body, ended, settled),
        )

    def insert_attachment(self, event: Event, attachment: Attachment, path: str) -> None:
        """Add the file to its event. A clip that an earlier event brought is not added again."""
        self._connection.execute(
            "INSERT INTO attachments (sequence, kind, clip_id, path, sha256, size_bytes, severity) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (clip_id) DO NOTHING",
            (
                event.data.device_sequence,
                attachment.kind.value,
                None if attachment.clip_id is None else str(attachment.clip_id),
                path,
                attachment.sha256,
                attachment.size_bytes,
                event.data.severity.rank,
            ),
        )

    def mark(
        self,
        table: Literal["events", "attachments"],
        key: int,
        state: Literal["sent", "parked"],
        *,
        at_s: float | None = None,
        reason: str | None = None,
    ) -> None:
        self._connection.execute(
            f"UPDATE {table} SET state = ?, sent_at = ?, reason = ? WHERE {_KEYS[table]} = ?",  # noqa: S608 - own names
            (state, at_s, reason, key),
        )

    def resend_event(self, attachment_id: int) -> None:
        self._connection.execute(
            "UPDATE events SET state = 'pending', sent_at = NULL "
            "WHERE sequence = (SELECT sequence FROM attachments WHERE attachment_id = ?)",
            (attachment_id,),
        )

    def unpark(self) -> int:
        return sum(
            self._connection.execute(
                f"UPDATE {table} SET state = 'pending', reason = NULL WHERE state = 'parked'"  # noqa: S608 - own names
            ).rowcount
            for table in _KEYS
        )

    def next_event(self) -> PendingEvent | None:
        row = self._connection.execute(
            "SELECT sequence, event_id, body FROM events WHERE state = 'pending' ORDER BY sequence LIMIT 1"
        ).fetchone()
        return None if row is None else PendingEvent(row[0], UUID(row[1]), row[2])

    def next_attachment(self, root: Path, excluding: Collection[int]) -> PendingAttachment | None:
        """Query each kind on its own, so that the index gives the first row without sorting all that are pending."""
        marks = ", ".join("?" * len(excluding))
        query = (
            "SELECT a.attachment_id, e.event_id, a.clip_id, a.path, a.sha256, a.size_bytes "  # noqa: S608 - marks only
            "FROM attachments AS a JOIN events AS e USING (sequence) "
            f"WHERE a.state = 'pending' AND a.kind = ? AND e.state = 'sent' AND a.attachment_id NOT IN ({marks}) "
            "ORDER BY a.severity DESC, a.sequence DESC LIMIT 1"
        )
        for kind in (AttachmentKind.THUMBNAIL, AttachmentKind.CLIP):
            row = self._connection.execute(query, (kind.value, *excluding)).fetchone()
            if row is not None:
                attachment_id, event_id, clip_id, path, sha256, size_bytes = row
                return PendingAttachment(
                    attachment_id, kind, UUID(event_id), _uuid(clip_id), root / path, sha256, size_bytes
                )
        return None

    def pending_attachment_ids(self) -> set[int]:
        return {
            int(key)
            for (key,) in self._connection.execute("SELECT attachment_id FROM attachments WHERE state = 'pending'")
        }

    def open_signals(self) -> list[OpenSignal]:
        rows = self._connection.execute("SELECT body, ended, clip_settled FROM signals ORDER BY sequence").fetchall()
        return [
            OpenSignal(Event.model_validate_json(body), bool(ended), bool(settled)) for body, ended, settled in rows
        ]

    def known_paths(self) -> set[str]:
        return {str(path) for (path,) in self._connection.execute("SELECT path FROM attachments")}

    def sent_paths(self) -> list[str]:
        return [str(path) for (path,) in self._connection.execute("SELECT path FROM attachments WHERE state = 'sent'")]

    def attachment_bytes(self) -> int:
        return int(self._connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM attachments").fetchone()[0])

    def expired_attachments(self, before_s: float) -> list[int]:
        return [
            int(key)
            for (key,) in self._connection.execute(
                "SELECT attachment_id FROM attachments WHERE state = 'sent' AND sent_at < ?", (before_s,)
            )
        ]

    def forget_old(self, before_s: float) -> None:
        """Delete events sent before `before_s` that have no files left, and all but the newest recorded deletions."""
        self._connection.execute(
            "DELETE FROM events WHERE state = 'sent' AND sent_at < ? "
            "AND NOT EXISTS (SELECT 1 FROM attachments AS a WHERE a.sequence = events.sequence)",
            (before_s,),
        )
        self._connection.execute(
            "DELETE FROM deletions WHERE deletion_id <= (SELECT max(deletion_id) FROM deletions) - ?", (KEPT_DELETIONS,)
        )

    def delete_attachment(self, attachment_id: int, reason: DeletionReason, at_s: float) -> DeletedAttachment | None:
        """Delete the row and record the deletion; None if there is no such row."""
        row = self._connection.execute(
            "SELECT a.kind, a.clip_id, a.path, a.size_bytes, a.state, e.event_id, e.body, a.sequence "
            "FROM attachments AS a JOIN events AS e USING (sequence) WHERE a.attachment_id = ?",
            (attachment_id,),
        ).fetchone()
        if row is None:
            return None
        kind, clip_id, path, size_bytes, state, event_id, body, sequence = row
        sent = state == "sent"
        bodies = (body,) if clip_id is None else self._bodies_naming_clip(clip_id, sequence)
        self._connection.execute("DELETE FROM attachments WHERE attachment_id = ?", (attachment_id,))
        self._record_deletion((at_s, kind, event_id, clip_id, size_bytes, sent, reason.value))
        return DeletedAttachment(AttachmentKind(kind), path, sent, bodies)

    def _bodies_naming_clip(self, clip_id: str, sequence: int) -> tuple[bytes, ...]:
        """The first event of each signal that names the clip, from the event that brought the file on.

        The recorder commits these events directly after each other, so that searching SHARED_CLIP_EVENTS rows suffices.
        """
        rows = self._connection.execute(
            "SELECT body FROM (SELECT sequence, body FROM events WHERE sequence >= ? ORDER BY sequence LIMIT ?) "
            "WHERE instr(CAST(body AS TEXT), ?) ORDER BY sequence",
            (sequence, SHARED_CLIP_EVENTS, clip_id),
        ).fetchall()
        naming: dict[UUID, bytes] = {}
        for (body,) in rows:
            data = Event.model_validate_json(body).data
            if data.clip is not None and str(data.clip.clip_id) == clip_id:
                naming.setdefault(data.signal_id, body)
        return tuple(naming.values())

    def delete_event(self, sequence: int, reason: DeletionReason, at_s: float) -> None:
        event_id, size_bytes, state = self._connection.execute(
            "SELECT event_id, length(body), state FROM events WHERE sequence = ?", (sequence,)
        ).fetchone()
        self._connection.execute("DELETE FROM events WHERE sequence = ?", (sequence,))
        self._record_deletion((at_s, "event", event_id, None, size_bytes, state == "sent", reason.value))

    def _record_deletion(self, row: tuple[float, str, str, str | None, int, bool, str]) -> None:
        self._connection.execute(
            "INSERT INTO deletions (deleted_at, kind, event_id, clip_id, size_bytes, sent, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        if not row[5]:
            self._connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'deleted_unsent'")

    def deletions(self, limit: int) -> list[Deletion]:
        rows = self._connection.execute(
            "SELECT deleted_at, kind, event_id, clip_id, size_bytes, sent, reason FROM deletions "
            "ORDER BY deletion_id DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [
            Deletion(_utc(at_s), kind, UUID(event_id), _uuid(clip_id), size_bytes, bool(sent), reason)
            for at_s, kind, event_id, clip_id, size_bytes, sent, reason in rows
        ]

    def parked(self, limit: int) -> list[ParkedItem]:
        rows = self._connection.execute(
            "SELECT 'event', event_id, NULL, reason, sequence FROM events WHERE state = 'parked' UNION ALL "
            "SELECT a.kind, e.event_id, a.clip_id, a.reason, a.sequence "
            "FROM attachments AS a JOIN events AS e USING (sequence) WHERE a.state = 'parked' ORDER BY 5 LIMIT ?",
            (limit,),
        ).fetchall()
        return [ParkedItem(kind, UUID(event_id), _uuid(clip_id), reason) for kind, event_id, clip_id, reason, _ in rows]

    def stats(self, used_bytes: int, quota_bytes: int) -> OutboxStats:
        pending, oldest_s, parked_events = self._connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'pending'), min(committed_at) FILTER (WHERE state = 'pending'), "
            "count(*) FILTER (WHERE state = 'parked') FROM events"
        ).fetchone()
        thumbnails, clips, parked_files = self._connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'pending' AND kind = 'thumbnail'), "
            "count(*) FILTER (WHERE state = 'pending' AND kind = 'clip'), "
            "count(*) FILTER (WHERE state = 'parked') FROM attachments"
        ).fetchone()
        deleted_unsent = self._connection.execute("SELECT value FROM meta WHERE name = 'deleted_unsent'").fetchone()[0]
        return OutboxStats(
            pending_events=pending,
            pending_thumbnails=thumbnails,
            pending_clips=clips,
            parked=parked_events + parked_files,
            used_bytes=used_bytes,
            quota_bytes=quota_bytes,
            last_sequence=self.last_sequence(),
            oldest_pending_at=None if oldest_s is None else _utc(oldest_s),
            deleted_unsent=deleted_unsent,
        )


def clip_fault_of(body: bytes, reason: DeletionReason) -> Callable[[int], EventData]:
    """A `build` for `Outbox.commit` that repeats an event with the clip's reference replaced by a fault.

    The event has phase `continues` and no reasons, even when the signal has ended, so that neither its end nor its last
    reasons change.
    """
    data = Event.model_validate_json(body).data

    def build(sequence: int) -> EventData:
        fault = f"deleted on the device before it was sent: {reason.value}"
        changed = {"phase": Phase.CONTINUES, "reasons": (), "clip": None, "clip_fault": fault}
        return EventData.model_validate(data.model_dump() | changed | {"device_sequence": sequence})

    return build


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
