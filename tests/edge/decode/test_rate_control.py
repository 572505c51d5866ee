"""Under overload cameras lower their rates fairly, and raise them again once there is capacity."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from contract.clock import Instant
from edge.decode.frame import Frame
from edge.decode.rate_control import RateController, RateSettings
from edge.detector.frame_scheduler import FrameScheduler

EPOCH = datetime(2026, 11, 24, tzinfo=UTC)
STEP_S = 0.01


def frame(at_mono_s: float) -> Frame:
    chroma = np.full((1, 1), 128, np.uint8)
    return Frame(np.zeros((2, 2), np.uint8), chroma, chroma, Instant(at_mono_s, EPOCH))


@dataclass
class Device:
    """Cameras that offer frames at their controller's rate and a detector that takes `detect_s` a frame."""

    full_fps: dict[str, float]
    detect_s: float
    now_s: float = 0.0
    free_at_s: float = 0.0
    controllers: dict[str, RateController] = field(init=False)
    due_s: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.scheduler = FrameScheduler(self.full_fps)
        self.controllers = {name: RateController(fps) for name, fps in self.full_fps.items()}
        self.due_s = dict.fromkeys(self.full_fps, 0.0)

    def run(self, seconds: float) -> dict[str, float]:
        """Let time pass; return how many frames per second of each camera were analysed."""
        analysed = dict.fromkeys(self.full_fps, 0)
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += STEP_S
            for name, controller in self.controllers.items():
                if self.now_s >= self.due_s[name]:
                    self.due_s[name] = self.now_s + 1.0 / controller.fps
                    dropped = self.scheduler.offer(name, [frame(self.now_s)])
                    controller.note(self.now_s, offered=1, dropped=dropped)
            while self.free_at_s <= self.now_s and (item := self.scheduler.take(0.0)) is not None:
                analysed[item[0]] += 1
                self.free_at_s = max(self.free_at_s, self.now_s) + self.detect_s
        return {name: count / seconds for name, count in analysed.items()}

    def dropped(self) -> int:
        return sum(self.scheduler.dropped(name) for name in self.full_fps)


def test_a_device_that_keeps_up_leaves_every_camera_at_its_rate() -> None:
    device = Device({"a": 5.0, "b": 5.0}, detect_s=0.09)
    device.run(120.0)
    assert [controller.fps for controller in device.controllers.values()] == [5.0, 5.0]
    assert device.dropped() == 0


def test_an_overloaded_device_stops_dropping_and_keeps_working_at_its_limit() -> None:
    device = Device({"a": 5.0, "b": 5.0, "c": 5.0}, detect_s=0.2)
    device.run(30.0)
    before = device.dropped()
    analysed = device.run(300.0)
    offered = sum(analysed.values()) * 300.0
    assert device.dropped() - before < 0.05 * offered
    assert sum(analysed.values()) > 0.75 / 0.2
    assert all(controller.is_degraded for controller in device.controllers.values())


def test_cameras_of_equal_rates_get_nearly_equal_shares() -> None:
    device = Device({"a": 5.0, "b": 5.0, "c": 5.0, "d": 5.0}, detect_s=0.2)
    device.run(60.0)
    analysed = device.run(600.0)
    assert max(analysed.values()) < 1.35 * min(analysed.values())


def test_a_camera_below_its_share_keeps_its_rate() -> None:
    device = Device({"modest": 1.5, "greedy": 15.0}, detect_s=0.2)
    device.run(120.0)
    assert device.controllers["modest"].fps == 1.5
    assert device.scheduler.dropped("modest") == 0
    assert device.controllers["greedy"].is_degraded


def test_the_rate_recovers_when_there_is_capacity_again() -> None:
    device = Device({"a": 5.0, "b": 5.0}, detect_s=0.5)
    device.run(60.0)
    assert all(controller.fps < 3.0 for controller in device.controllers.values())
    device.detect_s = 0.05
    device.run(240.0)
    assert [controller.fps for controller in device.controllers.values()] == [5.0, 5.0]
    assert not any(controller.is_degraded for controller in device.controllers.values())


def test_the_rate_never_falls_below_the_floor_nor_a_low_configured_rate() -> None:
    device = Device({"a": 5.0, "slow": 0.5}, detect_s=30.0)
    device.run(600.0)
    assert device.controllers["a"].fps == RateSettings().floor_fps
    assert device.controllers["slow"].fps == 0.5


def test_a_single_drop_changes_nothing() -> None:
    controller = RateController(5.0)
    changes = [controller.note(second, offered=1, dropped=int(second == 3)) for second in range(60)]
    assert not any(changes)


def test_the_burst_at_the_start_of_a_session_is_no_overload_and_lasting_drops_are() -> None:
    controller = RateController(5.0)
    for step in range(150):
        controller.note(step * 0.2, offered=1, dropped=int(step in (2, 3, 4)))
        assert not controller.is_degraded
    changes = [controller.note(30.0 + step * 0.2, offered=1, dropped=step % 2) for step in range(15)]
    assert sum(changes) == 1
    assert controller.fps == pytest.approx(3.5)


def test_a_controller_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="full_fps must be positive"):
        RateController(0.0)
