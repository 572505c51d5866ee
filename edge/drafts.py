"""Events on their way into the outbox: kept in order and in memory while the disk will not take them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from contract.event import Event, EventData
from edge.outbox import Attachment, OutboxFullError

MAX_WAITING = 2000
"""Drafts kept while the disk is full: a day of a busy box, and some tens of megabytes at the most."""

_log = structlog.get_logger(__name__)


class Committer(Protocol):
    """What a queue of drafts needs of the outbox."""

    def commit(self, build: Callable[[int], EventData], attachments: Sequence[Attachment] = ()) -> Event:
        """Make an event durable. Raises OutboxFullError when the disk has no room."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that lacks only its device sequence number, which the outbox gives when it commits."""

    build: Callable[[int], EventData]
    attachments: tuple[Attachment, ...] = ()


class DraftQueue:
    """Commits drafts in the order in which they came; safe to use from several threads.

    A full disk keeps them waiting and the worker watching: nothing is lost unless the disk stays full until the queue
    is full as well, and then the loss is logged and counted in `lost`.
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
                self._waiting.popleft()
                self.lost += 1
                _log.error("event lost: the disk is full and so is the queue", waiting=MAX_WAITING, lost=self.lost)
            self._waiting.append(draft)
            self._flush()

    def flush(self) -> int:
        """Try again; returns how many still wait."""
        with self._lock:
            self._flush()
            return len(self._waiting)

    def _flush(self) -> None:
        while self._waiting:
            draft = self._waiting[0]
            try:
                event = self._outbox.commit(draft.build, draft.attachments)
            except OutboxFullError as full:
                _log.warning("event waits: the disk is full", waiting=len(self._waiting), detail=full.detail)
                return
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
