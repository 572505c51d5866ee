"""The clip desk: one thread that cuts clips out of the cameras' rings once the seconds after the trigger are in."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

from contract.clock import Clock, Instant
from contract.event import ClipReference
from edge.clips import ClipFault, PacketRing, write_clip
from edge.masks import PrivacyMask

GRACE_S = 5.0
"""How long a clip waits for packets that should have come before it is cut without them: a camera that is late by its
network, and the end of one that was lost."""

_POLL_S = 0.2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """Which seconds of which camera are wanted, around the moment `trigger` when the rule fired."""

    clip_id: UUID
    camera_id: str
    trigger: Instant
    before_s: float
    after_s: float
    destination: Path


@dataclass(frozen=True, slots=True)
class ClipOutcome:
    """What became of an order: `clip` or, when there is none, the `fault` in words."""

    order: ClipOrder
    clip: ClipReference | None
    fault: str | None


class ClipDesk:
    """Takes orders from any thread, cuts in its own, and hands outcomes back through `outcomes`."""

    def __init__(self, rings: Mapping[str, PacketRing], masks: Mapping[str, PrivacyMask | None], clock: Clock) -> None:
        self._rings = rings
        self._masks = masks
        self._clock = clock
        self._lock = threading.Lock()
        self._orders: list[ClipOrder] = []
        self._outcomes: queue.SimpleQueue[ClipOutcome] = queue.SimpleQueue()

    def order(self, order: ClipOrder) -> None:
        """Ask for a clip."""
        with self._lock:
            self._orders.append(order)

    def outcomes(self) -> Iterable[ClipOutcome]:
        """The outcomes since the last call, in the order in which they came about."""
        while True:
            try:
                yield self._outcomes.get_nowait()
            except queue.Empty:
                return

    @property
    def waiting(self) -> int:
        """Orders not cut yet."""
        with self._lock:
            return len(self._orders)

    def run(self, stop: threading.Event) -> None:
        """Cut what is due until told to stop; then cut the rest with what the rings hold."""
        while not stop.wait(_POLL_S):
            self.cut_due()
        self.cut_due(at_once=True)

    def cut_due(self, *, at_once: bool = False) -> None:
        """Cut every order whose last second has been recorded or will not come; `at_once`: every order."""
        with self._lock:
            due = [order for order in self._orders if at_once or self._is_due(order)]
        for order in due:
            outcome = self._cut(order)
            with self._lock:
                self._orders.remove(order)
            self._outcomes.put(outcome)

    def _is_due(self, order: ClipOrder) -> bool:
        ends_mono_s = order.trigger.mono_s + order.after_s
        newest_mono_s = self._rings[order.camera_id].newest_mono_s
        recorded = newest_mono_s is not None and newest_mono_s >= ends_mono_s
        return recorded or self._clock.mono_s() >= ends_mono_s + GRACE_S

    def _cut(self, order: ClipOrder) -> ClipOutcome:
        trigger_mono_s = order.trigger.mono_s
        ring = self._rings[order.camera_id]
        try:
            packets = ring.between(trigger_mono_s - order.before_s, trigger_mono_s + order.after_s)
            clip = write_clip(
                packets,
                clip_id=order.clip_id,
                trigger=order.trigger,
                destination=order.destination,
                mask=self._masks[order.camera_id],
            )
        except ClipFault as fault:
            _log.warning("no clip", camera=order.camera_id, clip_id=str(order.clip_id), fault=str(fault))
            return ClipOutcome(order, None, str(fault))
        except Exception as error:  # noqa: BLE001 - a defect in one clip must cost that clip, not the desk; it is logged whole
            _log.exception("clip failed", camera=order.camera_id, clip_id=str(order.clip_id))
            return ClipOutcome(order, None, f"the clip could not be written: {type(error).__name__}")
        return ClipOutcome(order, clip, None)
