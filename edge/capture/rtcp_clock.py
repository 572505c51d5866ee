"""The camera's own clock, as its RTCP sender reports tell it, weighed against the box's. See docs/design/time.md."""

from __future__ import annotations

from datetime import UTC, datetime

from contract.clock import Instant
from edge.capture.timestamps import UNSEEN_DELAY_S

EXPLAINED_MAX_S = 2.0
"""A picture may be under way for so long (a slow encoder, a radio link); a report from earlier is a clock's error."""
SENT_WITHIN_S = 0.05
"""A report this close to the arrival or later was stamped when the picture was sent: it tells nothing new."""
REPORTED_DOUBT_S = 0.2
"""0.1 s for a clock that is set over the local network now and then (SNTP), 0.1 s for stamping after exposure."""
STAYING_S = 0.1
"""A report that is taken goes on being taken this far beyond the two limits, so that `utc` does not jump to and fro."""
CLOCK_WRONG_S = 10.0
"""From here on the camera's clock is simply not set, and no witness against the box's."""


class ReportedClock:
    """One session's relation of ticks to the camera's clock, as of its newest sender report."""

    def __init__(self) -> None:
        self._utc_at_zero_s: float | None = None
        self._is_taken = False

    def observe(self, pts_s: float, reported_utc_s: float | None) -> None:
        """Learn when the camera says that the picture with these ticks was taken, in seconds since 1970."""
        if reported_utc_s is not None:
            self._utc_at_zero_s = reported_utc_s - pts_s

    def capture_time(self, pts_s: float, arrived: Instant) -> tuple[Instant, float | None]:
        """When a picture was taken by both witnesses, and by how many seconds the camera says later than the box.

        arrived: the same by its arrival. The way from the camera makes the offset of two clocks that agree slightly
        negative; it is None without a report.
        """
        if self._utc_at_zero_s is None:
            return arrived, None
        reported = datetime.fromtimestamp(self._utc_at_zero_s + pts_s, UTC)
        offset_s = (reported - arrived.utc).total_seconds()
        beyond_s = STAYING_S if self._is_taken else 0.0
        self._is_taken = -EXPLAINED_MAX_S - beyond_s <= offset_s <= beyond_s - SENT_WITHIN_S
        return _weighed(arrived, offset_s, is_taken=self._is_taken), offset_s


def _weighed(arrived: Instant, offset_s: float, *, is_taken: bool) -> Instant:
    """The moment of capture by both witnesses: the arrival on the box's clocks, and the camera's report.

    The box's clock rules, since it is one for all cameras. The report is taken where it only tells what the box cannot
    see, the time under way; where the clocks part a little, the uncertainty covers both; where they part by more than
    `CLOCK_WRONG_S`, the camera is not listened to. `mono_s` never changes.
    """
    if abs(offset_s) > CLOCK_WRONG_S:
        return arrived
    unexplained_s = max(0.0, offset_s, -offset_s - UNSEEN_DELAY_S)
    if is_taken:
        # A camera that agrees with the box also settles the doubt about a step of the box's clock.
        return Instant(arrived.mono_s, arrived.shifted(offset_s).utc, REPORTED_DOUBT_S + unexplained_s)
    return Instant(arrived.mono_s, arrived.utc, arrived.uncertainty_s + unexplained_s)
