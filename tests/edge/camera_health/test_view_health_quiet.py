"""Cameras that become quiet without being frozen: denoisers, encoders that skip, light that hardly changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from contract.event import Phase
from edge.camera_health import HealthFinding, ViewFault, ViewHealth
from edge.camera_health.freeze import FreezeWatch
from tests.support.data import DataFile
from tests.support.views import HEIGHT, WIDTH, Luma, noisy, small_frames, to_and_fro

CLIP = "mot/PETS09-S2L1-vtest.mp4"
LEARNS_S = 240.0
CELLS = np.full((9, 16), 100.0, np.float32)


class Camera:
    """A camera on a clock; each `shows` continues where the last one ended."""

    def __init__(self) -> None:
        self.health = ViewHealth()
        self.at_s = 0.0

    def shows(self, frames: Iterator[Luma], seconds: float, every_s: float = 2.0) -> list[HealthFinding]:
        found: list[HealthFinding] = []
        for _ in range(round(seconds / every_s)):
            found += self.health.observe(next(frames), self.at_s)
            self.at_s += every_s
        return found


@pytest.fixture
def scene(data_file: DataFile) -> tuple[Luma, tuple[Luma, ...]]:
    """The clip's view without people, and its frames with people."""
    people, _ = small_frames(data_file(CLIP), 0.5, seconds=60.0)
    return np.median(people, axis=0).astype(np.uint8), people


def empty(view: Luma, levels: float, seed: int) -> Iterator[Luma]:
    rng = np.random.default_rng(seed)
    return (noisy(view, levels, rng) if levels else view for _ in itertools.count())


def refined(view: Luma, seed: int) -> Iterator[Luma]:
    """One view as an encoder refines it: never equal, now more and now less similar to the frames before."""
    rng = np.random.default_rng(seed)
    return (noisy(view, levels, rng) for levels in itertools.cycle((0.7, 0.3, 0.4)))


def peopled(people: tuple[Luma, ...], view: Luma, levels: float, seed: int) -> Iterator[Luma]:
    """People of the clip pass through one corner of the otherwise empty view."""
    rng = np.random.default_rng(seed)
    for frame in to_and_fro(people):
        shown = view.copy()
        shown[60:140, 160:] = frame[60:140, 160:]
        yield noisy(shown, levels, rng) if levels else shown


def test_a_false_claim_on_a_camera_made_quieter_ends_when_somebody_passes_and_does_not_return(
    scene: tuple[Luma, tuple[Luma, ...]],
) -> None:
    view, people = scene
    camera = Camera()
    assert camera.shows(empty(view, 2.5, 1), LEARNS_S) == []
    claimed = camera.shows(refined(view, 2), 60.0)  # this cannot be distinguished from a frozen input
    assert [(one.fault, one.phase) for one in claimed] == [(ViewFault.FROZEN, Phase.BEGAN)]
    passing_s = camera.at_s
    ended = camera.shows(peopled(people, view, 0.6, 3), 30.0)
    assert [(one.fault, one.phase) for one in ended] == [(ViewFault.FROZEN, Phase.ENDED)]
    assert ended[0].at_mono_s - passing_s <= 8.0
    assert camera.shows(empty(view, 0.6, 4), 600.0) == []
    frozen_s = camera.at_s
    still = next(empty(view, 0.6, 5))
    found = camera.shows(itertools.repeat(still), 40.0)
    assert [(one.fault, one.phase) for one in found] == [(ViewFault.FROZEN, Phase.BEGAN)]
    assert found[0].at_mono_s - frozen_s <= 30.0


@pytest.mark.parametrize("every_s", [2.0, 4.0])
def test_a_denoiser_switched_on_in_an_empty_scene_is_claimed_for_seconds_at_most(
    scene: tuple[Luma, tuple[Luma, ...]], every_s: float
) -> None:
    view, _ = scene
    camera = Camera()
    assert camera.shows(empty(view, 2.5, 1), LEARNS_S, every_s) == []
    denoised_s = camera.at_s
    claimed = camera.shows(empty(view, 0.6, 2), 600.0, every_s)
    assert [one.phase for one in claimed] in ([], [Phase.BEGAN, Phase.ENDED])
    assert all(one.at_mono_s - denoised_s <= 12.0 * every_s for one in claimed)  # 7 compared frames, and 4
    still = next(empty(view, 0.6, 5))
    frozen_s = camera.at_s
    found = camera.shows(itertools.repeat(still), 40.0, every_s)
    assert [(one.fault, one.phase) for one in found] == [(ViewFault.FROZEN, Phase.BEGAN)]
    assert found[0].at_mono_s - frozen_s <= 30.0


def test_a_camera_made_quieter_while_somebody_passes_is_never_frozen(
    scene: tuple[Luma, tuple[Luma, ...]],
) -> None:
    view, people = scene
    camera = Camera()
    assert camera.shows(peopled(people, view, 2.5, 1), LEARNS_S) == []
    assert camera.shows(peopled(people, view, 0.6, 2), 60.0) == []
    assert camera.shows(empty(view, 0.6, 3), 600.0) == []


