"""Detecting a wrong camera clock from the camera's RTCP sender reports.

The device takes capture times from its own clock then, so that analytics continue; but the time that the camera burns
into its frames and its own recordings does not match that of the events.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable

from contract.clock import Instant
from contract.event import Phase
from edge.camera_health.faults import CameraFault, FaultNote
from edge.capture.packets import Packet
from edge.capture.rtcp_clock import CLOCK_WRONG_S

CLOCK_RIGHT_S = 5.0
"""An open fault ends when the offset is within this."""
CONFIRM_S = 15.0
"""How long the offset must stay wrong, or right: three reports at one every 5 s (RFC 3550, section 6.2)."""
NO_REPORT_AFTER_S = 60.0
"""An open fault ends when no report has come for this long."""


class ClockWatch:
    """Watches one camera's clock. `observe` belongs to the camera's thread, `notes` to the inference thread."""

    def __init__(self) -> None:
        self._notes: queue.SimpleQueue[FaultNote] = queue.SimpleQueue()
        self._wrong = False
        self._changing_since: Instant | None = None

    def observe(self, packet: Packet) -> None:
        """Check the clock offset of the stream's next packet."""
        offset_s, at = packet.clock_offset_s, packet.captured
        limit_s = CLOCK_RIGHT_S if self._wrong else CLOCK_WRONG_S
        is_wrong = offset_s is not None and abs(offset_s) > limit_s
        if is_wrong is self._wrong:
            self._changing_since = None
            return
        if self._changing_since is None:
            self._changing_since = at
        lasting_s = at.mono_s - self._changing_since.mono_s
        if lasting_s < (NO_REPORT_AFTER_S if offset_s is None else CONFIRM_S):
            return
        params = {"offset_s": abs(offset_s)} if is_wrong and offset_s is not None else {}
        phase = Phase.BEGAN if is_wrong else Phase.ENDED
        self._notes.put(FaultNote(CameraFault.CLOCK_WRONG, phase, self._changing_since, at, params=params))
        self._wrong, self._changing_since = is_wrong, None

    def notes(self) -> Iterable[FaultNote]:
        """The faults that began or ended since the last call."""
        while True:
            try:
                yield self._notes.get_nowait()
            except queue.Empty:
                return
