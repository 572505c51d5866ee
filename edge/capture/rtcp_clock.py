"""Compares the camera's clock, from its RTCP sender reports, with the device's. See docs/design/time.md."""

from __future__ import annotations

from datetime import UTC, datetime

from contract.clock import Instant
from edge.capture.timestamps import UNSEEN_DELAY_S

EXPLAINED_MAX_S = 2.0
"""Longest plausible time from capture to arrival (a slow encoder, a radio link). An older report is a clock error."""
SENT_WITHIN_S = 0.05
"""A report less than this before the arrival was stamped when the frame was sent, so it says nothing about capture."""
REPORTED_DOUBT_S = 0.2
"""Uncertainty of a report: 0.1 s for a clock set over the local network (SNTP), 0.1 s for stamping after exposure."""
HYSTERESIS_S = 0.1
"""Hysteresis on both limits: a report in use stays in use this far beyond them, so that `utc` does not jump."""
CLOCK_WRONG_S = 10.0
"""An offset above this means that the camera's clock was never set: its reports are ignored."""


class ReportedClock:
    """Maps one session's ticks to the camera's clock, according to the newest sender report."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None
        self._is_taken = False

    def observe(self, pts_s: float, reported_utc_s: float | None) -> None:
        """Take in the camera's capture time of the frame at `pts_s`, in seconds since 1970; None: not reported."""
        if reported_utc_s is not None:
            self._utc_at_zero_s = reported_utc_s - pts_s

    def capture_time(self, pts_s: float, arrived: Instant) -> tuple[Instant, float | None]:
        """Return the capture time, and by how many seconds the camera's clock is ahead of the device's.

        arrived: the capture time estimated from the arrival. The offset is None without a report. Delay on the way
        from the camera makes the offset slightly negative for two clocks that agree.
        """
        if self._utc_at_zero_s is None:
            return arrived, None
        reported = datetime.fromtimestamp(self._utc_at_zero_s + pts_s, UTC)
        offset_s = (reported - arrived.utc).total_seconds()
        beyond_s = HYSTERESIS_S if self._is_taken else 0.0
        self._is_taken = -EXPLAINED_MAX_S - beyond_s <= offset_s <= beyond_s - SENT_WITHIN_S
        return _weighed(arrived, offset_s, is_taken=self._is_taken), offset_s


def _weighed(arrived: Instant, offset_s: float, *, is_taken: bool) -> Instant:
    """Combine the arrival on the device's clocks with the camera's report into one capture time.

    The device's clock takes precedence, because all cameras share it. A report is used if it only adds the time that
    the frame was under way, which the device cannot measure. If the clocks differ a little, the uncertainty covers
    both; if they differ by more than `CLOCK_WRONG_S`, the report is ignored. `mono_s` never changes.
    """
    if abs(offset_s) > CLOCK_WRONG_S:
        return arrived
    unexplained_s = max(0.0, offset_s, -offset_s - UNSEEN_DELAY_S)
    if is_taken:
        # A camera that agrees with the device also removes the doubt about a step of the device's clock.
        return Instant(arrived.mono_s, arrived.shifted(offset_s).utc, REPORTED_DOUBT_S + unexplained_s)
    return Instant(arrived.mono_s, arrived.utc, arrived.uncertainty_s + unexplained_s)
