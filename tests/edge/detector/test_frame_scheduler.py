import threading
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from contract.clock import Instant
from edge.decode.frame import Frame
from edge.detector.frame_scheduler import FrameScheduler

EPOCH = datetime(2026, 11, 24, tzinfo=UTC)


def frame(at_mono_s: float) -> Frame:
    chroma = np.full((1, 1), 128, np.uint8)
    return Frame(np.zeros((2, 2), np.uint8), chroma, chroma, Instant(at_mono_s, EPOCH))


def drain(scheduler: FrameScheduler) -> list[tuple[str, float]]:
    taken: list[tuple[str, float]] = []
    while (item := scheduler.take(0.0)) is not None:
        taken.append((item[0], item[1].captured.mono_s))
    return taken


def test_cameras_are_served_in_turn_whatever_they_offer() -> None:
    scheduler = FrameScheduler(["a", "b", "c"], capacity=3)
    for second in range(3):
        assert scheduler.offer("a", [frame(second)]) == 0
    scheduler.offer("c", [frame(10)])
    scheduler.offer("b", [frame(20)])
    assert drain(scheduler) == [("a", 0), ("b", 20), ("c", 10), ("a", 1), ("a", 2)]


def test_a_full_queue_gives_up_its_oldest_frame_and_counts_it() -> None:
    scheduler = FrameScheduler(["a", "b"], capacity=2)
    assert [scheduler.offer("a", [frame(second)]) for second in range(4)] == [0, 0, 1, 1]
    assert drain(scheduler) == [("a", 2), ("a", 3)]
    assert (scheduler.dropped("a"), scheduler.dropped("b")) == (2, 0)


def test_a_greedy_camera_costs_the_others_nothing() -> None:
    scheduler = FrameScheduler(["greedy", "modest"], capacity=2)
    served: Counter[str] = Counter()
    for second in range(100):
        for _ in range(5):
            scheduler.offer("greedy", [frame(second)])
        scheduler.offer("modest", [frame(second)])
        for _ in range(2):
            item = scheduler.take(0.0)
            assert item is not None
            served[item[0]] += 1
    assert scheduler.dropped("modest") == 0
    assert served["modest"] == 100


def test_what_was_decoded_back_has_room_of_its_own_and_keeps_its_order() -> None:
    scheduler = FrameScheduler(["a"], capacity=2, burst_capacity=20)
    assert scheduler.offer("a", [frame(0)]) == 0
    assert scheduler.offer("a", [frame(second) for second in range(1, 16)]) == 0
    assert [scheduler.offer("a", [frame(second)]) for second in (16, 17)] == [0, 0]
    assert drain(scheduler) == [("a", second) for second in range(18)]


def test_a_burst_that_is_too_long_gives_up_its_oldest_frames() -> None:
    scheduler = FrameScheduler(["a"], capacity=1, burst_capacity=4)
    assert scheduler.offer("a", [frame(second) for second in range(6)]) == 2
    assert drain(scheduler) == [("a", second) for second in (2, 3, 4, 5)]
    assert scheduler.dropped("a") == 2


def test_closing_wakes_a_waiting_taker_and_what_is_queued_can_still_be_taken() -> None:
    scheduler = FrameScheduler(["a"])
    taken: list[object] = []
    waiting = threading.Thread(target=lambda: taken.append(scheduler.take(60.0)))
    waiting.start()
    scheduler.close()
    waiting.join(5.0)
    assert taken == [None]
    scheduler.offer("a", [frame(0)])
    assert scheduler.take(60.0) is not None
    assert scheduler.take(60.0) is None


@pytest.mark.parametrize(
    ("cameras", "capacity", "burst", "says"),
    [([], 1, 1, "at least one camera"), (["a"], 0, 1, "capacity must"), (["a"], 1, 0, "burst_capacity must")],
)
def test_a_scheduler_without_cameras_or_room_is_refused(
    cameras: list[str], capacity: int, burst: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        FrameScheduler(cameras, capacity=capacity, burst_capacity=burst)
