"""The sender: one thread that works off the outbox, most worthy first, and never gives up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from contract.clock import Clock
from contract.heartbeat import Heartbeat
from edge.outbox import AttachmentKind, Outbox, OutboxError, PendingEvent
from edge.sender.client import IngestClient, LinkError, Reply, Verdict
from edge.sender.files import FileDelivery, Step
from edge.sender.verdicts import VerdictInbox
from edge.system.backoff import Backoff

LINK_BASE_S, LINK_CAP_S = 1.0, 60.0
AUTH_BASE_S, AUTH_CAP_S = 30.0, 900.0
IDLE_S = 1.0
"""Longest wait without looking at the stop flag and the clock."""
TIDY_EVERY_S = 60.0
POISON_FAILURES = 12
"""An event to which the server has answered 500 so often, while it takes heartbeats, is not the link's fault."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """What the sender did since its start.

    `fault` says why nothing moves, `file_fault` why a thumbnail or clip was not taken the last time; None when all is
    well. Neither carries a credential.
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
    """Delivers events in order, then thumbnails, then clips, and a heartbeat now and then.

    `run` works until told to stop; `run_once` takes one step (one request, one chunk of a clip), so that an event never
    waits for a clip longer than for one chunk. Nothing is marked done before the server said so. After a failure of the
    link everything waits; after a failure of one file only that file does.
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
        self._poison: tuple[int, int] = (0, 0)  # sequence of the event at the head, and how often 500 was the answer
        self._events_sent = 0
        self._failures = 0
        self._fault: str | None = None
        self._last_success_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set (call `wake` then, to be heard at once).

        What the server refused for good gets another chance now: a start is when somebody has changed something.
        """
        self._retry_parked()
        while not stop.is_set():
            self._outbox.work.clear()  # before looking, so that what is committed while looking is not missed
            try:
                wait_s = self.run_once()
            except Exception:  # noqa: BLE001 - the last line of defence: a bug in one step must not end all delivery
                _log.exception("sender_step_failed")
                wait_s = self._hold_back("internal error, see the log", self._link.after_failure())
            if wait_s > 0.0:
                self._outbox.work.wait(min(wait_s, IDLE_S))

    def _retry_parked(self) -> None:
        try:
            self._outbox.retry_parked()
        except OutboxError as error:
            _log.warning("parked_items_left_alone", error=error.detail)

    def wake(self) -> None:
        """Let `run` look around now."""
        self._outbox.work.set()

    def run_once(self) -> float:
        """Take the next step; returns how many seconds nothing can be done (0: call again at once)."""
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
        """What happened so far; for metrics and for `kentongan-edge status`."""
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
        # A long backlog must not make the server believe that the device is gone: every other heartbeat comes first.
        if event is not None and now_s < self._heartbeat_due_s + self._heartbeat_s:
            return self._send_event(event)
        if now_s >= self._heartbeat_due_s:
            return self._send_heartbeat()
        if self._verdicts is not None and self._verdicts.is_due(now_s):
            return self._ask_for_verdicts(self._verdicts)
        if now_s >= self._tidy_due_s:
            self._tidy_due_s = now_s + TIDY_EVERY_S
            self._outbox.tidy()
        step, reply = self._files.step()
        if step is Step.IDLE:
            return min(IDLE_S, self._heartbeat_due_s - now_s)
        if reply is not None and step is Step.STOP:
            return self._after_refusal_of_link(reply)
        if reply is not None and step is Step.MOVED:
            self._succeeded()
        return 0.0

    def _send_event(self, event: PendingEvent) -> float:
        reply = self._client.post_event(event.event_id, event.body)
        if reply.verdict is Verdict.DONE:
            self._outbox.mark_event_sent(event.sequence)
            self._events_sent += 1
            self._succeeded()
            return 0.0
        if reply.verdict is Verdict.REFUSED or self._is_poison(event, reply):
            self._outbox.park_event(event.sequence, reply.reason)
            self._failures += 1
            _log.error("event_refused", event_id=str(event.event_id), reason=reply.reason)
            return 0.0
        return self._after_refusal_of_link(reply)

    def _is_poison(self, event: PendingEvent, reply: Reply) -> bool:
        if reply.status != 500:
            return False
        sequence, failures = self._poison
        failures = failures + 1 if sequence == event.sequence else 1
        self._poison = (event.sequence, failures)
        return failures >= POISON_FAILURES and self._client.post_heartbeat(self._heartbeat()).verdict is Verdict.DONE

    def _send_heartbeat(self) -> float:
        """Best effort: the next one says all that a lost one said. Yet it also finds out that the link is back."""
        self._heartbeat_due_s = self._clock.mono_s() + self._heartbeat_s
        reply = self._client.post_heartbeat(self._heartbeat())
        if reply.verdict is Verdict.DONE:
            self._succeeded()
            return 0.0
        if reply.verdict is Verdict.REFUSED:
            self._failures += 1
            _log.error("heartbeat_refused", reason=reply.reason)
            return 0.0
        return self._after_refusal_of_link(reply)

    def _ask_for_verdicts(self, verdicts: VerdictInbox) -> float:
        """Best effort, never a reason to hold events back: a server that has none to give takes events all the same."""
        if verdicts.ask(self._client).verdict is Verdict.DONE:
            self._succeeded()
        return 0.0

    def _after_refusal_of_link(self, reply: Reply) -> float:
        if reply.verdict is Verdict.UNAUTHORISED:
            detail = f"the server does not accept this device: {reply.reason}"
            return self._hold_back(detail, self._auth.after_failure(reply.retry_after_s))
        return self._hold_back(
            f"the server is not ready: {reply.reason}", self._link.after_failure(reply.retry_after_s)
        )

    def _hold_back(self, fault: str, wait_s: float) -> float:
        self._failures += 1
        if fault != self._fault:
            _log.warning("delivery_held_back", fault=fault, wait_s=round(wait_s, 1))
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
