"""The camera's own clock, as its RTCP sender reports tell it, weighed against the box's. See docs/design/time.md."""

from __future__ import annotations

from datetime import UTC, datetime

from contract.clock import Instant
from edge.timestamps import UNSEEN_DELAY_S

EXPLAINED_MAX_S = 2.0
"""A picture may be under way for so long (a slow encoder, a radio link); a report from earlier is a clock's error."""
SENT_WITHIN_S = 0.05
"""A report this close to the arrival or later was stamped when the picture was sent: it tells nothing new."""
REPORTED_DOUBT_S = 0.2
"""0.1 s for a clock that is set over the local network now and then (SNTP), 0.1 s for stamping after exposure."""
CLOCK_WRONG_S = 10.0
"""From here on the camera's clock is simply not set, and no witness against the box's."""


class ReportedClock:
    """One session's relation of ticks to the camera's clock, as of its newest sender report."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None

    def observe(self, pts_s: float, reported_utc_s: float | None) -> None:
        """Learn when the camera says that the picture with these ticks was taken, in seconds since 1970."""
        if reported_utc_s is not None:
            self._utc_at_zero_s = reported_utc_s - pts_s

    def offset_s(self, pts_s: float, arrived: Instant) -> float | None:
        """Seconds by which the camera says later than the box; None without a report.

        arrived: the capture time of the same picture by its arrival. The way from the camera makes the offset of two
        clocks that agree slightly negative.
        """
        if self._utc_at_zero_s is None:
            return None
        return (datetime.fromtimestamp(self._utc_at_zero_s + pts_s, UTC) - arrived.utc).total_seconds()


def weighed(arrived: Instant, offset_s: float | None) -> Instant:
    """The moment of capture by both witnesses: the arrival on the box's clocks, and the camera's report.

    The box's clock rules, since it is one for all cameras. The report is taken where it only tells what the box cannot
    see, the time under way; where the clocks part a little, the uncertainty covers both; where they part by more than
    `CLOCK_WRONG_S`, the camera is not listened to. `mono_s` never changes.
    """
    if offset_s is None or abs(offset_s) > CLOCK_WRONG_S:
        return arrived
    unexplained_s = max(0.0, offset_s, -offset_s - UNSEEN_DELAY_S)
    if -EXPLAINED_MAX_S <= offset_s <= -SENT_WITHIN_S:
        # A camera that agrees with the box also settles the doubt about a step of the box's clock.
        return Instant(arrived.mono_s, arrived.shifted(offset_s).utc, REPORTED_DOUBT_S + unexplained_s)
    return Instant(arrived.mono_s, arrived.utc, arrived.uncertainty_s + unexplained_s)
