from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from edge.geometry import FramePlane, Polygon
from edge.presence.episodes import BoxJitter, Episode, Path, Presence, ZonePresence
from edge.presence.stitch import Stitched, Stitcher
from tests.support.scenes import ASPECT, Someone, observations, standing, walking

ZONE = Polygon.of([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)])


def stitch(people: Sequence[Someone], ends_s: float, fps: float = 5.0) -> list[Stitched]:
    stitcher, plane, found = Stitcher(), FramePlane(), []
    for one in observations(people, ends_s, fps=fps):
        located = plane.locate(one.people, one.aspect)
        found.append(stitcher.observe(one.captured.mono_s, one.people, located))
    return found


def merges(found: Iterable[Stitched]) -> list[tuple[int, int]]:
    return [pair for one in found for pair in one.merged]


def watch(people: Sequence[Someone], ends_s: float, fps: float = 5.0) -> list[Presence]:
    stitcher, plane, presence, seen = Stitcher(), FramePlane(), ZonePresence(ZONE), []
    for one in observations(people, ends_s, fps=fps):
        tracked = one.people.tracked
        located = plane.locate(tracked, one.aspect)
        stitched = stitcher.observe(one.captured.mono_s, tracked, located)
        seen.append(presence.observe(one.captured, tracked, located, stitched, one.aspect))
    return seen


def test_a_person_found_again_near_by_within_the_gap_is_the_same_one() -> None:
    people = [Someone(standing(0.5, 0.5, 0, 10), 1), Someone(standing(0.505, 0.5, 18, 30), 2)]

    found = stitch(people, 30)

    assert merges(found) == [(2, 1)]
    assert found[-1].person_ids == (1,)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (Someone(standing(0.5, 0.5, 21.5, 40), 2), "the gap is longer than 10 s"),
        (Someone(standing(0.75, 0.5, 13, 40), 2), "it is further away than anybody walks"),
        (Someone(standing(0.5, 0.5, 13, 40), 2, height=0.3), "it is half as tall again"),
        (Someone(standing(0.5, 0.5, 13, 40), 2, height=0.13), "it is a third smaller"),
    ],
)
def test_another_person_is_another_person(second: Someone, why: str) -> None:
    found = stitch([Someone(standing(0.5, 0.5, 0, 10), 1), second], 40)

    assert merges(found) == [], why


def test_somebody_who_walks_on_behind_a_tree_is_joined_where_the_walk_leads() -> None:
    def hidden(at_s: float) -> tuple[float, float] | None:
        return None if 4.0 < at_s < 6.0 else walking((0.2, 0.5), (0.9, 0.5), 0, 10)(at_s)

    walker = Someone(hidden, track_id=lambda at_s: 1 if at_s < 5 else 2)

    assert merges(stitch([walker], 10)) == [(2, 1)]


def test_a_stander_who_is_lost_for_a_moment_is_not_taken_over_by_a_passer_by() -> None:
    def blinking(at_s: float) -> tuple[float, float] | None:
        return None if 20.0 < at_s < 26.0 else standing(0.5, 0.5)(at_s)

    stander = Someone(blinking, track_id=lambda at_s: 1 if at_s < 23 else 3)
    passer = Someone(walking((0.02, 0.52), (0.98, 0.52), 19, 28), track_id=2)

    found = stitch([stander, passer], 40)

    assert merges(found) == [(3, 1)]


def test_who_walks_out_of_the_picture_does_not_come_back_as_the_next_who_walks_in() -> None:
    leaving = Someone(walking((0.5, 0.5), (0.99, 0.5), 0, 6), 1)
    coming = Someone(walking((0.99, 0.5), (0.5, 0.5), 8, 14), 2)

    assert merges(stitch([leaving, coming], 14)) == []


def test_nobody_turns_round_unseen_at_walking_speed_within_a_moment() -> None:
    there = Someone(walking((0.3, 0.5), (0.6, 0.5), 0, 4), 1)
    back = Someone(walking((0.6, 0.5), (0.3, 0.5), 5, 9), 2)

    assert merges(stitch([there, back], 9)) == []


def test_of_two_candidates_the_one_whose_motion_explains_it_is_joined() -> None:
    def lost(at_s: float) -> tuple[float, float] | None:
        return None if at_s > 5 else standing(0.42, 0.5)(at_s)

    stander = Someone(lost, 1)

    def hidden(at_s: float) -> tuple[float, float] | None:
        return None if 4.0 < at_s < 5.6 else walking((0.2, 0.52), (0.8, 0.52), 0, 10)(at_s)

    walker = Someone(hidden, track_id=lambda at_s: 2 if at_s < 5 else 3)

    assert merges(stitch([stander, walker], 10)) == [(3, 2)]


