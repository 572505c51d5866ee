"""An ordered shutdown: named steps, one after the other, each with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShutdownStep:
    """One step of a shutdown.

    name: what the log calls it. limit_s: how many seconds the shutdown waits for it, > 0. action: called once.
    """

    name: str
    limit_s: float
    action: Callable[[], object]

    def __post_init__(self) -> None:
        if not self.limit_s > 0.0:
            raise ValueError(f"the limit of step {self.name!r} must be above 0 seconds, got {self.limit_s}")


def shut_down(steps: Sequence[ShutdownStep]) -> tuple[str, ...]:
    """Run the steps in their order; return the names of those that failed or exceeded their limit.

    A step that fails is logged with its traceback and does not stop the next one. A step that exceeds its limit is
    logged and left behind: each step runs in a daemon thread, which ends with the process at the latest. Until then
    it may run beside the later steps, so that no step may rely on an earlier one having finished.
    """
    return tuple(step.name for step in steps if not _completed(step))


def _completed(step: ShutdownStep) -> bool:
    succeeded = threading.Event()
    thread = threading.Thread(target=_run, args=(step, succeeded), name=f"shutdown {step.name}", daemon=True)
    thread.start()
    thread.join(step.limit_s)
    if thread.is_alive():
        _log.error("shutdown_step_timed_out", step=step.name, limit_s=step.limit_s)
        return False
    return succeeded.is_set()


def _run(step: ShutdownStep, succeeded: threading.Event) -> None:
    try:
        step.action()
    except Exception:  # noqa: BLE001 - one step must not stop the next; the log has it with its traceback
        _log.exception("shutdown_step_failed", step=step.name)
    else:
        succeeded.set()
