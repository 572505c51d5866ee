"""Events on their way into the outbox: kept in memory, in order, while the disk refuses them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from contract.clock import Clock
from contract.event import Event, EventData
from edge.outbox import Attachment, OutboxError, OutboxFullError

MAX_WAITING = 2000
"""Drafts kept while the disk is full: a day's events of a busy device, some tens of megabytes at most."""

RETRY_S = 0.5
"""Seconds between two attempts while a worker stops."""

_log = structlog.get_logger(__name__)


class Committer(Protocol):
    """What a queue of drafts needs of the outbox."""

    def commit(self, build: Callable[[int], EventData], attachments: Sequence[Attachment] = ()) -> Event:
        """Store an event. Raises OutboxError (OutboxFullError when the disk has no room)."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """An event without its device sequence number, which the outbox assigns when it commits."""

    build: Callable[[int], EventData]
    attachments: tuple[Attachment, ...] = ()


class DraftQueue:
    """Commits drafts in the order in which they were submitted; safe to use from several threads.

    While the disk is full or refuses, drafts wait and analysis continues. Events are lost only when the queue is full
    as well, or when the worker stops; each loss is logged and counted in `lost`. An event whose file has disappeared is
    committed without it. An event that cannot be built is a defect: it is logged with its traceback, counted in `lost`
    and skipped, because it would block all later events.
    """

    def __init__(self, outbox: Committer) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._waiting: deque[Draft] = deque()
        self.lost = 0

    def submit(self, draft: Draft) -> None:
        """Queue the draft and commit what can be committed."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._lose(self._waiting.popleft(), "the disk and the queue are full")
            self._waiting.append(draft)
            self._flush()

    def flush(self) -> int:
        """Commit what can be committed; returns how many drafts still wait."""
        with self._lock:
            self._flush()
            return len(self._waiting)

    def close(self, within_s: float, clock: Clock, pause: Callable[[float], None] = time.sleep) -> int:
        """Retry for up to `within_s` seconds, then give up what still waits: each event is logged and counted as lost.

        For a worker that stops, since waiting drafts are in memory only. Returns how many were given up.
        """
        deadline_mono_s = clock.mono_s() + within_s
        while self.flush() and clock.mono_s() < deadline_mono_s:
            pause(RETRY_S)
        with self._lock:
            given_up = list(self._waiting)
            self._waiting.clear()
            for draft in given_up:
                self._lose(draft, "the worker stopped while the disk refused it")
        return len(given_up)

    def _lose(self, draft: Draft, reason: str) -> None:
        """Count and log an event that is given up, with all that identifies it but a sequence number."""
        self.lost += 1
        try:
            data = draft.build(1)
        except ValueError:
            _log.exception("event_lost", reason=reason, lost=self.lost)
            return
        _log.error(
            "event_lost",
            reason=reason,
            signal_id=str(data.signal_id),
            camera=data.camera_id,
            zone=data.zone_id,
            rule=data.rule.value,
            phase=data.phase.value,
            captured_at=data.captured_at.isoformat(),
            files=len(draft.attachments),
            lost=self.lost,
        )

    def _flush(self) -> None:
        while self._waiting:
            draft = self._waiting[0]
            try:
                event = self._outbox.commit(draft.build, draft.attachments)
            except OutboxError as error:
                if self._without_lost_files(draft, error):
                    continue
                _log.warning("event_waits", error=error.detail, waiting=len(self._waiting))
                return
            except ValueError:
                self._waiting.popleft()
                self.lost += 1
                _log.exception("event_lost", reason="the event cannot be built", lost=self.lost)
                continue
            self._waiting.popleft()
            data = event.data
            _log.info(
                "event_committed",
                event_id=str(event.id),
                sequence=data.device_sequence,
                camera=data.camera_id,
                zone=data.zone_id,
                rule=data.rule.value,
                phase=data.phase.value,
                clip=None if data.clip is None else str(data.clip.clip_id),
                clip_fault=data.clip_fault,
            )

    def _without_lost_files(self, draft: Draft, error: OutboxError) -> bool:
        """Remove missing files from the first draft; false if none is missing, so that the error has another cause."""
        if isinstance(error, OutboxFullError):
            return False
        left = tuple(attachment for attachment in draft.attachments if _is_whole(attachment))
        if len(left) == len(draft.attachments):
            return False
        _log.error("event_files_lost", error=error.detail, files=len(draft.attachments) - len(left))
        self._waiting[0] = Draft(draft.build, left)
        return True


def _is_whole(attachment: Attachment) -> bool:
    try:
        return attachment.path.stat().st_size == attachment.size_bytes
    except FileNotFoundError:
        return False
    except OSError:
        return True  # unknown: the disk may answer again