def test_a_short_fragment_links_the_tracks_before_and_after_it() -> None:
    def seen(at_s: float) -> tuple[float, float] | None:
        return standing(0.5, 0.5)(at_s) if at_s < 10 or 17 <= at_s <= 17.4 or at_s > 25 else None

    broken = Someone(seen, track_id=lambda at_s: 1 if at_s < 10 else 2 if at_s < 20 else 3)

    assert stitch([broken], 30)[-1].person_ids == (1,)


def test_an_id_that_returns_while_its_person_is_seen_under_another_is_somebody_else() -> None:
    first = Someone(lambda at_s: standing(0.4, 0.5)(at_s) if at_s < 5 or at_s > 9 else None, 1)
    second = Someone(standing(0.405, 0.5, 6, 20), 2)

    last = stitch([first, second], 20)[-1]

    assert len(set(last.person_ids)) == 2


def test_velocities_are_in_body_heights_a_second() -> None:
    found = stitch([Someone(walking((0.2, 0.5), (0.2 + 0.2 / ASPECT * 5, 0.5), 0, 5), 1)], 4)

    assert found[-1].velocities[0] == pytest.approx((1.0, 0.0), abs=0.05)


def test_a_foot_that_flickers_over_the_edge_is_no_entry() -> None:
    flicker = Someone(lambda at_s: (0.5, 0.79 if int(at_s * 5) % 5 == 0 else 0.84), 1)

    assert not any(one.entered for one in watch([flicker], 30))


def test_a_stay_lasts_from_the_first_to_the_last_moment_inside() -> None:
    path = Someone(walking((0.05, 0.5), (0.95, 0.5), 0, 90), 1)

    seen = watch([path], 90)
    (episode,) = [episode for one in seen for episode in one.left]

    assert episode.entered.mono_s == pytest.approx(15, abs=0.3)
    assert episode.dwell_s == pytest.approx(60, abs=0.5)
    assert episode.left


def test_a_stay_goes_on_over_a_broken_track_and_counts_the_gap() -> None:
    people = [Someone(standing(0.5, 0.5, 0, 10), 1), Someone(standing(0.5, 0.5, 18, 30), 2)]

    seen = watch(people, 30)

    assert not any(one.left for one in seen)
    assert seen[-1].open[0].track_ids == [1, 2]
    assert seen[-1].open[0].dwell_s == pytest.approx(30, abs=0.3)


def test_who_stands_just_outside_the_edge_for_long_is_outside() -> None:
    def drifting(at_s: float) -> tuple[float, float]:
        return 0.5, 0.79 if at_s < 10 else 0.81

    seen = watch([Someone(drifting, 1)], 30)

    assert [episode.dwell_s for one in seen for episode in one.left] == [pytest.approx(9.8, abs=0.3)]


def test_a_blink_of_the_detector_changes_no_count_and_a_gap_does() -> None:
    def blinking(at_s: float) -> tuple[float, float] | None:
        return None if 5 < at_s < 6.8 or 15 < at_s < 22 else standing(0.5, 0.5)(at_s)

    seen = {round(one.at.mono_s, 1): one for one in watch([Someone(blinking, 1)], 30)}

    assert seen[6.6].count == 1
    assert seen[20.0].count == 0
    assert len(seen[20.0].open) == 1
    assert seen[25.0].count == 1


def test_a_path_of_a_day_stays_small_and_keeps_its_ends() -> None:
    path = Path()
    for second in range(86_400):
        path.add(float(second), second * 1.0, 0.0, 0.5, (0.5, 0.5))
    times_s, positions = path.in_units()

    assert len(times_s) <= 900
    assert times_s[0] == 0.0
    assert times_s[-1] > 86_000
    assert positions[0, 0] == 0.0
    assert positions[-1, 0] == times_s[-1] * 2


def test_box_jitter_is_unknown_at_first_then_small_for_a_thing_and_larger_for_a_person() -> None:
    thing, person = BoxJitter(), BoxJitter()
    for number in range(100):
        at_s = number * 0.5
        thing.add(at_s, 0.5, 0.5 + 0.0002 * (number % 3), 0.2)
        person.add(at_s, 0.5 + 0.004 * (number % 5), 0.5, 0.2)
        if number == 10:
            assert thing.amount() is None

    thing_jitter, person_jitter = thing.amount(), person.amount()
    assert thing_jitter is not None
    assert person_jitter is not None
    assert thing_jitter < 0.003 < 0.02 < person_jitter


def test_episodes_know_each_of_their_tracks_once() -> None:
    seen = watch([Someone(standing(0.5, 0.5), 4)], 3)
    episode: Episode = seen[-1].open[0]
    episode.add_track(4)
    episode.add_track(9)

    assert episode.track_ids == [4, 9]
