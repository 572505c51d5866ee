"""The pool decodes each camera's packets in order and in one thread at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from contract.clock import Instant
from edge.capture.bitstream import Codec
from edge.capture.packets import Packet, StreamInfo
from edge.decode.pool import LANE_MAX_BYTES, LANE_MAX_IDLE, DecodePool
from tests.support.events import NOON

STREAM = StreamInfo(Codec.H264, 320, 192, (), session=1, epoch=1, codec_string="avc1.64001f")
PATIENCE_S = 10.0


def packet(number: int, *, size: int = 10, keyframe: bool = False) -> Packet:
    return Packet(bytes(size), number * 3600, Instant(number / 25, NOON), 0.04, keyframe, STREAM)


@contextmanager
def at_work(pool: DecodePool) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=pool.run, args=(stop,)) for _ in range(pool.threads)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        pool.close()
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not come about"
        time.sleep(0.002)


def always(_packet: Packet) -> bool:
    return True


def test_there_are_never_more_threads_than_cores_nor_than_cameras() -> None:
    cores = len(os.sched_getaffinity(0))
    assert DecodePool(1).threads == 1
    assert DecodePool(1000).threads == cores
    with pytest.raises(ValueError, match="at least one camera, got 0"):
        DecodePool(0)


def test_every_packet_is_decoded_in_order_and_by_one_thread_at_a_time_per_camera() -> None:
    pool = DecodePool(8)
    seen: dict[str, list[float]] = {f"camera-{number}": [] for number in range(8)}
    busy: set[str] = set()
    clashes: list[str] = []

    def decoding(camera_id: str) -> Callable[[Packet], None]:
        def decode(one: Packet) -> None:
            if camera_id in busy:
                clashes.append(camera_id)
            busy.add(camera_id)
            time.sleep(0.0005)
            seen[camera_id].append(one.captured.mono_s)
            busy.discard(camera_id)

        return decode

    lanes = [pool.lane(camera_id, decoding(camera_id), always) for camera_id in seen]
    with at_work(pool):
        for number in range(100):
            for lane in lanes:
                lane.put(packet(number))
        eventually(lambda: all(len(times) == 100 for times in seen.values()))
    assert all(times == sorted(times) for times in seen.values())
    assert not clashes


def test_unwanted_packets_wait_until_there_are_many() -> None:
    pool = DecodePool(1)
    seen: list[Packet] = []
    lane = pool.lane("gate", seen.append, lambda one: one.is_keyframe)
    with at_work(pool):
        for number in range(LANE_MAX_IDLE - 1):
            lane.put(packet(number))
        time.sleep(0.05)
        assert seen == []
        lane.put(packet(90, keyframe=True))
        eventually(lambda: len(seen) == LANE_MAX_IDLE)
        for number in range(100, 100 + LANE_MAX_IDLE):
            lane.put(packet(number))
        eventually(lambda: len(seen) == 2 * LANE_MAX_IDLE)


def test_put_blocks_while_the_lane_is_full_and_continues_when_it_is_not() -> None:
    pool = DecodePool(1)
    may_decode, done = threading.Event(), threading.Event()

    def decode(_one: Packet) -> None:
        may_decode.wait(PATIENCE_S)

    lane = pool.lane("gate", decode, always)

    def read() -> None:
        for number in range(10):
            lane.put(packet(number, size=LANE_MAX_BYTES // 3))
        done.set()

    with at_work(pool):
        reader = threading.Thread(target=read)
        reader.start()
        assert not done.wait(0.1)
        assert lane.waiting_bytes <= LANE_MAX_BYTES * 4 // 3
        may_decode.set()
        assert done.wait(PATIENCE_S)
        reader.join()


def test_closing_the_pool_unblocks_put() -> None:
    pool = DecodePool(1)
    lane = pool.lane("gate", lambda _one: None, always)
    for number in range(2):
        lane.put(packet(number, size=LANE_MAX_BYTES))
    reader = threading.Thread(target=lambda: lane.put(packet(2)))
    reader.start()
    reader.join(0.05)
    assert reader.is_alive(), "nobody works: it waits"
    pool.close()
    reader.join(PATIENCE_S)
    assert not reader.is_alive()


def test_a_camera_that_sends_much_does_not_delay_another() -> None:
    pool = DecodePool(1)
    order: list[str] = []
    greedy = pool.lane("greedy", lambda _one: order.append("greedy"), always)
    modest = pool.lane("modest", lambda _one: order.append("modest"), always)
    for number in range(500):
        greedy.put(packet(number))
    modest.put(packet(0))
    with at_work(pool):
        eventually(lambda: len(order) == 501)
    assert order.index("modest") < 100


def test_a_defect_loses_the_frames_until_the_next_keyframe_and_no_other_camera() -> None:
    pool = DecodePool(2)
    seen: list[float] = []

    def decode(one: Packet) -> None:
        if one.captured.mono_s == 2 / 25:
            raise ZeroDivisionError("a defect")
        seen.append(one.captured.mono_s)

    lane, other = pool.lane("gate", decode, always), pool.lane("yard", lambda _one: seen.append(-1.0), always)
    with capture_logs() as logs, at_work(pool):
        for number in range(8):
            lane.put(packet(number, keyframe=number in (0, 5)))
        other.put(packet(0))
        eventually(lambda: len(seen) == 6)
    assert sorted(seen) == [-1.0, *(number / 25 for number in (0, 1, 5, 6, 7))]
    assert [(entry["event"], entry["camera"]) for entry in logs] == [("decoding_failed", "gate")]
