"""When clips are cut, what they show, and who shares one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from contract.clock import ManualClock
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.clips.recorder import GRACE_S, MAX_SHARED_S, ClipOrder, ClipOutcome, ClipRecorder, longest_clip_s, ring_for
from edge.config.device import ClipConfig
from tests.support.events import NOON, new_id
from tests.support.recording import START, at, fill, filmed


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[Packet]:
    return filmed(tmp_path_factory.mktemp("film"))


@dataclass
class Site:
    """A clip recorder, its one camera, and a clock that shows the film's time."""

    folder: Path
    film: list[Packet]
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON, START.mono_s))
    ring: PacketRing = field(default_factory=lambda: PacketRing(max_seconds=70.0))

    def __post_init__(self) -> None:
        self.recorder = ClipRecorder({"gate": self.ring}, {"gate": None}, self.clock)

    def order(self, second: float, *, before_s: float = 5.0, after_s: float = 5.0) -> UUID:
        """Ask for a clip around a second of the film; the id of the clip that will show it."""
        clip_id = new_id()
        path = self.folder / f"{clip_id}.mp4"
        return self.recorder.order(ClipOrder(clip_id, "gate", at(second), before_s, after_s, path)).clip_id

    def at_second(self, second: float, *, recorded_s: float | None = None) -> list[ClipOutcome]:
        """Let time pass, and the camera record (up to `recorded_s`); the outcomes so far."""
        fill(self.ring, self.film, second if recorded_s is None else recorded_s)
        self.clock.advance(START.mono_s + second - self.clock.mono_s())
        self.recorder.cut_due()
        return list(self.recorder.outcomes())


@pytest.fixture
def site(tmp_path: Path, film: list[Packet]) -> Site:
    return Site(tmp_path, film)


def shown(outcome: ClipOutcome) -> tuple[float, float]:
    """From which second of the film to which the clip goes."""
    assert outcome.clip is not None, outcome.fault
    starts_s = (outcome.clip.starts_at - NOON).total_seconds()
    return starts_s, starts_s + outcome.clip.duration_s


def test_a_clip_is_cut_as_soon_as_its_last_second_is_recorded(site: Site) -> None:
    clip_id = site.order(10.0)
    assert site.at_second(14.8) == []
    assert site.recorder.waiting == 1
    (outcome,) = site.at_second(15.0)
    assert outcome.order.clip_id == clip_id
    assert outcome.clip is not None
    assert outcome.clip.trigger_offset_s == pytest.approx(5.0)
    assert shown(outcome) == pytest.approx((5.0, 15.1))
    assert outcome.order.destination.stat().st_size == outcome.clip.size_bytes
    assert site.recorder.waiting == 0
    assert site.at_second(60.0) == []


def test_a_camera_that_stops_recording_gets_a_shorter_clip_after_the_grace(site: Site) -> None:
    site.order(10.0)
    assert site.at_second(15.0 + GRACE_S - 0.1, recorded_s=12.0) == []
    (outcome,) = site.at_second(15.0 + GRACE_S, recorded_s=12.0)
    assert shown(outcome) == pytest.approx((5.0, 12.1))


def test_a_clip_without_a_picture_is_a_fault_in_words(site: Site) -> None:
    site.order(10.0)
    (outcome,) = site.at_second(15.0 + GRACE_S, recorded_s=-1.0)
    assert outcome.clip is None
    assert outcome.fault == "the clip contains no frame from before its trigger"
    assert list(site.folder.iterdir()) == []


def test_a_disk_that_refuses_is_a_fault_and_the_recorder_goes_on(site: Site) -> None:
    missing = site.folder / "missing" / "clip.mp4"
    site.recorder.order(ClipOrder(new_id(), "gate", at(10.0), 5.0, 2.0, missing))
    site.order(30.0)
    refused, made = site.at_second(35.0)
    assert refused.clip is None
    assert refused.fault == "clip.mp4 could not be written: No such file or directory"
    assert made.clip is not None


def test_stopping_cuts_what_is_under_way_with_what_there_is(site: Site) -> None:
    site.order(10.0)
    fill(site.ring, site.film, 11.0)
    stop = threading.Event()
    stop.set()
    site.recorder.run(stop)
    (outcome,) = site.recorder.outcomes()
    assert shown(outcome) == pytest.approx((5.0, 11.1))


