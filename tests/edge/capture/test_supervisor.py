"""When the supervisor reopens a stream, and what cannot end it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from contract.clock import Clock, ManualClock
from edge.capture import supervisor
from edge.capture.bitstream import Codec
from edge.capture.packets import Packet, StreamInfo
from edge.capture.session import FaultKind, SourceFault, SourceSettings
from edge.capture.supervisor import HEALTHY_AFTER_S, RETRY_CAP_S, StreamSupervisor
from tests.support.events import NOON

CAMERA = SourceSettings(url="rtsp://127.0.0.1:1/gate")
FILM = SourceSettings(url="/media/gate.mp4")
UNREACHABLE = SourceFault(FaultKind.UNREACHABLE, "nobody answers")
ENDED = SourceFault(FaultKind.ENDED, "the file has ended")


class PassingStop(threading.Event):
    """A stop flag whose `wait` advances the clock instead of sleeping."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits_s.append(timeout)
        self._clock.advance(timeout)
        return self.is_set()


@dataclass
class Cameras:
    """Sources on the test's clock. `sessions`: duration in seconds, number of packets and final fault of each."""

    clock: ManualClock
    stop: PassingStop
    sessions: list[tuple[float, int, SourceFault]]
    opened: int = 0

    @contextmanager
    def open_session(self, _settings: SourceSettings, _clock: Clock, _stop: threading.Event) -> Iterator[Cameras]:
        if self.opened == len(self.sessions):
            self.stop.set()
            raise UNREACHABLE
        self.opened += 1
        yield self

    @property
    def stream(self) -> StreamInfo:
        return StreamInfo(Codec.H264, 320, 192, (), session=self.opened, epoch=1, codec_string="avc1.64001f")

    def packets(self) -> Iterator[Packet]:
        lasts_s, count, fault = self.sessions[self.opened - 1]
        self.clock.advance(lasts_s)
        for _ in range(count):
            yield None  # type: ignore[misc] # the supervisor passes packets on unread
        raise fault


@dataclass
class Heard:
    """What the supervisor reported."""

    started: int = 0
    frames: int = 0
    faults: list[str] = field(default_factory=list)

    def session_started(self, _camera_id: str) -> None:
        self.started += 1

    def session_lost(self, _camera_id: str, fault: str) -> None:
        self.faults.append(fault)

    def frame_seen(self, _camera_id: str) -> None:
        self.frames += 1


Keep = Callable[..., tuple[PassingStop, Heard]]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Run a supervisor through the sessions; return the stop flag with its waits, and what was reported."""

    def run(
        sessions: list[tuple[float, int, SourceFault]],
        settings: SourceSettings = CAMERA,
        on_packet: Callable[[Packet], None] = lambda _packet: None,
    ) -> tuple[PassingStop, Heard]:
        clock = ManualClock(NOON)
        stop, heard = PassingStop(clock), Heard()
        cameras = Cameras(clock, stop, sessions)
        monkeypatch.setattr(supervisor, "open_session", cameras.open_session)
        StreamSupervisor("gate", settings, on_packet, telemetry=heard, clock=clock).run(stop)
        assert cameras.opened == len(sessions)
        return stop, heard

    return run


def test_waits_grow_with_jitter_from_half_a_second_to_15_seconds(keep: Keep) -> None:
    stop, heard = keep([(0.0, 0, UNREACHABLE)] * 300)
    assert all(0.5 <= wait_s <= RETRY_CAP_S for wait_s in stop.waits_s)
    assert stop.waits_s[0] <= 1.0
    assert stop.waits_s[1] <= 2.0
    late = stop.waits_s[10:]
    assert min(late) < 9.0
    assert max(late) > 13.5
    assert len(set(late)) > 200
    assert heard.faults == ["nobody answers"] * 300


def test_a_session_of_a_minute_resets_the_back_off(keep: Keep) -> None:
    failing = [(0.0, 0, UNREACHABLE)] * 8
    stop, _ = keep([*failing, (HEALTHY_AFTER_S + 1.0, 100, UNREACHABLE), *failing])
    assert stop.waits_s[7] > 7.0
    assert stop.waits_s[8] <= 1.0
    assert stop.waits_s[15] > 7.0


def test_a_camera_that_answers_and_hangs_up_is_retried_with_back_off(keep: Keep) -> None:
    stop, heard = keep([(HEALTHY_AFTER_S - 1.0, 5, UNREACHABLE)] * 10)
    assert stop.waits_s[-1] >= RETRY_CAP_S / 2
    assert (heard.started, heard.frames) == (10, 50)


def test_a_file_that_has_ended_is_played_again_at_once(keep: Keep) -> None:
    stop, _ = keep([(3.0, 30, ENDED)] * 5, FILM)
    assert stop.waits_s == [0.0] * 5


def test_a_file_of_a_single_frame_is_replayed_at_most_once_a_second(keep: Keep) -> None:
    stop, _ = keep([(0.01, 1, ENDED)] * 5, FILM)
    assert stop.waits_s == pytest.approx([0.99] * 5)


def test_a_camera_that_ends_its_stream_is_retried_with_back_off(keep: Keep) -> None:
    stop, _ = keep([(3.0, 30, ENDED)] * 5)
    assert 0.5 <= stop.waits_s[0] <= 1.0
    assert stop.waits_s[4] >= RETRY_CAP_S / 2


def test_a_defect_in_the_consumer_ends_the_session_and_not_the_camera(keep: Keep) -> None:
    taken: list[int] = []

    def on_packet(_packet: Packet) -> None:
        taken.append(1)
        if len(taken) in (2, 5):
            raise ZeroDivisionError("a defect")

    stop, heard = keep([(1.0, 3, UNREACHABLE)] * 4, CAMERA, on_packet)
    assert heard.started == 4
    assert heard.faults.count("internal error: ZeroDivisionError") == 2
    assert heard.faults.count("nobody answers") == 2
    assert len(stop.waits_s) == 4


def test_stopping_in_mid_stream_is_not_reported_as_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(NOON)
    stop, heard = PassingStop(clock), Heard()
    cameras = Cameras(clock, stop, [(1.0, 3, UNREACHABLE)])
    monkeypatch.setattr(supervisor, "open_session", cameras.open_session)
    StreamSupervisor("gate", CAMERA, lambda _packet: stop.set(), telemetry=heard, clock=clock).run(stop)
    assert heard.faults == []
    assert stop.waits_s == []
