"""Which frames are worth a detection."""

from __future__ import annotations

import itertools

import pytest

from edge.decode.attention import Attention, AttentionPolicy, AttentionSettings

PERIOD_S = 0.2


def run(policy: AttentionPolicy, starts_s: float, seconds: float, *, moving: bool, people: int) -> list[bool]:
    """Return whether each frame at the analysis rate was detected."""
    count = round(seconds / PERIOD_S)
    return [policy.decide(starts_s + i * PERIOD_S, moving=moving, people=people).detect for i in range(count)]


def pauses(detected: list[bool]) -> list[int]:
    """Return the numbers of frames between detections."""
    return [after - before for before, after in itertools.pairwise(i for i, one in enumerate(detected) if one)]


def test_the_first_frame_is_detected_although_nothing_moves() -> None:
    decision = AttentionPolicy().decide(100.0, moving=False, people=0)
    assert decision.detect
    assert decision.attention is Attention.ACTIVE


def test_every_frame_is_detected_during_motion_and_shortly_after() -> None:
    policy = AttentionPolicy()
    assert all(run(policy, 0.0, 10.0, moving=True, people=1))
    assert all(run(policy, 10.0, 1.2, moving=False, people=1))


def test_a_standing_person_is_detected_twice_a_second_for_an_hour() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=True, people=1)
    detected = run(policy, 5.0, 3600.0, moving=False, people=1)
    assert policy.attention is Attention.WATCHING
    gaps = pauses(detected)
    assert max(gaps) * PERIOD_S <= 0.61
    assert sum(detected) / 3600.0 < 2.6


def test_missed_detections_do_not_make_a_standing_person_disappear() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=True, people=1)
    for step in range(500):
        policy.decide(5.0 + step * PERIOD_S, moving=False, people=int(step % 8 == 0))
        assert policy.attention is not Attention.QUIET


def test_people_at_rest_are_detected_on_keyframes_only_if_those_are_close_enough() -> None:
    for keyframe_every_s, attention in ((2.0, Attention.RESTING), (4.0, Attention.WATCHING)):
        policy = AttentionPolicy()
        run(policy, 0.0, 5.0, moving=True, people=1)
        for step in range(50):
            policy.decide(5.0 + step * PERIOD_S, moving=False, people=1, keyframe_every_s=keyframe_every_s)
        assert policy.attention is attention
    assert Attention.RESTING.keyframes_only
    resting = AttentionPolicy()
    run(resting, 0.0, 5.0, moving=True, people=1)
    decisions = [
        resting.decide(11.0 + 2.0 * i, moving=False, people=1, keyframe_every_s=2.0).detect for i in range(900)
    ]
    assert all(decisions)
    assert resting.decide(1812.0, moving=True, people=1, keyframe_every_s=2.0).attention is Attention.ACTIVE


def test_distant_keyframes_do_not_suffice_while_all_is_quiet() -> None:
    for keyframe_every_s, attention in ((6.0, Attention.QUIET), (12.0, Attention.WAITING)):
        policy = AttentionPolicy()
        decisions = [
            policy.decide(step * PERIOD_S, moving=False, people=0, keyframe_every_s=keyframe_every_s).detect
            for step in range(100)
        ]
        assert policy.attention is attention
        assert policy.attention.keyframes_only == (attention is Attention.QUIET)
        assert max(pauses(decisions)) == 25, "a detection every 5 s"


def test_a_changed_number_of_people_at_rest_is_watched_closely_enough_for_the_tracker() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=False, people=0)
    # Detected on a keyframe, reported before the next one.
    assert policy.decide(14.0, moving=False, people=1, keyframe_every_s=2.0).attention is Attention.WATCHING
    decisions = [policy.decide(14.2 + i * PERIOD_S, moving=False, people=1, keyframe_every_s=2.0) for i in range(30)]
    assert sum(decision.detect for decision in decisions[:15]) >= 4
    assert decisions[-1].attention is Attention.RESTING
    assert policy.decide(22.0, moving=False, people=0, keyframe_every_s=2.0).attention is Attention.WATCHING


def test_quiet_decodes_keyframes_only_and_detects_every_few_seconds() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 5.0, moving=False, people=0)
    assert policy.attention is Attention.QUIET
    assert policy.attention.keyframes_only
    detected = [policy.decide(6.0 + 2.0 * i, moving=False, people=0).detect for i in range(300)]
    gaps = pauses(detected)
    assert 2.0 * max(gaps) <= 6.0
    assert 2.0 * min(gaps) >= 4.0


def test_motion_wakes_at_once_and_frames_decoded_back_are_detected() -> None:
    policy = AttentionPolicy()
    run(policy, 0.0, 10.0, moving=False, people=0)
    policy.decide(18.0, moving=False, people=0)
    woken = policy.decide(20.0, moving=True, people=0)
    assert woken.attention is Attention.ACTIVE
    assert woken.detect
    decoded_back = [policy.decide(18.2 + i * PERIOD_S, moving=False, people=0) for i in range(9)]
    assert all(one.detect and one.attention is Attention.ACTIVE for one in decoded_back)


def test_motion_without_people_is_searched_once_a_second_until_a_person_is_found() -> None:
    policy = AttentionPolicy()
    assert all(run(policy, 0.0, 29.0, moving=True, people=0))
    detected = run(policy, 29.0, 61.0, moving=True, people=0)
    assert policy.attention is Attention.SEARCHING
    assert not policy.attention.keyframes_only
    assert sum(detected[10:]) == pytest.approx(59, abs=3)
    assert all(run(policy, 90.0, 29.0, moving=True, people=1))
    assert all(run(policy, 119.0, 29.0, moving=True, people=0))


def test_a_negative_number_of_people_is_refused() -> None:
    with pytest.raises(ValueError, match="people must be >= 0, got -1"):
        AttentionPolicy().decide(0.0, moving=False, people=-1)


def test_a_pause_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"keep_alive_s must be positive, got 0\.0"):
        AttentionSettings(keep_alive_s=0.0)
