"""RTCP sender reports as a camera sends them, computed from passing RTP packets."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

_TICKS_PER_S = 90_000
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_SENDER_REPORT = 200


def is_sender_report(packet: bytes) -> bool:
    """Whether this is a sender report, not a packet of the stream (RFC 5761, section 4, separates their numbers)."""
    return len(packet) > 1 and packet[1] == _SENDER_REPORT


@dataclass(slots=True)
class SenderReports:
    """The sender reports of one RTP stream: they map ticks to the camera's clock.

    every_s: minimum interval between reports; the first accompanies the first packet.
    began_utc_s: our time when the first packet passed: the capture time of its frame, as far as the reports know.
    """

    every_s: float
    began_utc_s: float | None = None
    first_ticks: int = 0
    _reported_mono_s: float = float("-inf")
    _packets: int = 0
    _bytes: int = 0

    def beside(self, rtp: bytes, clock_offset_s: float) -> bytes | None:
        """The report due with this RTP packet, or None; the camera's clock is ahead of ours by `clock_offset_s`."""
        ticks, source = struct.unpack_from("!II", rtp, 4)
        now_mono_s = time.monotonic()
        if self.began_utc_s is None:
            self.began_utc_s, self.first_ticks = time.time(), ticks
        self._packets += 1
        self._bytes += len(rtp) - 12
        if now_mono_s - self._reported_mono_s < self.every_s:
            return None
        self._reported_mono_s = now_mono_s
        passed_s = ((ticks - self.first_ticks) & 0xFFFFFFFF) / _TICKS_PER_S
        # A camera without a clock says 0 (RFC 3550, section 6.4.1).
        ntp = max(0, round((self.began_utc_s + passed_s + clock_offset_s + _NTP_EPOCH_S) * 2**32))
        body = struct.pack("!IQIII", source, ntp, ticks, self._packets & 0xFFFFFFFF, self._bytes & 0xFFFFFFFF)
        return struct.pack("!BBH", 0x80, _SENDER_REPORT, len(body) // 4) + body
