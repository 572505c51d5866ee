"""Whether there is time for tiled inference."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from contract.clock import Instant, ManualClock
from edge.decode.frame import Frame
from edge.detector.frame_scheduler import FrameScheduler
from edge.detector.spare_time import HOLD_S, LONGEST_HOLD_S, SpareTime

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def frame_at(at_s: float) -> Frame:
    plane = np.zeros((2, 2), np.uint8)
    return Frame(plane, plane[:1, :1], plane[:1, :1], Instant(at_s, NOON))


class Load:
    def __init__(self) -> None:
        self.queued = self.lost = 0

    def waiting(self) -> int:
        return self.queued

    def dropped_in_all(self) -> int:
        return self.lost


def test_there_is_spare_time_until_frames_wait_or_a_rate_is_lowered() -> None:
    load, degraded = Load(), [False]
    spare_time = SpareTime(load, 2, lambda: degraded[0], ManualClock(NOON))
    assert spare_time()
    load.queued = 3
    assert not spare_time()
    load.queued = 2
    assert spare_time()
    degraded[0] = True
    assert not spare_time()


def test_the_wait_doubles_while_drops_recur_and_a_minute_without_a_drop_resets_it() -> None:
    load, clock = Load(), ManualClock(NOON)
    spare_time = SpareTime(load, 1, lambda: False, clock)

    def wait_after_a_drop_s() -> float:
        load.lost += 1
        began_s = clock.mono_s()
        while not spare_time():
            clock.advance(0.5)
        return clock.mono_s() - began_s

    assert [wait_after_a_drop_s() for _ in range(7)] == [HOLD_S, 4.0, 8.0, 16.0, 32.0, LONGEST_HOLD_S, LONGEST_HOLD_S]
    clock.advance(LONGEST_HOLD_S)
    assert wait_after_a_drop_s() == HOLD_S


def test_the_schedulers_load_decides() -> None:
    scheduler = FrameScheduler(["gate", "yard"], capacity=1)
    spare_time = SpareTime(scheduler, 2, lambda: False, ManualClock(NOON))
    scheduler.offer("gate", [frame_at(0.0)])
    scheduler.offer("yard", [frame_at(0.0)])
    assert (scheduler.waiting(), scheduler.dropped_in_all(), spare_time()) == (2, 0, True)
    scheduler.offer("gate", [frame_at(0.2)])
    assert (scheduler.waiting(), scheduler.dropped_in_all(), spare_time()) == (2, 1, False)
