"""The clip recorder: one thread that cuts clips from the cameras' rings, once the seconds after a trigger are recorded.

Signals with overlapping seconds share a clip: while an order is open, a new one for the same camera prolongs it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import structlog

from contract.clock import Clock, Instant
from contract.event import ClipReference
from edge.capture.packet_ring import PacketRing
from edge.clips.cutting import ClipFault
from edge.clips.writer import write_clip
from edge.config.device import RING_MARGIN_S, ClipConfig
from edge.decode.masks import PrivacyMask

GRACE_S = 5.0
"""How long a clip waits for late packets, of a slow network or a lost camera, before it is cut without them."""

MAX_SHARED_S = 40.0
"""Longest shared clip. An operator waits for the whole clip even for its first signal: with 10 s before and after a
trigger at most 20 s longer."""

BACKLOG_S = 5.0
"""How late a frame may be analysed while its clip still contains all seconds before the trigger."""

_POLL_S = 0.2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """The requested seconds of a camera around `trigger`, the moment when the rule fired."""

    clip_id: UUID
    camera_id: str
    trigger: Instant
    before_s: float
    after_s: float
    destination: Path

    @property
    def starts_mono_s(self) -> float:
        return self.trigger.mono_s - self.before_s

    @property
    def ends_mono_s(self) -> float:
        return self.trigger.mono_s + self.after_s


@dataclass(frozen=True, slots=True)
class ClipOutcome:
    """The result of an order: `clip`, or the `fault` as a sentence."""

    order: ClipOrder
    clip: ClipReference | None
    fault: str | None


def longest_clip_s(config: ClipConfig) -> float:
    """Longest clip in seconds: at least one signal's clip, at most what the ring holds."""
    return max(config.before_s + config.after_s, min(MAX_SHARED_S, config.ring_s - RING_MARGIN_S))


def ring_for(config: ClipConfig, *, analysed_apart: bool = False) -> PacketRing:
    """A ring for clips: at rest it keeps the seconds before a trigger, and more only for open orders.

    analysed_apart: another stream of the camera is analysed. Its groups of pictures may be longer, so triggers may be
        older than in a stream that is analysed itself.
    """
    rest_s = config.before_s + BACKLOG_S + (RING_MARGIN_S if analysed_apart else 0.0)
    return PacketRing(config.ring_s, config.ring_bytes, min(config.ring_s, rest_s))


class ClipRecorder:
    """Accepts orders from any thread, cuts in its own thread, and returns results through `outcomes`."""

    def __init__(
        self,
        rings: Mapping[str, PacketRing],
        masks: Mapping[str, PrivacyMask | None],
        clock: Clock,
        *,
        longest_s: float = MAX_SHARED_S,
    ) -> None:
        """`longest_s`: longest shared clip in seconds."""
        self._rings = rings
        self._masks = masks
        self._clock = clock
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._orders: dict[UUID, ClipOrder] = {}
        self._cutting: list[ClipOrder] = []
        self._undelivered: list[ClipOrder] = []
        self._outcomes: queue.SimpleQueue[ClipOutcome] = queue.SimpleQueue()

    def order(self, wanted: ClipOrder) -> ClipOrder:
        """Order a clip. Returns the order that will deliver it: `wanted`, or an open one prolonged to include it.

        The clip of a shared order is cut around the first order's trigger.
        """
        with self._lock:
            for known in self._orders.values():
                if self._can_share(known, wanted):
                    ends_mono_s = max(known.ends_mono_s, wanted.ends_mono_s)
                    shared = replace(known, after_s=ends_mono_s - known.trigger.mono_s)
                    self._orders[known.clip_id] = shared
                    return shared
            self._orders[wanted.clip_id] = wanted
            self._hold(wanted.camera_id)
            return wanted

    def outcomes(self) -> Iterable[ClipOutcome]:
        """The outcomes since the last call, oldest first.

        Until the next one is requested, the ring keeps the packets of the clip: a signal that shared it may need
        another.
        """
        while True:
            try:
                outcome = self._outcomes.get_nowait()
            except queue.Empty:
                return
            try:
                yield outcome
            finally:
                with self._lock:
                    self._undelivered.remove(outcome.order)
                    self._hold(outcome.order.camera_id)

    @property
    def waiting(self) -> int:
        """Orders not cut yet."""
        with self._lock:
            return len(self._orders) + len(self._cutting)

    def run(self, stop: threading.Event) -> None:
        """Cut due orders until `stop` is set, then cut the rest from what the rings hold."""
        while not stop.wait(_POLL_S):
            self.cut_due()
        self.cut_due(at_once=True)

    def cut_due(self, *, at_once: bool = False) -> None:
        """Cut every order whose last second is recorded or overdue; with `at_once`, every order."""
        with self._lock:
            due = [order for order in self._orders.values() if at_once or self._is_due(order)]
            for order in due:  # from here on no order can join them
                del self._orders[order.clip_id]
            self._cutting = list(due)
        for order in due:
            outcome = self._cut(order)
            with self._lock:
                self._cutting.remove(order)
                self._undelivered.append(order)
            self._outcomes.put(outcome)

    def _hold(self, camera_id: str) -> None:
        """Let the camera's ring keep the packets of its orders until their outcomes are taken."""
        held = (*self._orders.values(), *self._cutting, *self._undelivered)
        wanted = [order.starts_mono_s for order in held if order.camera_id == camera_id]
        self._rings[camera_id].hold(min(wanted, default=None))

    def _can_share(self, known: ClipOrder, wanted: ClipOrder) -> bool:
        return (
            known.camera_id == wanted.camera_id
            and known.starts_mono_s <= wanted.starts_mono_s <= known.ends_mono_s
            and wanted.ends_mono_s - known.starts_mono_s <= self._longest_s
        )

    def _is_due(self, order: ClipOrder) -> bool:
        ends_mono_s = order.ends_mono_s
        newest_mono_s = self._rings[order.camera_id].newest_mono_s
        recorded = newest_mono_s is not None and newest_mono_s >= ends_mono_s
        return recorded or self._clock.mono_s() >= ends_mono_s + GRACE_S

    def _cut(self, order: ClipOrder) -> ClipOutcome:
        ring = self._rings[order.camera_id]
        try:
            packets = ring.between(order.starts_mono_s, order.ends_mono_s)
            clip = write_clip(
                packets,
                clip_id=order.clip_id,
                trigger=order.trigger,
                destination=order.destination,
                mask=self._masks[order.camera_id],
            )
        except ClipFault as fault:
            _log.warning("clip_not_made", camera=order.camera_id, clip_id=str(order.clip_id), reason=str(fault))
            return ClipOutcome(order, None, str(fault))
        except Exception as error:  # noqa: BLE001 - a defect in one clip costs that clip alone; logged with its traceback
            _log.exception("clip_failed", camera=order.camera_id, clip_id=str(order.clip_id))
            return ClipOutcome(order, None, f"the clip could not be written: {type(error).__name__}")
        return ClipOutcome(order, clip, None)
