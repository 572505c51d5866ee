"""Jobs that a loop runs at most once per interval, on a clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable

from contract.clock import Clock


class Periodic:
    """A job that the caller's loop runs when its interval has passed. Use it from one thread.

    The interval starts at the beginning of a run. A loop that comes late runs the job once, never several times to
    catch up, and counts the next interval from then.
    """

    def __init__(
        self, interval_s: float, job: Callable[[], object], clock: Clock, *, first_after_s: float = 0.0
    ) -> None:
        """`interval_s`: seconds between runs, > 0. `first_after_s`: seconds until the first run is due, >= 0.

        Raises ValueError for an interval or a first delay outside its range.
        """
        if not interval_s > 0.0:
            raise ValueError(f"interval_s must be above 0 seconds, got {interval_s}")
        if not first_after_s >= 0.0:
            raise ValueError(f"first_after_s must be at least 0 seconds, got {first_after_s}")
        self._interval_s = interval_s
        self._job = job
        self._clock = clock
        self._due_mono_s = clock.mono_s() + first_after_s

    @property
    def is_due(self) -> bool:
        """Whether the next `run_if_due` runs the job."""
        return self._clock.mono_s() >= self._due_mono_s

    def run_if_due(self) -> bool:
        """Run the job if it is due; true if it ran.

        An exception of the job reaches the caller. The next run is then due after the usual interval, so that a job
        that always fails does not keep the loop busy.
        """
        now_mono_s = self._clock.mono_s()
        if now_mono_s < self._due_mono_s:
            return False
        self._due_mono_s = now_mono_s + self._interval_s
        self._job()
        return True
