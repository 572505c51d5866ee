"""Events on their way into the outbox: kept in order and in memory while the disk will not take them."""

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
"""Drafts kept while the disk is full: a day of a busy box, and some tens of megabytes at the most."""

RETRY_S = 0.5
"""How often a worker that stops tries again."""

_log = structlog.get_logger(__name__)


class Committer(Protocol):
    """What a queue of drafts needs of the outbox."""

    def commit(self, build: Callable[[int], EventData], attachments: Sequence[Attachment] = ()) -> Event:
        """Make an event durable. Raises OutboxError (OutboxFullError when the disk has no room)."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that lacks only its device sequence number, which the outbox gives when it commits."""

    build: Callable[[int], EventData]
    attachments: tuple[Attachment, ...] = ()


class DraftQueue:
    """Commits drafts in the order in which they came; safe to use from several threads.

    A disk that is full or refuses keeps them waiting and the worker watching: nothing is lost unless that lasts until
    the queue is full as well or the worker stops, and then the loss is logged and counted in `lost`. An event whose
    file has gone in the meantime is committed without it; one that cannot be made at all is a defect, logged whole and
    counted too, because it would hold up all that come after.
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
                self._lose(self._waiting.popleft(), "the disk is full and so is the queue")
            self._waiting.append(draft)
            self._flush()

    def flush(self) -> int:
        """Try again; returns how many still wait."""
        with self._lock:
            self._flush()
            return len(self._waiting)

    def close(self, within_s: float, clock: Clock, pause: Callable[[float], None] = time.sleep) -> int:
        """Try for so long to commit what waits, then give it up: each is logged with its identity and counted.

        For a worker that stops: what waits is in memory only. Returns how many were given up.
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

    def _lose(self, draft: Draft, why: str) -> None:
        """Log and count an event that is gone: which it was, though it never got its number."""
        self.lost += 1
        try:
            data = draft.build(1)
        except ValueError:
            _log.exception("event lost", why=why, lost=self.lost)
            return
        _log.error(
            "event lost",
            why=why,
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
                _log.warning("event waits: the disk refuses it", waiting=len(self._waiting), detail=error.detail)
                return
            except ValueError:
                self._waiting.popleft()
                self.lost += 1
                _log.exception("event lost: it cannot be made", lost=self.lost)
                continue
            self._waiting.popleft()
            data = event.data
            _log.info(
                "event",
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
        """Take files that are not there any more off the first draft; false if that is not what is wrong."""
        if isinstance(error, OutboxFullError):
            return False
        left = tuple(attachment for attachment in draft.attachments if _is_whole(attachment))
        if len(left) == len(draft.attachments):
            return False
        _log.error("file of an event lost", files=len(draft.attachments) - len(left), detail=error.detail)
        self._waiting[0] = Draft(draft.build, left)
        return True


def _is_whole(attachment: Attachment) -> bool:
    try:
        return attachment.path.stat().st_size == attachment.size_bytes
    except FileNotFoundError:
        return False
    except OSError:
        return True  # nobody can tell: it may come back
