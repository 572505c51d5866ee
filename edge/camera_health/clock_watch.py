"""Noticing a camera whose clock is wrong, by its sender reports.

The box dates what such a camera shows, so that its analytics go on; but the clock that it burns into the picture, and
into its own recordings, misleads whoever compares them with an event.
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
"""Back within this the clock is right again."""
JUDGED_AFTER_S = 15.0
"""So long it must stay wrong, or right: three reports of a camera that sends one every 5 s (RFC 3550, section 6.2)."""
UNTOLD_AFTER_S = 60.0
"""Without a report for so long nobody says any more that the clock is wrong."""


class ClockWatch:
    """One camera's clock. `see` belongs to the camera's thread, `notes` to the inference thread."""

    def __init__(self) -> None:
        self._notes: queue.SimpleQueue[FaultNote] = queue.SimpleQueue()
        self._wrong = False
        self._changing_since: Instant | None = None

    def see(self, packet: Packet) -> None:
        """Take in the stream's next packet."""
        offset_s, at = packet.clock_offset_s, packet.captured
        limit_s = CLOCK_RIGHT_S if self._wrong else CLOCK_WRONG_S
        says_wrong = offset_s is not None and abs(offset_s) > limit_s
        if says_wrong is self._wrong:
            self._changing_since = None
            return
        if self._changing_since is None:
            self._changing_since = at
        lasting_s = at.mono_s - self._changing_since.mono_s
        if lasting_s < (UNTOLD_AFTER_S if offset_s is None else JUDGED_AFTER_S):
            return
        params = {"offset_s": abs(offset_s)} if says_wrong and offset_s is not None else {}
        phase = Phase.BEGAN if says_wrong else Phase.ENDED
        self._notes.put(FaultNote(CameraFault.CLOCK_WRONG, phase, self._changing_since, at, params=params))
        self._wrong, self._changing_since = says_wrong, None

    def notes(self) -> Iterable[FaultNote]:
        """What was noted since the last call."""
        while True:
            try:
                yield self._notes.get_nowait()
            except queue.Empty:
                return
