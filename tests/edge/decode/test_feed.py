"""The feed offers the ladder's frames, and slows the ladder down when too many are dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from structlog.testing import capture_logs

from contract.clock import Instant
from edge.capture.packets import Packet
from edge.decode.feed import AnalysisFeed
from edge.decode.frame import Frame
from edge.decode.rate_control import RateController
from edge.detector.frame_scheduler import FrameScheduler
from tests.support.events import NOON

START = Instant(1000.0, NOON)


@dataclass
class Ladder:
    """A ladder that returns every frame, and records its rates."""

    fps: float = 5.0
    rates: list[float] = field(default_factory=list)

    def feed(self, packet: Packet) -> list[Frame]:
        chroma = np.full((1, 1), 128, np.uint8)
        return [Frame(np.zeros((2, 2), np.uint8), chroma, chroma, packet.captured)]

    def set_rate(self, analysis_fps: float) -> None:
        self.rates.append(analysis_fps)
        self.fps = analysis_fps


@dataclass
class Health:
    dropped: int = 0
    rates: list[tuple[float, bool]] = field(default_factory=list)

    def frames_dropped(self, _camera_id: str, count: int = 1) -> None:
        self.dropped += count

    def rate_changed(self, _camera_id: str, target_fps: float, *, degraded: bool) -> None:
        self.rates.append((target_fps, degraded))


@dataclass
class Site:
    ladder: Ladder = field(default_factory=Ladder)
    health: Health = field(default_factory=Health)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.scheduler = FrameScheduler(["gate"])
        self.feed = AnalysisFeed(
            "gate",
            self.ladder,  # type: ignore[arg-type] # a real one would need a film of minutes
            self.scheduler,
            rate_control=RateController(5.0),
            telemetry=self.health,
        )

    def run(self, seconds: float, taken_fps: float) -> None:
        """Let time pass while the inference thread takes that many frames per second."""
        until_s, next_s = self.now_s + seconds, self.now_s
        while self.now_s < until_s:
            self.now_s += 1.0 / self.ladder.fps
            self.feed(SimpleNamespace(captured=START.shifted(self.now_s)))  # type: ignore[arg-type] # the only attribute that is read
            while next_s <= self.now_s:
                next_s += 1.0 / taken_fps
                self.scheduler.take(0.0)


def test_a_feed_without_drops_keeps_its_rate() -> None:
    site = Site()
    site.run(60.0, taken_fps=6.0)
    assert site.ladder.rates == []
    assert site.health.dropped == 0


def test_drops_slow_the_ladder_and_telemetry_gets_each_step() -> None:
    site = Site()
    site.run(60.0, taken_fps=2.0)
    assert site.ladder.rates
    assert site.ladder.rates[0] == 3.5
    assert site.health.rates == [(rate, True) for rate in site.ladder.rates]
    assert site.health.dropped == site.scheduler.dropped("gate") > 0


def test_the_log_has_the_start_and_the_end_of_an_overload_only() -> None:
    site = Site()
    with capture_logs() as logs:
        site.run(120.0, taken_fps=1.5)
        site.run(400.0, taken_fps=10.0)
    logged = [(entry["log_level"], entry["fps"]) for entry in logs if entry["log_level"] != "debug"]
    assert logged == [("warning", 3.5), ("info", 5.0)]
    assert len(site.ladder.rates) > 4
    assert site.ladder.fps == 5.0
