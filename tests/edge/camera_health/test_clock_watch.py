"""A camera whose sender reports show a wrong clock gets a fault, and its rules go on."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from contract.clock import Instant
from contract.event import Phase, Severity
from contract.reasons import Reason, sentence
from edge.camera_health.clock_watch import CLOCK_RIGHT_S, CONFIRM_S, NO_REPORT_AFTER_S, ClockWatch
from edge.camera_health.faults import CameraFault, CameraFaults, FaultNote
from edge.capture.packets import Packet, StreamInfo
from edge.capture.rtcp_clock import CLOCK_WRONG_S

START = Instant(1000.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC))
HOUR_S = 3600.0


@cache
def stream() -> StreamInfo:
    return StreamInfo("h264", 320, 192, (), 1, 1, "avc1.42c01e")  # type: ignore[arg-type] # no test reads it


class Camera:
    """A camera at five frames a second with a `ClockWatch`."""

    def __init__(self) -> None:
        self.watch = ClockWatch()
        self.second = 0.0

    def show(self, for_s: float, offset_s: float | None) -> list[FaultNote]:
        """Send frames while the reports have this offset; returns the notes."""
        for _ in range(round(for_s * 5)):
            self.second += 0.2
            at = START.shifted(self.second)
            self.watch.observe(Packet(b"", round(self.second * 90_000), at, 0.2, False, stream(), offset_s))
        return list(self.watch.notes())


@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S, CLOCK_WRONG_S + 1.0])
def test_a_wrong_clock_is_noted_within_half_a_minute_and_ends_when_it_is_right_again(offset_s: float) -> None:
    camera = Camera()
    assert camera.show(60.0, -0.3) == []
    (began,) = camera.show(30.0, offset_s)
    assert (began.fault, began.phase, began.params) == (
        CameraFault.CLOCK_WRONG,
        Phase.BEGAN,
        {"offset_s": abs(offset_s)},
    )
    assert began.since.mono_s - START.mono_s == pytest.approx(60.2)
    assert began.at.mono_s - began.since.mono_s == pytest.approx(CONFIRM_S, abs=0.21)
    assert camera.show(600.0, offset_s) == []
    (ended,) = camera.show(30.0, -0.3)
    assert (ended.phase, ended.params) == (Phase.ENDED, {})


def test_a_single_wrong_report_is_no_fault() -> None:
    camera = Camera()
    for _ in range(5):
        assert camera.show(CONFIRM_S - 1.0, HOUR_S) == []
        assert camera.show(1.0, 0.0) == []


def test_an_offset_around_the_limit_does_not_begin_repeatedly() -> None:
    camera = Camera()
    assert len(camera.show(30.0, CLOCK_WRONG_S + 0.5)) == 1
    assert camera.show(120.0, CLOCK_WRONG_S - 0.5) == []
    assert camera.show(120.0, CLOCK_RIGHT_S + 0.5) == []
    assert [note.phase for note in camera.show(30.0, CLOCK_RIGHT_S - 0.5)] == [Phase.ENDED]


def test_without_reports_no_fault_begins_and_an_open_one_ends() -> None:
    camera = Camera()
    assert camera.show(120.0, None) == []
    assert len(camera.show(30.0, HOUR_S)) == 1
    assert camera.show(NO_REPORT_AFTER_S - 1.0, None) == [], "it may only have reconnected"
    assert [note.phase for note in camera.show(2.0, None)] == [Phase.ENDED]


def test_the_fault_is_a_notice_with_a_sentence_and_does_not_inhibit_the_rules() -> None:
    faults = CameraFaults()
    (note,) = Camera().show(20.0, -HOUR_S)
    signal = faults.take(note)
    assert signal is not None
    assert signal.severity is Severity.NOTICE
    assert sentence(signal.reasons, "id") == "Jam kamera selisih 1 jam dari jam perangkat"
    assert sentence(signal.reasons, "en") == "The camera's clock differs from the edge device's by 1 h"
    blind = [faults.is_blind]
    faults.take(FaultNote(CameraFault.FROZEN, Phase.BEGAN, START, START))
    assert [*blind, faults.is_blind] == [False, True], "a frozen camera inhibits them"
    assert len(faults.close(Reason(code="worker_restarted"))) == 2
