"""Ending the signals that an earlier run of the worker left open when it crashed or was killed."""

from __future__ import annotations

from collections.abc import Callable

from contract.clock import Clock
from contract.event import EventData, Phase
from contract.reasons import Reason
from edge.events.drafts import Draft, DraftQueue
from edge.outbox import OpenSignal, Outbox

CLIP_NOT_SEALED = "the worker stopped before the clip was sealed"
MAX_UNCERTAINTY_S = 86_400.0


def end_interrupted(outbox: Outbox, drafts: DraftQueue, clock: Clock) -> None:
    """Submit the last event of every signal that is still open in the outbox.

    Nobody observes these signals any more, and the ring with their clips' packets is lost. Raises OutboxError.
    """
    for left in outbox.open_signals():
        drafts.submit(Draft(_last_event(left, clock)))


def _last_event(left: OpenSignal, clock: Clock) -> Callable[[int], EventData]:
    data = left.latest.data
    if left.ended:
        # Only the clip is settled: a second `ended` event would move the signal's end.
        fault = {"phase": Phase.CONTINUES, "clip_fault": CLIP_NOT_SEALED}
        return lambda sequence: EventData.model_validate(data.model_dump() | fault | {"device_sequence": sequence})
    now = clock.utc()
    changes = {
        "phase": Phase.ENDED,
        "reasons": (Reason(code="worker_restarted"),),
        "captured_at": now,
        # The signal ended at some time since its last event; the uncertainty covers that time.
        "time_uncertainty_s": min(MAX_UNCERTAINTY_S, max(0.0, (now - data.captured_at).total_seconds())),
        "tracks": (),
        "clip_fault": data.clip_fault if left.clip_settled else CLIP_NOT_SEALED,
    }
    return lambda sequence: EventData.model_validate(data.model_dump() | changes | {"device_sequence": sequence})
