"""Which pictures are worth a detection."""

from __future__ import annotations

import itertools

import pytest

from edge.decode.attention import Attention, AttentionPolicy, AttentionSettings

PERIOD_S = 0.2


def run(policy: AttentionPolicy, starts_s: float, seconds: float, *, moving: bool, people: int) -> list[bool]:
    """Pictures at the analysis rate; whether each was detected."""
    count = round(seconds / PERIOD_S)
    return [policy.decide(starts_s + i * PERIOD_S, moving=moving, people=people).detect for i in range(count)]


def pauses(detected: list[bool]) -> list[int]:
    """Pictures from one detection to the next."""
    return [after - before for before, after in itertools.pairwise(i for i, one in enumerate(detected) if one)]


def test_it_begins_with_a_look_although_nothing_moves() -> None:
    decision = AttentionPolicy().decide(100.0, moving=False, people=0)
    assert decision.detect
    assert decision.attention is Attention.ACTIVE


def test_every_picture_is_detected_while_something_moves_and_shortly_after() -> None:
    policy = AttentionPolicy()
    assert all(run(policy, 0.0, 10.0, moving=True, people=1))
    assert all(run(policy, 10.0, 1.2, moving=False, people=1))


def test_somebody_who_stands_still_is_seen_twice_a_second_for_an_hour() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=True, people=1)
    detected = run(policy, 5.0, 3600.0, moving=False, people=1)
    assert policy.attention is Attention.WATCHING
    gaps = pauses(detected)
    assert max(gaps) * PERIOD_S <= 0.61
    assert sum(detected) / 3600.0 < 2.6


def test_a_detector_that_blinks_does_not_make_a_standing_person_disappear() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=True, people=1)
    for step in range(500):
        policy.decide(5.0 + step * PERIOD_S, moving=False, people=int(step % 8 == 0))
        assert policy.attention is not Attention.QUIET


def test_whoever_has_not_moved_for_long_is_looked_at_on_keyframes_alone_where_those_come_often_enough() -> None:
    for keyframe_every_s, attention in ((2.0, Attention.RESTING), (4.0, Attention.WATCHING)):
        policy = AttentionPolicy()
        run(policy, 0.0, 5.0, moving=True, people=1)
        for step in range(50):
            policy.decide(5.0 + step * PERIOD_S, moving=False, people=1, keyframe_every_s=keyframe_every_s)
        assert policy.attention is attention
    assert Attention.RESTING.keyframes_only
    resting = AttentionPolicy()
    run(resting, 0.0, 5.0, moving=True, people=1)
    looks = [resting.decide(11.0 + 2.0 * i, moving=False, people=1, keyframe_every_s=2.0).detect for i in range(900)]
    assert all(looks)
    assert resting.decide(1812.0, moving=True, people=1, keyframe_every_s=2.0).attention is Attention.ACTIVE


def test_keyframes_that_are_far_apart_are_not_enough_while_all_is_quiet() -> None:
    for keyframe_every_s, attention in ((6.0, Attention.QUIET), (12.0, Attention.WAITING)):
        policy = AttentionPolicy()
        looks = [
            policy.decide(step * PERIOD_S, moving=False, people=0, keyframe_every_s=keyframe_every_s).detect
            for step in range(100)
        ]
        assert policy.attention is attention
        assert policy.attention.keyframes_only == (attention is Attention.QUIET)
        assert max(pauses(looks)) == 25, "a look every 5 s"


def test_who_is_found_standing_or_missed_while_resting_is_watched_closely_enough_to_be_tracked_again() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=False, people=0)
    # Found by a look on a keyframe, told before the next one.
    assert policy.decide(14.0, moving=False, people=1, keyframe_every_s=2.0).attention is Attention.WATCHING
    looks = [policy.decide(14.2 + i * PERIOD_S, moving=False, people=1, keyframe_every_s=2.0) for i in range(30)]
    assert sum(look.detect for look in looks[:15]) >= 4
    assert looks[-1].attention is Attention.RESTING
    assert policy.decide(22.0, moving=False, people=0, keyframe_every_s=2.0).attention is Attention.WATCHING


def test_quiet_is_keyframes_only_with_a_look_every_few_seconds() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=False, people=0)
    assert policy.attention is Attention.QUIET
    assert policy.attention.keyframes_only
    detected = [policy.decide(6.0 + 2.0 * i, moving=False, people=0).detect for i in range(300)]
    gaps = pauses(detected)
    assert 2.0 * max(gaps) <= 6.0
    assert 2.0 * min(gaps) >= 4.0


def test_motion_wakes_it_at_once_and_what_is_decoded_back_is_detected() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 10.0, moving=False, people=0)
    policy.decide(18.0, moving=False, people=0)
    woken = policy.decide(20.0, moving=True, people=0)
    assert woken.attention is Attention.ACTIVE
    assert woken.detect
    decoded_back = [policy.decide(18.2 + i * PERIOD_S, moving=False, people=0) for i in range(9)]
    assert all(one.detect and one.attention is Attention.ACTIVE for one in decoded_back)


def test_traffic_without_anybody_is_searched_once_a_second_until_somebody_is_found() -> None:
    policy = AttentionPolicy()
    assert all(run(policy, 0.0, 29.0, moving=True, people=0))
    detected = run(policy, 29.0, 61.0, moving=True, people=0)
    assert policy.attention is Attention.SEARCHING
    assert not policy.attention.keyframes_only
    assert sum(detected[10:]) == pytest.approx(59, abs=3)
    assert all(run(policy, 90.0, 29.0, moving=True, people=1))
    assert all(run(policy, 119.0, 29.0, moving=True, people=0))


def test_a_number_of_people_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="people must be >= 0, got -1"):
        AttentionPolicy().decide(0.0, moving=False, people=-1)


def test_a_pause_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"keep_alive_s must be positive, got 0\.0"):
        AttentionSettings(keep_alive_s=0.0)
