"""The ring keeps what a clip needs, starts with a keyframe, and never exceeds its bounds."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Instant
from edge.capture.bitstream import Codec
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet, StreamInfo

START = Instant(100.0, datetime(2026, 11, 24, tzinfo=UTC))
SPS = bytes.fromhex("6742c01ed900a0079b011000003e90000ea600f162e480")
STREAM = StreamInfo.of(Codec.H264, [SPS], session=1)


def packet(second: float, *, key: bool = False, size: int = 10) -> Packet:
    return Packet(b"\x00" * size, round(second * 90_000), START.shifted(second), 0.1, key, STREAM)


def filled(ring: PacketRing, count: int, gop: int = 10, size: int = 10) -> PacketRing:
    for index in range(count):
        ring.append(packet(index / 10, key=index % gop == 0, size=size))
    return ring


def seconds(packets: list[Packet]) -> list[float]:
    return [round(one.captured.mono_s - START.mono_s, 2) for one in packets]


def everything(ring: PacketRing) -> list[Packet]:
    return ring.between(float("-inf"), float("inf"))


def test_packets_before_the_first_keyframe_are_not_kept() -> None:
    ring = PacketRing()
    for index, key in enumerate([False, False, True, False]):
        ring.append(packet(index, key=key))
    assert seconds(everything(ring)) == [2, 3]
    assert ring.size_bytes == 20


def test_whole_groups_of_pictures_are_dropped_once_the_others_suffice() -> None:
    ring = filled(PacketRing(max_seconds=2.0), 100)
    held = everything(ring)
    assert held[0].is_keyframe
    assert seconds(held)[0] == 7.0, "2.0 s must be left without the oldest group"
    assert seconds(held)[-1] == 9.9


def test_without_a_hold_only_rest_seconds_stay_before_what_may_be_decoded_back() -> None:
    ring = filled(PacketRing(max_seconds=8.0, rest_seconds=2.0), 100)
    assert seconds(everything(ring))[0] == 6.0, "2 s before the last group but one, which starts at 8.0"


def test_held_packets_stay_up_to_the_limit_until_they_are_released() -> None:
    ring = PacketRing(max_seconds=8.0, rest_seconds=2.0)
    filled(ring, 60)
    ring.hold(100.0 + 3.4)
    for index in range(60, 100):
        ring.append(packet(index / 10, key=index % 10 == 0))
    assert seconds(everything(ring))[0] == 3.0
    for index in range(100, 150):
        ring.append(packet(index / 10, key=index % 10 == 0))
    assert seconds(everything(ring))[0] == 6.0, "never more than max_seconds and a group"
    ring.hold(None)
    ring.append(packet(15.0, key=True))
    assert seconds(everything(ring))[0] == 12.0


def test_a_range_starts_at_the_keyframe_before_it() -> None:
    ring = filled(PacketRing(), 50)
    assert seconds(ring.between(100.0 + 1.55, 100.0 + 3.25)) == [round(1.0 + index / 10, 2) for index in range(23)]
    assert seconds(ring.between(100.0 + 2.0, 100.0 + 2.0)) == [2.0]
    assert seconds(ring.between(0.0, 100.05)) == [0.0]
    assert ring.between(0.0, 99.0) == []


def test_b_frames_at_the_end_of_a_range_include_the_frames_they_refer_to() -> None:
    ring = PacketRing()
    for second, key in ((0.0, True), (0.3, False), (0.1, False), (0.2, False), (0.6, False), (0.4, False)):
        ring.append(packet(second, key=key))
    assert seconds(ring.between(100.0, 100.21)) == [0.0, 0.3, 0.1, 0.2]
    assert seconds(ring.between(100.0, 100.41)) == [0.0, 0.3, 0.1, 0.2, 0.6, 0.4]


def test_a_group_larger_than_the_ring_is_dropped_and_counted() -> None:
    ring = filled(PacketRing(max_bytes=85), 12, gop=10)
    assert ring.overflows == 1
    assert seconds(everything(ring)) == [1.0, 1.1]


@given(
    packets=st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.floats(0, 5)), max_size=80),
    max_bytes=st.integers(1, 300),
    max_seconds=st.floats(0.1, 20),
)
def test_any_input_leaves_a_keyframe_first_and_the_bounds_kept(
    packets: list[tuple[bool, int, float]], max_bytes: int, max_seconds: float
) -> None:
    ring = PacketRing(max_seconds, max_bytes)
    second = 0.0
    for key, size, wait_s in packets:
        second += wait_s
        ring.append(packet(second, key=key, size=size))
        held = everything(ring)
        assert not held or held[0].is_keyframe
        assert ring.size_bytes == sum(one.size_bytes for one in held) <= max_bytes
        keyframes = [one for one in held if one.is_keyframe]
        if len(keyframes) > 1:
            assert held[-1].captured.mono_s - keyframes[1].captured.mono_s < max_seconds


def test_one_thread_may_append_while_another_reads() -> None:
    ring = PacketRing(max_seconds=1.0)
    done = threading.Event()

    def fill() -> None:
        filled(ring, 5000)
        done.set()

    filling = threading.Thread(target=fill)
    filling.start()
    while not done.is_set():
        held = everything(ring)
        assert not held or held[0].is_keyframe
        assert seconds(held) == sorted(seconds(held))
    filling.join()
    assert ring.newest_mono_s == pytest.approx(START.mono_s + 499.9)


@pytest.mark.parametrize(("max_seconds", "max_bytes"), [(0.0, 10), (-1.0, 10), (10.0, 0)])
def test_a_ring_without_capacity_is_refused(max_seconds: float, max_bytes: int) -> None:
    with pytest.raises(ValueError, match="a ring keeps"):
        PacketRing(max_seconds, max_bytes)
