"""The motion gate on real frames, and under weather, changes of light and codec noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from edge.decode.motion_gate import GateSettings, MotionGate, MotionResult
from tests.support.data import DataFile
from tests.support.views import HEIGHT, WIDTH, Luma, noisy, raining, small_frames, swaying

PERIOD_S = 0.2


def empty_hall(data_file: DataFile) -> Luma:
    """The hall before anybody comes, with its noise averaged away."""
    frames, _ = small_frames(data_file("video/intel_one_by_one.mp4"), 5.0, seconds=5.0)
    return np.asarray(np.median(frames, axis=0), dtype=np.uint8)


def results(gate: MotionGate, frames: Iterable[Luma], period_s: float = PERIOD_S) -> list[MotionResult]:
    return [gate.observe(frame, index * period_s) for index, frame in enumerate(frames)]


def active_share(found: list[MotionResult]) -> float:
    return sum(one.active for one in found) / len(found)


def film(seconds: float, frame_at: Callable[[float], Luma]) -> list[Luma]:
    return [frame_at(index * PERIOD_S) for index in range(round(seconds / PERIOD_S))]


def test_the_first_frame_is_active(data_file: DataFile) -> None:
    result = MotionGate().observe(empty_hall(data_file), 0.0)
    assert result.active
    assert result.relit


def test_real_people_are_motion_and_the_empty_hall_between_them_is_not(data_file: DataFile) -> None:
    frames, period_s = small_frames(data_file("video/intel_one_by_one.mp4"), 5.0, seconds=40.0)
    found = results(MotionGate(), frames, period_s)
    # The hall is empty until 6 s; people walk through from 8 s to 16 s and from 26 s to 38 s.
    seconds = np.arange(len(frames)) * period_s
    moving = np.array([one.active for one in found])
    assert not moving[(seconds > 0.5) & (seconds < 5.5)].any()
    assert moving[(seconds > 8.0) & (seconds < 15.0)].all()


@pytest.mark.parametrize("grain", [0.0, 1.0])
@pytest.mark.parametrize("levels", [1.0, 6.0])
def test_sensor_noise_is_no_motion_once_it_is_learnt(data_file: DataFile, levels: float, grain: float) -> None:
    hall, rng = empty_hall(data_file), np.random.default_rng(1)
    found = results(MotionGate(), film(20.0, lambda _: noisy(hall, levels, rng, grain)))
    assert active_share(found[25:]) <= 0.05


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0.0), (1.0, 20.0), (0.5, 0.0)])
def test_an_exposure_step_is_no_motion(data_file: DataFile, gain: float, offset: float) -> None:
    hall, rng = empty_hall(data_file), np.random.default_rng(2)
    stepped = np.clip(hall * gain + offset, 0, 255)
    found = results(MotionGate(), film(20.0, lambda at_s: noisy(hall if at_s < 10.0 else stepped, 1.5, rng)))
    assert active_share(found[5:]) <= 0.03


def test_dusk_is_no_motion(data_file: DataFile) -> None:
    hall, rng = empty_hall(data_file), np.random.default_rng(3)
    found = results(MotionGate(), film(30.0, lambda at_s: noisy(hall * (1.0 - at_s / 60.0), 1.5, rng)))
    assert active_share(found[5:]) == 0.0


def test_switching_to_infrared_is_motion_for_seconds_and_then_learnt(data_file: DataFile) -> None:
    hall, rng = empty_hall(data_file), np.random.default_rng(4)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    lamp = np.exp(-(((columns - WIDTH / 2) / 120) ** 2 + ((rows - HEIGHT / 2) / 80) ** 2))
    infrared = (255 - hall) * (0.2 + 0.8 * lamp)
    found = results(
        MotionGate(), film(60.0, lambda at_s: noisy(hall if at_s < 20 else infrared, 1.5 if at_s < 20 else 6, rng))
    )
    switched = round(20.0 / PERIOD_S)
    assert found[switched].active
    assert found[switched].relit
    assert active_share(found[switched + 75 :]) <= 0.02


def test_rain_is_hardly_ever_motion(data_file: DataFile) -> None:
    hall, rng = empty_hall(data_file), np.random.default_rng(5)
    found = results(MotionGate(), film(20.0, lambda _: noisy(raining(hall, 200, 20.0, rng), 1.5, rng)))
    assert active_share(found[5:]) <= 0.1


def test_a_swaying_tree_is_learnt_in_half_a_minute_and_a_person_in_front_of_it_is_motion(data_file: DataFile) -> None:
    frames, _ = small_frames(data_file("video/intel_one_by_one.mp4"), 5.0, seconds=40.0)
    hall, rng = empty_hall(data_file), np.random.default_rng(6)
    gate = MotionGate()
    calm = [noisy(swaying(hall, index * PERIOD_S, (160, 90)), 1.5, rng) for index in range(200)]
    alone = results(gate, calm)
    assert active_share(alone[:50]) > 0.1
    assert active_share(alone[150:]) <= 0.05
    walking = [swaying(frame, (200 + index) * PERIOD_S, (160, 90)) for index, frame in enumerate(frames)]
    found = [gate.observe(frame, (200 + index) * PERIOD_S) for index, frame in enumerate(walking)]
    assert active_share(found[40:75]) >= 0.95


def test_a_clock_drawn_into_the_frame_is_learnt(data_file: DataFile) -> None:
    hall, rng = empty_hall(data_file), np.random.default_rng(7)

    def frame(at_s: float) -> Luma:
        drawn = hall.copy()
        cv2.putText(drawn, f"12:00:{int(at_s) % 60:02d}", (10, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 235, 1)
        return noisy(drawn, 1.5, rng)

    assert active_share(results(MotionGate(), film(40.0, frame))[150:]) == 0.0


def test_a_parked_object_becomes_background_and_a_person_in_a_known_box_does_not(data_file: DataFile) -> None:
    hall = empty_hall(data_file)
    parked = hall.copy()
    parked[60:120, 100:160] = 20
    box = np.array([[100 / WIDTH, 60 / HEIGHT, 160 / WIDTH, 120 / HEIGHT]])
    for people, still_active in ((None, False), (box, True)):
        gate = MotionGate()
        gate.observe(hall, 0.0)
        found = [gate.observe(parked, index * PERIOD_S, people) for index in range(1, 600)]
        assert found[10].active
        assert found[-1].active is still_active


def test_nothing_under_a_privacy_mask_is_motion(data_file: DataFile) -> None:
    hall = empty_hall(data_file)
    ignored = np.zeros((HEIGHT, WIDTH), np.bool_)
    ignored[:, :160] = True
    gate = MotionGate(ignored=ignored)
    gate.observe(hall, 0.0)
    under, beside = hall.copy(), hall.copy()
    under[60:120, 20:80] = 20
    beside[60:120, 200:260] = 20
    assert not gate.observe(under, 0.2).active
    result = gate.observe(beside, 0.4)
    assert result.active
    assert result.share == pytest.approx(60 * 60 / (160 * HEIGHT), rel=0.1)


def test_frames_decoded_back_are_compared_and_not_learnt(data_file: DataFile) -> None:
    hall = empty_hall(data_file)
    other = hall.copy()
    other[60:120, 100:160] = 20
    gate = MotionGate()
    gate.observe(hall, 10.0)
    for _ in range(1000):
        assert gate.observe(other, 9.0).active
    assert not gate.observe(hall, 10.2).active


def test_another_resolution_resets_the_model() -> None:
    gate = MotionGate()
    gate.observe(np.full((90, 160), 50, np.uint8), 0.0)
    assert gate.observe(np.full((180, 320), 90, np.uint8), 0.2).relit
    assert not gate.observe(np.full((180, 320), 90, np.uint8), 0.4).active


@pytest.mark.parametrize(
    "wrong", [np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160), np.float32), np.zeros((2, 2), np.uint8)]
)
def test_anything_but_a_small_grey_image_is_refused(wrong: Luma) -> None:
    with pytest.raises(ValueError, match="luma must be"):
        MotionGate().observe(wrong, 0.0)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ignored must have the frame's shape \(90, 160\)"):
        MotionGate(ignored=np.zeros((180, 320), np.bool_)).observe(np.zeros((90, 160), np.uint8), 0.0)


@pytest.mark.parametrize(
    "change", [{"follow_s": 0.0}, {"cell_share": 1.5}, {"cell_px": 0}, {"floor_levels": float("nan")}]
)
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        GateSettings(**change)  # type: ignore[arg-type]  # one wrong value at a time
