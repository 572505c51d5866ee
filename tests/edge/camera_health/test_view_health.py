"""Camera health from frames, on the shared footage and on faults simulated from it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from contract.event import Phase
from edge.camera_health import HealthFinding, ReferenceView, ViewFault, ViewHealth, ViewHealthSettings
from edge.camera_health.freeze import FreezeWatch
from tests.support.data import DataFile
from tests.support.views import HEIGHT, WIDTH, Luma, noisy, small_frames, to_and_fro

CLIPS = (
    "mot/KITTI-17.mp4", "mot/PETS09-S2L1-vtest.mp4", "mot/TUD-Campus.mp4", "video/avenue-08.mp4",
    "video/avenue-17.mp4", "video/avenue-19.mp4", "video/avenue-normal-12.mp4", "video/bgs_highway_noperson.avi",
    "video/intel_car_noperson.mp4", "video/intel_one_by_one.mp4", "video/mvondracek__s3_f_side_single.mp4",
    "video/office_lobby_fisheye.mp4", "video/shop_counter_cctv.mp4",
)  # fmt: skip
SCENES = ("mot/PETS09-S2L1-vtest.mp4", "video/mvondracek__s3_f_side_single.mp4", "video/shop_counter_cctv.mp4")
BARE = ("video/bgs_highway_noperson.avi", "video/intel_car_noperson.mp4")
"""Views with few edges: a road with its marks, and one with hardly any, on which cars pass."""
HAPPENS_S = 30.0
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
RNG = np.random.default_rng(11)
CELLS = np.full((9, 16), 100.0, np.float32)
DEFOCUSED, MOVED = ViewFault.DEFOCUSED, ViewFault.MOVED


def turned(degrees: float, zoom: float) -> Callable[[Luma], Luma]:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, zoom)
    return lambda frame: np.asarray(
        cv2.warpAffine(frame, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), dtype=np.uint8
    )


def blurred(sigma: float) -> Callable[[Luma], Luma]:
    return lambda frame: np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), dtype=np.uint8)


FAULTS: dict[str, tuple[ViewFault, Callable[[Luma], Luma]]] = {
    "a hand before the lens": (ViewFault.COVERED, lambda p: noisy(blurred(40)(p) * 0.2 + 60, 1.0, RNG)),
    "spray on the glass": (ViewFault.COVERED, lambda p: noisy(blurred(12)(p) * 0.3 + 120, 0.5, RNG)),
    "a bag over three fifths": (ViewFault.COVERED, lambda p: noisy(np.where(COLUMNS < 192, 70, p), 0.5, RNG)),
    "black tape": (ViewFault.COVERED, lambda p: np.full_like(p, 16)),
    "slightly out of focus": (DEFOCUSED, blurred(1.2)),
    "badly out of focus": (DEFOCUSED, blurred(5.0)),
    "pushed by a thirtieth": (MOVED, lambda p: np.roll(p, 10, axis=1)),
    "turned by a quarter": (MOVED, lambda p: np.roll(p, 80, axis=1)),
    "tilted": (MOVED, lambda p: np.roll(p, 14, axis=0)),
    "rolled by five degrees": (MOVED, turned(5.0, 1.0)),
    "zoomed in": (MOVED, turned(0.0, 1.3)),
    "the lamp is out": (ViewFault.DARK, lambda p: noisy(p * 0.08 + 14.7, 0.4, RNG)),
}
HARMLESS: dict[str, Callable[[Luma], Luma]] = {
    "nothing": lambda p: p,
    "half the light": lambda p: noisy(p * 0.5 + 8, 2.0, RNG),
    "infrared": lambda p: noisy(16 + (p - 16.0) * (0.3 + 0.6 * np.exp(-(((COLUMNS - 160) / 140) ** 2))), 4.0, RNG),
    "light and dark change sides": lambda p: np.asarray(255 - p, dtype=np.uint8),
}


def watch(
    health: ViewHealth, frames: Iterator[Luma], starts_s: float, seconds: float, period_s: float = 2.0
) -> list[HealthFinding]:
    found: list[HealthFinding] = []
    for index in range(round(seconds / period_s)):
        found += health.observe(next(frames), starts_s + index * period_s)
    return found


def scene(data_file: DataFile, name: str) -> Iterator[Luma]:
    frames, _ = small_frames(data_file(name), 0.5, seconds=60.0)
    return to_and_fro(frames)


def learnt(data_file: DataFile, name: str) -> tuple[ViewHealth, Iterator[Luma]]:
    health, frames = ViewHealth(), scene(data_file, name)
    assert watch(health, frames, 0.0, HAPPENS_S) == []
    assert health.reference is not None
    return health, frames


@pytest.mark.parametrize("clip", CLIPS)
def test_an_ordinary_clip_has_no_fault(data_file: DataFile, clip: str) -> None:
    frames, period_s = small_frames(data_file(clip), 5.0)
    health = ViewHealth(ViewHealthSettings(sample_s=0.2, learn_s=0.5, confirm_s=2.0) if len(frames) < 50 else None)
    found = [one for i, frame in enumerate(frames) for one in health.observe(frame, i * period_s)]
    assert found == []
    assert health.reference is not None


@pytest.mark.parametrize("clip", SCENES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_within_30_s_with_the_right_name_and_ends(data_file: DataFile, clip: str, fault: str) -> None:
    health, frames = learnt(data_file, clip)
    kind, happens = FAULTS[fault]
    found = watch(health, map(happens, frames), HAPPENS_S, 60.0)
    assert [(one.fault, one.phase) for one in found] == [(kind, Phase.BEGAN)]
    assert found[0].since_mono_s <= found[0].at_mono_s <= HAPPENS_S + 30.0
    assert health.faults == {kind}
    ended = watch(health, frames, HAPPENS_S + 60.0, 40.0)
    assert [(one.fault, one.phase) for one in ended] == [(kind, Phase.ENDED)]
    assert health.faults == frozenset()


@pytest.mark.parametrize("clip", BARE)
@pytest.mark.parametrize(
    "fault",
    # Not zoomed: the little that the barest view has is then outside, as if it were covered.
    [name for name, (kind, _) in FAULTS.items() if kind in (DEFOCUSED, MOVED) and name != "zoomed in"],
)
def test_defocus_and_movement_are_found_on_a_bare_road_too(data_file: DataFile, clip: str, fault: str) -> None:
    health, frames = learnt(data_file, clip)
    assert watch(health, frames, HAPPENS_S, 120.0) == []
    kind, happens = FAULTS[fault]
    found = watch(health, map(happens, frames), HAPPENS_S + 120.0, 30.0)
    assert [(one.fault, one.phase) for one in found] == [(kind, Phase.BEGAN)]
    ended = watch(health, frames, HAPPENS_S + 150.0, 40.0)
    assert [(one.fault, one.phase) for one in ended] == [(kind, Phase.ENDED)]


def test_cars_that_pass_in_the_first_seconds_do_not_enter_the_reference(data_file: DataFile) -> None:
    health, found = ViewHealth(), []
    for index, frame in enumerate(itertools.islice(scene(data_file, "video/intel_car_noperson.mp4"), 18)):
        if index < 6 or index % 2 == 0:  # keyframes alone once nothing moves
            found += health.observe(frame, index * 2.0)
    assert found == []


@pytest.mark.parametrize("clip", [*SCENES, *BARE])
@pytest.mark.parametrize("change", HARMLESS)
def test_light_that_changes_is_no_fault(data_file: DataFile, clip: str, change: str) -> None:
    health, frames = learnt(data_file, clip)
    assert watch(health, map(HARMLESS[change], frames), HAPPENS_S, 60.0) == []


def test_a_frozen_camera_is_found_and_its_end_as_well(data_file: DataFile) -> None:
    health, frames = learnt(data_file, SCENES[0])
    still = next(frames)
    found = watch(health, itertools.repeat(still), HAPPENS_S, 30.0)
    assert [(one.fault, one.phase) for one in found] == [(ViewFault.FROZEN, Phase.BEGAN)]
    moves = watch(health, frames, HAPPENS_S + 30.0, 20.0)
    assert [(one.fault, one.phase) for one in moves] == [(ViewFault.FROZEN, Phase.ENDED)]


def test_frozen_frames_under_a_running_clock_are_frozen(data_file: DataFile) -> None:
    health, frames = learnt(data_file, SCENES[0])
    still = next(frames)

    def clock() -> Iterator[Luma]:
        for second in itertools.count():
            drawn = still.copy()
            cv2.putText(drawn, f"12:00:{second % 60:02d}", (10, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 235, 1)
            yield drawn

    found = watch(health, clock(), HAPPENS_S, 30.0)
    assert [one.fault for one in found] == [ViewFault.FROZEN]


def test_a_scene_without_people_and_little_noise_is_not_frozen(data_file: DataFile) -> None:
    health, frames = learnt(data_file, SCENES[0])
    empty, rng = next(frames), np.random.default_rng(5)
    assert watch(health, (noisy(empty, 0.4, rng) for _ in itertools.count()), HAPPENS_S, 120.0) == []


def test_a_camera_whose_encoder_repeats_quiet_frames_gets_a_longer_limit() -> None:
    rng = np.random.default_rng(8)
    watcher = FreezeWatch(limit_s=12.0)
    frame = rng.integers(0, 255, (HEIGHT, WIDTH)).astype(np.uint8)
    for keyframe in range(4):
        changed = np.roll(frame, keyframe, axis=1)
        assert not any(watcher.observe(changed, CELLS, keyframe * 10.0 + second) for second in range(10))
    assert watcher.limit_s == pytest.approx(27.0)


def test_a_camera_covered_from_the_start_is_found_without_a_reference(data_file: DataFile) -> None:
    covered = map(FAULTS["spray on the glass"][1], scene(data_file, SCENES[0]))
    found = watch(ViewHealth(), covered, 0.0, 30.0)
    assert [(one.fault, one.phase) for one in found] == [(ViewFault.COVERED, Phase.BEGAN)]


def test_the_reference_is_never_learnt_from_a_faulty_view(data_file: DataFile) -> None:
    health, frames = learnt(data_file, SCENES[0])
    watch(health, map(FAULTS["tilted"][1], frames), HAPPENS_S, 900.0)
    assert health.faults == {ViewFault.MOVED}
    assert [one.phase for one in watch(health, frames, HAPPENS_S + 900.0, 40.0)] == [Phase.ENDED]


def test_an_accepted_view_becomes_the_reference(data_file: DataFile) -> None:
    health, frames = learnt(data_file, SCENES[0])
    moved = map(FAULTS["turned by a quarter"][1], frames)
    watch(health, moved, HAPPENS_S, 40.0)
    assert [(one.fault, one.phase) for one in health.accept_view()] == [(ViewFault.MOVED, Phase.ENDED)]
    assert watch(health, moved, HAPPENS_S + 40.0, 60.0) == []
    assert health.reference is not None
    back = watch(health, frames, HAPPENS_S + 100.0, 40.0)
    assert [(one.fault, one.phase) for one in back] == [(ViewFault.MOVED, Phase.BEGAN)]


def test_a_stored_reference_finds_a_fault_caused_while_the_worker_was_down(data_file: DataFile) -> None:
    health, frames = learnt(data_file, SCENES[0])
    assert health.reference is not None
    stored = json.dumps(health.reference.to_json())
    assert len(stored) < 25_000
    again = ViewHealth(reference=ReferenceView.from_json(json.loads(stored)))
    found = watch(again, map(FAULTS["pushed by a thirtieth"][1], frames), 0.0, 30.0)
    assert [(one.fault, one.phase) for one in found] == [(ViewFault.MOVED, Phase.BEGAN)]


@pytest.mark.parametrize(
    "broken", [{}, {"format": 1}, {"format": 2}, {"format": 2, "steadiness": 1.0, "cells": {}, "edges": {}}]
)
def test_a_broken_stored_reference_is_refused_with_a_reason(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a stored reference view"):
        ReferenceView.from_json(broken)


def test_frames_that_come_faster_than_the_sample_interval_are_skipped(data_file: DataFile) -> None:
    health, frames = ViewHealth(), scene(data_file, SCENES[0])
    dark = np.full((HEIGHT, WIDTH), 16, np.uint8)
    health.observe(next(frames), 0.0)
    assert all(health.observe(dark, 0.01 * index) == [] for index in range(150))
    assert health.faults == frozenset()


def test_anything_but_a_two_dimensional_uint8_image_is_refused() -> None:
    with pytest.raises(ValueError, match="luma must be"):
        ViewHealth().observe(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 0.0)


@pytest.mark.parametrize("change", [{"confirm_s": 0.0}, {"dark_levels": (50.0, 40.0)}, {"covered_lost": (0.2, 0.4)}])
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        ViewHealthSettings(**change)  # type: ignore[arg-type]  # one wrong value at a time