def test_light_that_changes_slowly_ends_a_false_claim(scene: tuple[Luma, tuple[Luma, ...]]) -> None:
    view, _ = scene
    camera = Camera()
    assert camera.shows(empty(view, 2.5, 1), LEARNS_S) == []
    assert len(camera.shows(refined(view, 2), 60.0)) == 1
    rng = np.random.default_rng(3)
    dusk = (noisy(view * (1.0 - step / 3000.0), 0.6, rng) for step in itertools.count())
    assert [one.phase for one in camera.shows(dusk, 120.0)] == [Phase.ENDED]
    assert camera.shows(dusk, 300.0) == []


def test_a_view_without_any_noise_through_which_people_come_and_go_is_not_frozen(
    scene: tuple[Luma, tuple[Luma, ...]],
) -> None:
    view, people = scene
    camera = Camera()
    for hour in range(10):
        assert camera.shows(empty(view, 0.0, 0), 100.0) == [], hour
        assert camera.shows(peopled(people, view, 0.0, 0), 20.0) == [], hour


def test_a_second_freeze_is_found_as_soon_as_the_first(
    scene: tuple[Luma, tuple[Luma, ...]],
) -> None:
    view, _ = scene
    camera = Camera()
    assert camera.shows(empty(view, 1.0, 1), 80.0) == []  # too short for its floor to be believed
    for seed in (2, 3, 4):
        frozen_s = camera.at_s
        still = next(empty(view, 1.0, seed))
        found = camera.shows(itertools.repeat(still), 40.0)
        assert [(one.fault, one.phase) for one in found] == [(ViewFault.FROZEN, Phase.BEGAN)]
        assert found[0].at_mono_s - frozen_s <= 20.0
        assert [one.phase for one in camera.shows(empty(view, 1.0, 10 + seed), 30.0)] == [Phase.ENDED]


def test_a_freeze_is_found_when_only_keyframes_far_apart_are_decoded(
    scene: tuple[Luma, tuple[Luma, ...]],
) -> None:
    view, _ = scene
    camera = Camera()
    assert camera.shows(empty(view, 1.0, 1), 600.0, every_s=12.0) == []
    frozen_s = camera.at_s
    found = camera.shows(refined(view, 2), 72.0, every_s=12.0)
    assert [(one.fault, one.phase) for one in found] == [(ViewFault.FROZEN, Phase.BEGAN)]
    assert found[0].at_mono_s - frozen_s <= 36.0
    assert [one.phase for one in camera.shows(empty(view, 1.0, 3), 120.0, every_s=12.0)] == [Phase.ENDED]


def test_a_covered_view_does_not_count_towards_the_noise_floor(scene: tuple[Luma, tuple[Luma, ...]]) -> None:
    view, _ = scene
    camera = Camera()
    assert camera.shows(empty(view, 2.0, 1), LEARNS_S) == []
    before = camera.health.noise
    assert before is not None
    covered = np.full_like(view, 90)
    assert [one.fault for one in camera.shows(empty(covered, 0.4, 2), 300.0)] == [ViewFault.COVERED]
    after = camera.health.noise
    assert after is not None
    assert np.median(after.mean) >= 0.9 * np.median(before.mean)  # 0.4 levels of 2 if the cover counted
    assert [one.phase for one in camera.shows(empty(view, 2.0, 3), 60.0)] == [Phase.ENDED]


def test_an_encoder_that_repeats_frames_up_to_the_next_keyframe_is_claimed_at_most_once() -> None:
    rng = np.random.default_rng(4)
    view = rng.integers(40, 200, (HEIGHT, WIDTH)).astype(np.uint8)
    watch = FreezeWatch(limit_s=12.0)
    claims = 0
    was_frozen = False
    for keyframe in range(40):
        coded = noisy(view, 0.5, rng)  # each keyframe rounds the same view in its own way
        for second in range(0, 30, 2):
            is_frozen = watch.observe(coded, CELLS, keyframe * 30.0 + second)
            claims += is_frozen and not was_frozen
            was_frozen = is_frozen
    assert claims <= 1
    assert watch.limit_s >= 60.0


def test_a_small_passing_object_is_a_sign_of_life_though_most_cells_repeat() -> None:
    rng = np.random.default_rng(5)
    view = rng.integers(40, 200, (HEIGHT, WIDTH)).astype(np.uint8)
    moves: Callable[[int], int] = lambda step: 20 + 9 * (step % 30)  # noqa: E731 - one expression, used once
    watch = FreezeWatch(limit_s=12.0)
    for step in range(60):
        watch.observe(noisy(view, 1.0, rng), CELLS, step * 2.0)
    for step in range(60, 240):
        shown = view.copy()
        shown[80:100, moves(step) : moves(step) + 8] = 255
        assert not watch.observe(shown, CELLS, step * 2.0)
    found = [watch.observe(view, CELLS, step * 2.0) for step in range(240, 1200)]
    assert found[-1]