def test_overlapping_orders_share_one_clip_that_shows_all_of_them(site: Site) -> None:
    first = site.order(10.0)
    assert site.at_second(14.0) == []
    assert site.order(14.0) == first
    assert site.at_second(15.0) == []
    (outcome,) = site.at_second(19.0)
    assert outcome.order.trigger == at(10.0)
    assert shown(outcome) == pytest.approx((5.0, 19.1))
    assert len(list(site.folder.iterdir())) == 1


def test_an_order_that_lies_within_an_open_one_prolongs_nothing(site: Site) -> None:
    first = site.order(10.0, after_s=20.0)
    assert site.order(15.0) == first
    (outcome,) = site.at_second(30.0)
    assert shown(outcome) == pytest.approx((5.0, 30.1))


def test_sharing_ends_where_the_clip_would_become_too_long(site: Site) -> None:
    seconds = [10.0, 18.0, 26.0, 34.0, 42.0]
    clips = [site.order(second) for second in seconds]
    together = [second for second, clip_id in zip(seconds, clips, strict=True) if clip_id == clips[0]]
    assert together == [10.0, 18.0, 26.0, 34.0]
    assert clips[4] not in clips[:4]
    first, second = site.at_second(60.0)
    assert shown(first)[1] - shown(first)[0] <= MAX_SHARED_S + 1.0
    assert shown(second) == pytest.approx((37.0, 47.1))


def test_a_clip_that_is_cut_is_shared_no_more(site: Site) -> None:
    first = site.order(10.0)
    assert len(site.at_second(15.0)) == 1
    assert site.order(16.0) != first


def test_orders_that_do_not_overlap_or_reach_further_back_stay_apart(site: Site) -> None:
    first = site.order(20.0)
    assert site.order(30.1) != first
    assert site.order(22.0, before_s=10.0) != first


def test_the_ring_keeps_a_clips_seconds_until_whoever_shared_it_could_ask_for_them_again(
    tmp_path: Path, film: list[Packet]
) -> None:
    site = Site(tmp_path, film, ring=ring_for(ClipConfig(before_s=2.0, after_s=2.0, ring_s=60.0)))
    fill(site.ring, film, 10.0)
    first = site.order(10.0, before_s=2.0, after_s=20.0)
    fill(site.ring, film, 30.0)
    site.recorder.cut_due()
    fill(site.ring, film, 40.0)
    for outcome in site.recorder.outcomes():
        assert outcome.order.clip_id == first
        again = site.order(11.0, before_s=2.0, after_s=5.0)
    (outcome,) = site.at_second(40.5)
    assert outcome.order.clip_id == again
    assert shown(outcome) == pytest.approx((9.0, 16.1))
    fill(site.ring, film, 50.0)
    assert site.ring.between(START.mono_s, START.mono_s + 60.0)[0].captured.mono_s > at(30.0).mono_s


def test_cameras_never_share(tmp_path: Path) -> None:
    clock = ManualClock(NOON, START.mono_s)
    recorder = ClipRecorder({"gate": PacketRing(), "yard": PacketRing()}, {"gate": None, "yard": None}, clock)
    orders = [ClipOrder(new_id(), name, at(10.0), 5.0, 5.0, tmp_path / name) for name in ("gate", "yard")]
    assert [recorder.order(order) for order in orders] == orders


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ClipConfig(), MAX_SHARED_S),
        (ClipConfig(before_s=10, after_s=10, ring_s=35), 25.0),
        (ClipConfig(before_s=30, after_s=30, ring_s=120), 60.0),
    ],
)
def test_a_shared_clip_is_never_longer_than_the_ring_allows(config: ClipConfig, expected: float) -> None:
    assert longest_clip_s(config) == expected


def test_the_ring_keeps_what_open_orders_want_and_lets_go_of_it_when_the_last_is_cut(
    tmp_path: Path, film: list[Packet]
) -> None:
    config = ClipConfig(before_s=5, after_s=5, ring_s=60)
    site = Site(tmp_path, film, ring=ring_for(config))
    site.at_second(20.0)
    at_rest = site.ring.size_bytes
    site.order(20.0)
    site.order(24.0, after_s=15.0)
    (outcome,) = site.at_second(39.0)
    assert shown(outcome) == pytest.approx((15.0, 39.1))
    assert site.ring.size_bytes > 1.5 * at_rest
    site.at_second(60.0)
    assert site.ring.size_bytes < 1.5 * at_rest
