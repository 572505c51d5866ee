"""RTCP sender reports as a camera sends them, made from the RTP packets that pass by."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

_TICKS_PER_S = 90_000
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_SENDER_REPORT = 200


def is_sender_report(packet: bytes) -> bool:
    """Whether this is a report and not a packet of the stream (RFC 5761, section 4, keeps their numbers apart)."""
    return len(packet) > 1 and packet[1] == _SENDER_REPORT


@dataclass(slots=True)
class SenderReports:
    """The sender reports of one RTP stream: which moment of the camera's clock belongs to which ticks.

    every_s: a report at most so often, the first one beside the first packet.
    began_utc_s: when the first packet passed by on our clock: that picture's capture, as far as the reports know.
    """

    every_s: float
    began_utc_s: float | None = None
    first_ticks: int = 0
    _reported_mono_s: float = float("-inf")
    _packets: int = 0
    _bytes: int = 0

    def beside(self, rtp: bytes, clock_offset_s: float) -> bytes | None:
        """The report that is due with this RTP packet, of a camera whose clock is ahead of ours by so much."""
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
