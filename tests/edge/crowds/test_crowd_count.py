"""A crowd too dense to count: when it counts as one, how it is estimated, and what the rules then report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from contract.event import Phase
from contract.reasons import sentence
from edge.crowds.body_height import BodyHeights
from edge.crowds.crowd_count import HIGH, HOLD_S, LOW, CrowdCount, crowd_region, estimate_people
from edge.detections import Detections
from edge.geometry import Polygon
from edge.rules.engine import CameraBehaviours
from edge.signals import Observation, Signal
from tests.edge.rules.test_crowd import FlatPlane
from tests.support.scenes import ASPECT, HEIGHT, instant, zone_of

MIDDLE = Polygon.of([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)])


def boxes_around(count: int, seed: int = 1) -> npt.NDArray[np.float64]:
    """Bodies of `HEIGHT` whose feet are spread over a part of the zone."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.4, 0.6, count), rng.uniform(0.5, 0.7, count)
    half = 0.2 * HEIGHT / ASPECT
    return np.column_stack((x - half, y - HEIGHT, x + half, y))


def person_boxes(boxes: int, weak: int, tracked: int = 0) -> Detections:
    """Boxes of which `weak` are not faint and the first `tracked` belong to tracks."""
    scores = np.where(np.arange(boxes) < weak, 0.3, 0.15)
    scores[:tracked] = 0.8
    ids = np.where(np.arange(boxes) < tracked, np.arange(boxes) + 1, 0)
    return Detections.of(boxes_around(boxes), scores, ids)


def known_heights() -> BodyHeights:
    heights = BodyHeights()
    for _ in range(5):
        heights.observe(Detections.of(boxes_around(6), [0.9] * 6))
    return heights


HEIGHTS = known_heights()


def observed(samples: Sequence[tuple[float, int, Detections | None]]) -> CrowdCount:
    """A crowd observed at these times, with the people counted and what tiles showed."""
    crowd = CrowdCount(MIDDLE)
    for at_s, counted, tile_detections in samples:
        crowd.observe(at_s, counted, tile_detections, HEIGHTS)
    return crowd


def test_body_heights_are_learned_from_confident_whole_boxes_alone() -> None:
    heights = BodyHeights()
    feet = np.linspace(0.3, 0.9, 40)
    tall = 0.25 * feet + 0.03
    sure = np.column_stack((feet * 0 + 0.4, feet - tall, feet * 0 + 0.45, feet))
    heights.observe(Detections.of(sure, [0.9] * 40))
    heights.observe(Detections.of(sure - (0, 0.2, 0, 0), [0.3] * 40))
    heights.observe(Detections.of([(0.4, 0.0, 0.5, 0.3)] * 9, [0.9] * 9))

    np.testing.assert_allclose(heights.at([0.4, 0.8]), [0.13, 0.23], atol=1e-3)
    np.testing.assert_allclose(heights.feet_below(np.array([0.4, 0.8]) - heights.at([0.4, 0.8])), [0.4, 0.8])


def test_a_single_row_of_people_suffices_to_expect_smaller_bodies_behind_it() -> None:
    heights = BodyHeights()
    feet = np.full(20, 0.6)
    heights.observe(Detections.of(np.column_stack((feet, feet - 0.2, feet + 0.05, feet)), [0.9] * 20))

    np.testing.assert_allclose(heights.at([0.3, 0.6]), [0.1, 0.2])


def test_twice_the_boxes_are_twice_the_people_and_faint_ones_hide_more() -> None:
    assert estimate_people(40, 20) == pytest.approx(2 * estimate_people(20, 10))
    assert estimate_people(40, 15) > estimate_people(40, 30)


def test_a_crowd_of_which_few_are_counted_is_estimated_after_three_samples() -> None:
    tiled = person_boxes(40, 18)
    two = observed([(0.0, 4, tiled), (2.0, 4, tiled)])
    three = observed([(0.0, 4, tiled), (2.0, 4, tiled), (4.0, 4, tiled)])

    assert two.estimate is None
    assert three.estimate is not None
    assert three.estimate.people == pytest.approx(estimate_people(40, 18))
    assert three.estimate.low == pytest.approx(LOW * three.estimate.people)
    assert three.estimate.high == pytest.approx(HIGH * three.estimate.people)
    assert three.estimate.boxes == 40


def test_people_who_are_counted_one_by_one_are_not_estimated() -> None:
    assert observed([(2.0 * n, 6, person_boxes(13, 9)) for n in range(10)]).estimate is None


def test_a_few_people_are_no_dense_crowd_however_many_boxes_they_make() -> None:
    assert observed([(2.0 * n, 1, person_boxes(14, 10)) for n in range(10)]).estimate is None


def test_an_estimate_ends_when_tiles_show_people_who_can_be_counted() -> None:
    crowd = [(2.0 * n, 4, person_boxes(40, 18)) for n in range(5)]
    parted = [(10.0 + 2.0 * n, 8, person_boxes(12, 10)) for n in range(3)]

    assert observed(crowd).estimate is not None
    assert observed([*crowd, *parted]).estimate is None


def test_an_estimate_outlives_tiles_that_did_not_run_but_not_for_long() -> None:
    crowd = [(2.0 * n, 4, person_boxes(40, 18)) for n in range(5)]
    none = [(8.0 + n, 4, None) for n in range(1, 60)]

    assert observed([*crowd, *none[: int(HOLD_S) - 6]]).estimate is not None
    assert observed([*crowd, *none]).estimate is None


