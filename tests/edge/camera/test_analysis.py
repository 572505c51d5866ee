"""One camera's analysis: which signals it reports, and when it reports none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from structlog.testing import capture_logs

from contract.clock import Instant
from contract.event import Phase, Rule
from contract.reasons import Reason
from edge.camera.analysis import UNSEEN_CLOSE_S, CameraAnalysis
from edge.camera.build import behaviours_for
from edge.config import CameraConfig
from edge.config.hours import CalendarConfig
from edge.decode.frame import Frame
from edge.detections import Detections, FloatArray
from edge.events.track_history import TrackHistory
from edge.learned.state import CameraLearned
from edge.signals import Signal
from edge.tracker import Tracker
from tests.support.events import NOON

CROWD = {"occupancy": {"capacity": 2, "on_delay_s": 1.0, "off_delay_s": 1.0, "cooldown_s": 0.0}}
WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
POOR = {
    "ground_points": [[0.2, 0.9], [0.8, 0.9], [0.6, 0.5], [0.4, 0.5]],
    "distances": [
        {"first": first, "second": second, "metres": metres}
        for first, second, metres in ((1, 2, 5.0), (2, 3, 9.0), (3, 4, 30.0), (4, 1, 9.0), (1, 3, 2.0))
    ],
}
"""Distances that no four points on a plane have."""


def frame(second: float, width: int = 160) -> Frame:
    chroma = np.full((45, width // 2), 128, np.uint8)
    return Frame(np.full((90, width), 90, np.uint8), chroma, chroma, Instant(1000.0, NOON).shifted(second))


class Crowd:
    """Replaces the detector: three people who stand still, while `present`."""

    def __init__(self) -> None:
        self.present = True
        self.calls = 0

    def detect(self, _frame: Frame) -> Detections:
        self.calls += 1
        boxes = [[left, 0.4, left + 0.1, 0.8] for left in (0.1, 0.4, 0.7)]
        return Detections.of(boxes, [0.9] * 3) if self.present else Detections.empty()


@dataclass
class Sink:
    signals: list[Signal] = field(default_factory=list)

    def record(self, signal: Signal, _frame: Frame | None) -> None:
        self.signals.append(signal)

    @property
    def phases(self) -> list[tuple[Phase, str]]:
        return [(signal.phase, signal.reasons[0].code) for signal in self.signals]


def camera_with(rules: Mapping[str, object], **more: object) -> CameraConfig:
    zone = {"id": "ronda", "name": "Pos ronda", "polygon": WHOLE, "rules": rules}
    fields = {"id": "gate", "kampung_id": "bahari", "url": "rtsp://127.0.0.1/gate", "zones": [zone], **more}
    return CameraConfig.model_validate(fields)


class Listener:
    """Keeps the numbers of people that were reported."""

    def __init__(self) -> None:
        self.reported: list[int] = []

    def people_seen(self, people: int, boxes_xyxyn: FloatArray) -> None:
        assert boxes_xyxyn.shape == (people, 4)
        self.reported.append(people)


class Site:
    """An analysis on a crowd of three where two are allowed."""

    def __init__(self, config: CameraConfig | None = None, listener: Listener | None = None) -> None:
        self.crowd, self.sink = Crowd(), Sink()
        chosen = config or camera_with(CROWD)
        self.analysis = CameraAnalysis(
            self.crowd,
            Tracker(),
            lambda aspect: behaviours_for(chosen, CalendarConfig(), CameraLearned(), aspect),
            history=TrackHistory(30.0),
            sink=self.sink,
            people_listener=listener,
        )

    def watch(self, from_s: float, to_s: float, width: int = 160) -> None:
        for fifth in range(round(from_s * 5), round(to_s * 5)):
            self.analysis.analyse(frame(fifth / 5.0, width))


def test_a_crowd_is_a_signal_and_counted() -> None:
    site = Site()
    site.watch(0.0, 5.0)
    assert site.sink.phases == [(Phase.BEGAN, "people_over_capacity")]
    assert site.analysis.people_count == 3


def test_a_camera_fault_ends_open_signals_and_inhibits_the_rules_until_it_ends() -> None:
    site = Site()
    site.watch(0.0, 5.0)
    site.analysis.inhibit(True)
    calls = site.crowd.calls
    site.watch(5.0, 15.0)
    assert site.sink.phases[1:] == [(Phase.ENDED, "camera_at_fault")]
    assert site.crowd.calls == calls
    site.analysis.inhibit(False)
    site.watch(15.0, 20.0)
    assert site.sink.phases[2:] == [(Phase.BEGAN, "people_over_capacity")]
    assert site.sink.signals[2].key != site.sink.signals[0].key


def test_without_frames_open_signals_end_as_of_the_last_frame() -> None:
    site = Site()
    site.watch(0.0, 5.0)
    last = site.analysis.newest
    assert last is not None
    site.analysis.close_if_unseen(last.mono_s + UNSEEN_CLOSE_S - 0.1)
    assert len(site.sink.signals) == 1
    site.analysis.close_if_unseen(last.mono_s + UNSEEN_CLOSE_S)
    site.analysis.close_if_unseen(last.mono_s + 10 * UNSEEN_CLOSE_S)
    assert site.sink.phases[1:] == [(Phase.ENDED, "camera_lost")]
    assert site.sink.signals[1].captured == last


def test_a_frame_older_than_the_last_is_ignored() -> None:
    site = Site()
    site.watch(0.0, 5.0)
    calls = site.crowd.calls
    site.analysis.analyse(frame(2.0))
    assert site.crowd.calls == calls


def test_a_frame_of_another_aspect_is_another_view() -> None:
    site = Site()
    site.watch(0.0, 5.0)
    site.watch(5.0, 10.0, width=120)
    assert site.sink.phases == [
        (Phase.BEGAN, "people_over_capacity"),
        (Phase.ENDED, "camera_lost"),
        (Phase.BEGAN, "people_over_capacity"),
    ]


def test_closing_without_a_frame_reports_nothing() -> None:
    site = Site()
    site.analysis.close(Reason(code="worker_restarted"))
    assert site.sink.signals == []


def test_an_untrusted_calibration_disables_the_metric_rules_only() -> None:
    density = {"density": {"limit_per_m2": 0.01, "min_people": 2, "on_delay_s": 0.0}}
    site = Site(camera_with({**CROWD, **density}, calibration=POOR))
    with capture_logs() as logs:
        site.watch(0.0, 5.0)
    assert {signal.rule for signal in site.sink.signals} == {Rule.OCCUPANCY}
    (entry,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert entry["camera"] == "gate"
    assert "no four points on flat ground have these distances" in entry["error"]


@pytest.mark.parametrize("present", [True, False])
def test_the_listener_learns_how_many_people_are_in_view(*, present: bool) -> None:
    listener = Listener()
    site = Site(listener=listener)
    site.crowd.present = present
    site.watch(0.0, 2.0)
    assert set(listener.reported) == {3 if present else 0}
