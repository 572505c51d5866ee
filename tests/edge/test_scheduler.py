import threading
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from contract.clock import Instant
from edge.frame import Frame
from edge.scheduler import FrameScheduler

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
        assert scheduler.offer("a", frame(second))
    scheduler.offer("c", frame(10))
    scheduler.offer("b", frame(20))
    assert drain(scheduler) == [("a", 0), ("b", 20), ("c", 10), ("a", 1), ("a", 2)]


def test_a_full_queue_gives_up_its_oldest_frame_and_counts_it() -> None:
    scheduler = FrameScheduler(["a", "b"], capacity=2)
    assert [scheduler.offer("a", frame(second)) for second in range(4)] == [True, True, False, False]
    assert drain(scheduler) == [("a", 2), ("a", 3)]
    assert (scheduler.dropped("a"), scheduler.dropped("b")) == (2, 0)


def test_a_greedy_camera_costs_the_others_nothing() -> None:
    scheduler = FrameScheduler(["greedy", "modest"], capacity=2)
    served: Counter[str] = Counter()
    for second in range(100):
        for _ in range(5):
            scheduler.offer("greedy", frame(second))
        scheduler.offer("modest", frame(second))
        for _ in range(2):
            item = scheduler.take(0.0)
            assert item is not None
            served[item[0]] += 1
    assert scheduler.dropped("modest") == 0
    assert served["modest"] == 100


def test_a_source_that_is_not_live_waits_for_room_and_loses_nothing() -> None:
    scheduler = FrameScheduler(["file"], capacity=1)
    offered = threading.Thread(
        target=lambda: [scheduler.offer("file", frame(second), wait=True) for second in range(50)]
    )
    offered.start()
    taken: list[float] = []
    while len(taken) < 50:
        item = scheduler.take(5.0)
        assert item is not None
        taken.append(item[1].captured.mono_s)
    offered.join(5.0)
    assert taken == [float(second) for second in range(50)]
    assert scheduler.dropped("file") == 0


def test_closing_wakes_a_waiting_taker_and_a_waiting_offerer() -> None:
    scheduler = FrameScheduler(["file"], capacity=1)
    scheduler.offer("file", frame(0))
    blocked = threading.Thread(target=lambda: scheduler.offer("file", frame(1), wait=True))
    blocked.start()
    scheduler.close()
    blocked.join(5.0)
    assert not blocked.is_alive()
    assert scheduler.take(60.0) is not None
    assert scheduler.take(60.0) is None


@pytest.mark.parametrize(
    ("cameras", "capacity", "says"), [([], 1, "at least one camera"), (["a"], 0, "at least 1 frame")]
)
def test_a_scheduler_without_cameras_or_room_is_refused(cameras: list[str], capacity: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FrameScheduler(cameras, capacity=capacity)
