"""The sender: one thread that delivers the outbox's events and files, and retries until the server has them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from contract.clock import Clock
from contract.heartbeat import Heartbeat
from edge.outbox import AttachmentKind, Outbox, OutboxError, PendingEvent
from edge.sender.client import DeliveryOutcome, IngestClient, LinkError, Reply
from edge.sender.files import FileDelivery, Step
from edge.sender.verdicts import VerdictInbox
from edge.system.backoff import Backoff

LINK_BASE_S, LINK_CAP_S = 1.0, 60.0
AUTH_BASE_S, AUTH_CAP_S = 30.0, 900.0
IDLE_S = 1.0
"""Longest wait between two checks of the stop flag and the clock."""
TIDY_EVERY_S = 60.0
POISON_FAILURES = 12
"""An event is parked after this many replies of 500, if the server accepts a heartbeat at that time."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """What the sender did since its start.

    `fault`: why all delivery is held back. `file_fault`: why the last thumbnail or clip was not delivered. None without
    a fault; neither carries a credential.
    """

    events_sent: int
    thumbnails_sent: int
    clips_sent: int
    clip_bytes_sent: int
    failures: int
    fault: str | None
    file_fault: str | None
    last_success_at: datetime | None


class Sender:
    """Delivers events in order, then thumbnails, then clips, and heartbeats at their interval.

    `run` works until its stop event is set; `run_once` takes one step (one request, one chunk of a clip), so that an
    event waits for at most one chunk of a clip. Nothing is marked as sent before the server confirmed it. A failure of
    the link delays everything; a failure of one file delays only that file.
    """

    def __init__(
        self,
        outbox: Outbox,
        client: IngestClient,
        heartbeat: Callable[[], Heartbeat],
        *,
        clock: Clock,
        heartbeat_s: float = 30.0,
        verdicts: VerdictInbox | None = None,
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._heartbeat = heartbeat
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._verdicts = verdicts
        self._files = FileDelivery(outbox, client, clock)
        self._link = Backoff(LINK_BASE_S, LINK_CAP_S)
        self._auth = Backoff(AUTH_BASE_S, AUTH_CAP_S)
        self._not_before_s = clock.mono_s()
        self._heartbeat_due_s = clock.mono_s()
        self._tidy_due_s = clock.mono_s()
        self._poison: tuple[int, int] = (0, 0)  # sequence of the oldest event, and how often the reply was 500
        self._events_sent = 0
        self._failures = 0
        self._fault: str | None = None
        self._last_success_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; call `wake` after setting it, so that the thread stops at once.

        First retries what the server refused for good: a restart often follows a changed configuration.
        """
        self._retry_parked()
        while not stop.is_set():
            self._outbox.work.clear()  # before the step, so that an event committed during the step is not missed
            try:
                wait_s = self.run_once()
            except Exception:  # noqa: BLE001 - a defect in one step must not end all delivery; logged and shown as fault
                _log.exception("sender_step_failed")
                wait_s = self._hold_back("internal error, see the log", self._link.after_failure())
            if wait_s > 0.0:
                self._outbox.work.wait(min(wait_s, IDLE_S))

    def _retry_parked(self) -> None:
        try:
            self._outbox.retry_parked()
        except OutboxError as error:
            _log.warning("parked_items_not_retried", error=error.detail)

    def wake(self) -> None:
        """Make `run` take its next step now."""
        self._outbox.work.set()

    def run_once(self) -> float:
        """Take the next step; returns how many seconds to wait before the next one (0: call again at once)."""
        now_s = self._clock.mono_s()
        if now_s < self._not_before_s:
            return self._not_before_s - now_s
        try:
            return self._step(now_s)
        except LinkError as error:
            self._files.link_broke()
            return self._hold_back(f"no connection: {error}", self._link.after_failure())
        except OutboxError as error:
            return self._hold_back(error.detail, self._link.after_failure())

    def status(self) -> SenderStatus:
        """Counts and faults so far, for metrics and for `kentongan-edge status`."""
        return SenderStatus(
            events_sent=self._events_sent,
            thumbnails_sent=self._files.sent[AttachmentKind.THUMBNAIL],
            clips_sent=self._files.sent[AttachmentKind.CLIP],
            clip_bytes_sent=self._files.clip_bytes_sent,
            failures=self._failures + self._files.failures,
            fault=self._fault,
            file_fault=self._files.fault,
            last_success_at=self._last_success_at,
        )

    def _step(self, now_s: float) -> float:
        event = self._outbox.next_event()
        # Send events first, but during a long backlog a heartbeat every second interval: without any, the server would
        # report the device as lost.
        if event is not None and now_s < self._heartbeat_due_s + self._heartbeat_s:
            return self._send_event(event)
        if now_s >= self._heartbeat_due_s:
            return self._send_heartbeat()
        if self._verdicts is not None and self._verdicts.is_due(now_s):
            return self._fetch_verdicts(self._verdicts)
        if now_s >= self._tidy_due_s:
            self._tidy_due_s = now_s + TIDY_EVERY_S
            self._outbox.tidy()
        step, reply = self._files.step()
        if step is Step.IDLE:
            return min(IDLE_S, self._heartbeat_due_s - now_s)
        if reply is not None and step is Step.LINK_REFUSED:
            return self._after_refusal_of_link(reply)
        if reply is not None and step is Step.PROGRESS:
            self._succeeded()
        return 0.0

    def _send_event(self, event: PendingEvent) -> float:
        reply = self._client.post_event(event.event_id, event.body)
        if reply.outcome is DeliveryOutcome.DELIVERED:
            self._outbox.mark_event_sent(event.sequence)
            self._events_sent += 1
            self._succeeded()
            return 0.0
        if reply.outcome is DeliveryOutcome.REFUSED or self._is_poison(event, reply):
            self._outbox.park_event(event.sequence, reply.reason)
            self._failures += 1
            _log.error("event_refused", event_id=str(event.event_id), reason=reply.reason)
            return 0.0
        return self._after_refusal_of_link(reply)

    def _is_poison(self, event: PendingEvent, reply: Reply) -> bool:
        """Whether the event itself makes the server fail: many replies of 500, while the server accepts a heartbeat."""
        if reply.status != 500:
            return False
        sequence, failures = self._poison
        failures = failures + 1 if sequence == event.sequence else 1
        self._poison = (event.sequence, failures)
        if failures < POISON_FAILURES:
            return False
        return self._client.post_heartbeat(self._heartbeat()).outcome is DeliveryOutcome.DELIVERED

    def _send_heartbeat(self) -> float:
        """Best effort, since the next heartbeat replaces a lost one; a delivery shows that the link works again."""
        self._heartbeat_due_s = self._clock.mono_s() + self._heartbeat_s
        reply = self._client.post_heartbeat(self._heartbeat())
        if reply.outcome is DeliveryOutcome.DELIVERED:
            self._succeeded()
            return 0.0
        if reply.outcome is DeliveryOutcome.REFUSED:
            self._failures += 1
            _log.error("heartbeat_refused", reason=reply.reason)
            return 0.0
        return self._after_refusal_of_link(reply)

    def _fetch_verdicts(self, verdicts: VerdictInbox) -> float:
        """Best effort; a failure never holds events back, since a server without verdicts still accepts events."""
        if verdicts.fetch(self._client).outcome is DeliveryOutcome.DELIVERED:
            self._succeeded()
        return 0.0

    def _after_refusal_of_link(self, reply: Reply) -> float:
        if reply.outcome is DeliveryOutcome.UNAUTHORISED:
            detail = f"the server does not accept this device: {reply.reason}"
            return self._hold_back(detail, self._auth.after_failure(reply.retry_after_s))
        return self._hold_back(
            f"the server is not ready: {reply.reason}", self._link.after_failure(reply.retry_after_s)
        )

    def _hold_back(self, fault: str, wait_s: float) -> float:
        self._failures += 1
        if fault != self._fault:
            _log.warning("delivery_held_back", reason=fault, wait_s=round(wait_s, 1))
        self._fault = fault
        self._not_before_s = self._clock.mono_s() + wait_s
        return wait_s

    def _succeeded(self) -> None:
        if self._fault is not None:
            _log.info("delivery_resumed")
        self._link.reset()
        self._auth.reset()
        self._fault = None
        self._last_success_at = self._clock.utc()
