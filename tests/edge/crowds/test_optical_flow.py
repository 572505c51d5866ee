from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from contract.event import Phase
from contract.reasons import sentence
from edge.crowds.optical_flow import CrowdFlow
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.rules.engine import CameraBehaviours
from edge.signals import FlowField, Observation
from tests.support.scenes import ASPECT, HEIGHT, Someone, instant, observation, standing, zone_of

Picture = npt.NDArray[np.uint8]


def texture(seed: int = 1) -> Picture:
    """Soft blobs, which have corners to follow."""
    small = np.random.default_rng(seed).integers(0, 255, (45, 80), dtype=np.uint8)
    return np.kron(small, np.ones((8, 8), dtype=np.uint8))


def frame(picture: Picture, at_s: float) -> Frame:
    chroma = np.full(((picture.shape[0] + 1) // 2, (picture.shape[1] + 1) // 2), 128, dtype=np.uint8)
    return Frame(picture, chroma, chroma.copy(), instant(at_s))


def test_a_picture_that_moves_aside_flows_aside_at_its_speed() -> None:
    flow = CrowdFlow()
    first = texture()
    assert flow.measure(frame(first, 0.0)) is None

    field = flow.measure(frame(np.roll(first, 12, axis=1), 0.2))

    assert field is not None
    assert len(field.places_xyn) > 50
    across, down = np.median(field.velocities, axis=0)
    assert across == pytest.approx(12 / 360 / 0.2, rel=0.1)
    assert down == pytest.approx(0.0, abs=0.02)


def test_a_still_picture_does_not_flow() -> None:
    flow = CrowdFlow()
    flow.measure(frame(texture(), 0.0))
    field = flow.measure(frame(texture(), 0.2))

    assert field is not None
    assert np.abs(field.velocities).max() < 0.02


def test_after_a_pause_or_at_once_or_without_corners_nothing_is_said() -> None:
    flow = CrowdFlow()
    flow.measure(frame(texture(), 0.0))
    assert flow.measure(frame(texture(), 0.02)) is None
    assert flow.measure(frame(texture(), 5.0)) is None

    flat = np.full((360, 640), 90, dtype=np.uint8)
    flow.measure(frame(flat, 6.0))
    assert flow.measure(frame(flat, 6.2)) is None


def dense_crowd() -> list[Someone]:
    """Nine people, shoulder to shoulder: neighbours are 0.6 m apart."""
    step = 0.6 / 1.65 * HEIGHT
    return [
        Someone(standing(0.5 + (n % 3 - 1) * step / ASPECT, 0.5 + (n // 3 - 1) * step, sway=0.004), n + 1)
        for n in range(9)
    ]


def outward(speed: float) -> FlowField:
    """A flow field that leads away from the middle; speed in picture heights per second."""
    angles = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    away = np.column_stack((np.cos(angles), np.sin(angles)))
    return FlowField(0.5 + 0.12 * away / np.array([ASPECT, 1.0]), speed * away)


def run_apart(speed: float) -> CameraBehaviours:
    """A dense crowd stands for ten seconds; then no detector sees anybody any more, and only the picture moves."""
    camera = CameraBehaviours([zone_of({"dispersal": {"mode": "shadow"}})])
    for number in range(50):
        camera.observe(observation(dense_crowd(), number / 5))
    assert camera.requests(10.0, Detections.empty()).optical_flow
    for number in range(50, 60):
        seen = observation([], number / 5)
        camera.observe(Observation(seen.captured, seen.people, seen.aspect, outward(speed)))
    return camera


def test_a_dense_crowd_that_runs_apart_is_told_by_the_flow_of_its_picture() -> None:
    (signal,) = run_apart(0.45).shadow.take()

    assert signal.phase is Phase.BEGAN
    assert 10 < signal.captured.mono_s < 11.5
    assert signal.people_count == 9
    assert sentence(signal.reasons, "en").endswith("the crowd is too dense to count one by one")


def test_a_dense_crowd_that_walks_apart_is_not_told() -> None:
    assert run_apart(0.1).shadow.take() == ()


def test_a_loose_crowd_asks_for_no_flow() -> None:
    camera = CameraBehaviours([zone_of({"dispersal": {}})])
    for number in range(20):
        camera.observe(observation([Someone(standing(0.3 + 0.08 * n, 0.5), n + 1) for n in range(5)], number / 5))

    assert not camera.requests(4.0, Detections.empty()).optical_flow


def test_without_a_dispersal_rule_nobody_asks_for_flow() -> None:
    camera = CameraBehaviours([zone_of({"loitering": {}})])
    for number in range(20):
        camera.observe(observation(dense_crowd(), number / 5))

    assert not camera.requests(4.0, Detections.empty()).optical_flow