def test_the_estimate_is_lowered_where_the_place_itself_makes_boxes() -> None:
    bush = [(2.0 * n, 6, person_boxes(23, 22)) for n in range(60)]  # 1.8 for each counted: more than people make
    crowd = [(130.0 + 2.0 * n, 4, person_boxes(60, 30)) for n in range(3)]

    plain, cluttered = observed(crowd).estimate, observed([*bush, *crowd]).estimate

    assert plain is not None
    assert cluttered is not None
    assert cluttered.people < 0.95 * plain.people


def test_tiles_are_requested_where_there_are_person_boxes_and_more_often_once_they_show_a_crowd() -> None:
    crowd, faint = CrowdCount(MIDDLE), person_boxes(12, 6)
    region = crowd.tile_region(0.0, faint, HEIGHTS)
    assert region is not None
    assert region.body_height == pytest.approx(HEIGHT, rel=0.03)
    assert 0.35 < region.region[0] < region.region[2] < 0.65

    crowd.observe(0.0, 5, person_boxes(12, 9), HEIGHTS)
    assert crowd.tile_region(2.0, faint, HEIGHTS) is None
    assert crowd.tile_region(10.0, faint, HEIGHTS) is not None
    crowd.observe(10.0, 5, person_boxes(40, 18), HEIGHTS)
    assert crowd.tile_region(12.0, faint, HEIGHTS) is not None


def test_no_tiles_are_requested_for_few_people_beside_the_zone_or_of_another_size() -> None:
    beside = Detections.of(boxes_around(12) + np.array([0.38, 0.0, 0.38, 0.0]), [0.3] * 12)
    lorry = Detections.of(boxes_around(12) * (1, 0, 1, 1), [0.3] * 12)

    assert CrowdCount(MIDDLE).tile_region(0.0, person_boxes(7, 7), HEIGHTS) is None
    assert crowd_region(beside, MIDDLE, HEIGHTS) is None
    assert crowd_region(lorry, MIDDLE, HEIGHTS) is None
    assert CrowdCount(MIDDLE).tile_region(0.0, person_boxes(12, 6), BodyHeights()) is None


def test_the_feet_of_a_person_with_hidden_legs_follow_from_the_head() -> None:
    heads = boxes_around(12) - (0, 0.3, 0, 0.3 + HEIGHT / 2)  # the upper halves, their own lower edges outside the zone

    assert float(heads[:, 3].max()) < 0.35
    assert crowd_region(Detections.of(heads, [0.3] * 12), MIDDLE, HEIGHTS) is not None


def packed(camera: CameraBehaviours, from_s: float, to_s: float, tiled: tuple[int, int]) -> list[Signal]:
    """Four of a crowd are tracked; tiles, when requested, show (boxes, those of them that are not faint)."""
    signals = []
    for number in range(round(from_s * 5), round(to_s * 5)):
        at = instant(number / 5)
        people = person_boxes(12, 6, tracked=4)
        asked = camera.requests(at.mono_s, people).tiles is not None
        found = person_boxes(*tiled) if asked else None
        signals += camera.observe(Observation(at, people, ASPECT, tile_detections=found))
    return signals


def test_a_standing_crush_keeps_its_occupancy_alert_for_as_long_as_it_stands() -> None:
    camera = CameraBehaviours([zone_of({"occupancy": {"capacity": 20}})])
    standing = packed(camera, 0, 600, (60, 25))
    parted = packed(camera, 600, 660, (8, 7))

    assert [one.phase for one in standing] == [Phase.BEGAN]
    assert standing[0].captured.mono_s < 40
    assert standing[0].people_count == 4
    said = sentence(standing[0].reasons, "en")
    assert said.startswith(
        "Too dense to count: about 45 to 113 people, estimated from 60 partly seen figures, the limit is 20"
    )
    assert [one.phase for one in parted] == [Phase.ENDED]


def test_what_is_said_of_an_estimate_never_claims_a_count() -> None:
    camera = CameraBehaviours([zone_of({"occupancy": {"capacity": 20}})])
    (began,) = packed(camera, 0, 60, (60, 25))

    assert "count" not in {name for reason in began.reasons for name in reason.params}
    assert "kira-kira 45 sampai 113 orang" in sentence(began.reasons, "id")


def test_density_goes_by_the_estimate_and_says_its_ends() -> None:
    camera = CameraBehaviours([zone_of({"density": {"limit_per_m2": 5.0}})], plane=FlatPlane())

    (began,) = packed(camera, 0, 60, (40, 20))

    assert "about 12.6 to 31.5 people per m², the limit is 5.0" in sentence(began.reasons, "en")


def test_a_crowd_that_came_and_cannot_be_counted_any_more_has_gathered() -> None:
    camera = CameraBehaviours([zone_of({"gathering": {}})])
    for number in range(300):
        camera.observe(Observation(instant(number / 5), person_boxes(2, 2, tracked=2), ASPECT))

    (began,) = packed(camera, 60, 120, (40, 20))

    assert "from 2 people to more than can be counted within 2 min" in sentence(began.reasons, "en")


def test_zones_without_crowd_rules_request_no_tiles() -> None:
    camera = CameraBehaviours([zone_of({"loitering": {}, "running": {}})])
    for number in range(50):
        people = person_boxes(30, 15, tracked=4)
        assert camera.requests(number / 5, people).tiles is None
        camera.observe(Observation(instant(number / 5), people, ASPECT))
    assert camera.crowds == {}
