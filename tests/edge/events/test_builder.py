"""From signals to events: which event is committed when, with which files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from contract.clock import ManualClock
from contract.event import Event, Phase, Severity
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import Packet
from edge.clips.recorder import GRACE_S, ClipRecorder
from edge.detections import Detections
from edge.events.builder import ClipPlan, EventBuilder, Provenance
from edge.events.drafts import DraftQueue
from edge.events.track_history import TrackHistory
from edge.outbox import AttachmentKind, Outbox
from tests.support.cameras import packets_of
from tests.support.events import DIGEST, NOON, new_id
from tests.support.media import Film, make_video
from tests.support.outboxes import open_outbox
from tests.support.recording import START, at, fill, filmed, frame, signal

BEGAN, CONTINUES, ENDED = Phase.BEGAN, Phase.CONTINUES, Phase.ENDED


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[Packet]:
    return filmed(tmp_path_factory.mktemp("film"))


@dataclass
class Site:
    """An event builder with real outbox, clip recorder and ring."""

    outbox: Outbox
    clips: Path
    clock: ManualClock
    ring: PacketRing
    clip_recorder: ClipRecorder
    history: TrackHistory
    builder: EventBuilder
    film: list[Packet]

    def at_second(self, second: float) -> None:
        """Record up to that second of the film, and settle the clips that are due."""
        fill(self.ring, self.film, second)
        self.clock.advance(START.mono_s + second - self.clock.mono_s())
        self.clip_recorder.cut_due()
        for outcome in self.clip_recorder.outcomes():
            self.builder.settle(outcome)

    def events(self) -> list[Event]:
        """Every event so far, taken out of the outbox."""
        found = []
        while (pending := self.outbox.next_event()) is not None:
            found.append(Event.model_validate_json(pending.body))
            self.outbox.mark_event_sent(pending.sequence)
        return found


@contextmanager
def site_in(folder: Path, film: list[Packet]) -> Iterator[Site]:
    clock = ManualClock(NOON, START.mono_s)
    clips = folder / "clips"
    clips.mkdir()
    ring = PacketRing(max_seconds=70.0)
    clip_recorder = ClipRecorder({"gate": ring}, {"gate": None}, clock)
    history = TrackHistory(60.0)
    square = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
    with open_outbox(folder, clock) as outbox:
        builder = EventBuilder(
            Provenance("box-1", "bahari", "gate", {"ronda": square}, DIGEST, DIGEST, "0.1.0"),
            ClipPlan(5.0, 5.0, clips),
            history=history,
            drafts=DraftQueue(outbox),
            clip_recorder=clip_recorder,
            new_id=new_id,
        )
        yield Site(outbox, clips, clock, ring, clip_recorder, history, builder, film)


@pytest.fixture
def site(tmp_path: Path, film: list[Packet]) -> Iterator[Site]:
    with site_in(tmp_path, film) as made:
        yield made


def test_a_signal_becomes_an_event_at_once_one_with_its_clip_and_one_for_its_end(site: Site) -> None:
    site.builder.record(signal("crowd", BEGAN, 10.0), frame(10.0))
    (began,) = site.events()
    assert (began.data.phase, began.data.clip) == (BEGAN, None)
    assert began.data.thumbnail is not None
    site.at_second(15.0)
    (sealed,) = site.events()
    assert (sealed.data.phase, sealed.data.captured_at) == (CONTINUES, at(10.0).utc)
    assert sealed.data.clip is not None
    assert sealed.data.clip.clip_id == began.data.clip_id
    site.builder.record(signal("crowd", ENDED, 20.0), None)
    (ended,) = site.events()
    assert (ended.data.phase, ended.data.captured_at, ended.data.clip) == (ENDED, at(20.0).utc, sealed.data.clip)
    assert {event.data.signal_id for event in (began, sealed, ended)} == {began.data.signal_id}
    assert site.builder.open_count == 0
    assert site.outbox.open_signals() == []


def test_the_ended_event_waits_for_the_clip(site: Site) -> None:
    site.builder.record(signal("crowd", BEGAN, 10.0), frame(10.0))
    site.builder.record(signal("crowd", ENDED, 12.0), None)
    assert [event.data.phase for event in site.events()] == [BEGAN]
    site.at_second(15.0)
    assert [event.data.phase for event in site.events()] == [CONTINUES, ENDED]
    assert site.builder.open_count == 0


def test_a_key_used_again_before_the_clip_is_cut_is_another_signal(site: Site) -> None:
    for phase, film_s in ((BEGAN, 10.0), (ENDED, 11.0), (BEGAN, 12.0)):
        site.builder.record(signal("crowd", phase, film_s), None)
    site.at_second(17.0)
    site.builder.record(signal("crowd", ENDED, 18.0), None)
    events = site.events()
    first, second = dict.fromkeys(event.data.signal_id for event in events)
    assert [event.data.phase for event in events if event.data.signal_id == first] == [BEGAN, CONTINUES, ENDED]
    assert [event.data.phase for event in events if event.data.signal_id == second] == [BEGAN, CONTINUES, ENDED]
    assert site.builder.open_count == 0
    assert site.outbox.open_signals() == []


def test_a_full_disk_costs_the_thumbnail_and_not_the_event(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_room)
    site.builder.record(signal("crowd", BEGAN, 10.0), frame(10.0))
    (began,) = site.events()
    assert began.data.thumbnail is None
    assert site.outbox.next_attachment() is None
    assert list(site.clips.iterdir()) == []


def test_a_clip_that_cannot_be_cut_is_reported_with_its_fault(site: Site) -> None:
    site.builder.record(signal("crowd", BEGAN, 10.0), None)
    site.builder.record(signal("crowd", ENDED, 11.0), None)
    site.clock.advance(15.0 + GRACE_S)
    site.clip_recorder.cut_due()
    for outcome in site.clip_recorder.outcomes():
        site.builder.settle(outcome)
    events = site.events()
    assert [event.data.phase for event in events] == [BEGAN, CONTINUES, ENDED]
    assert (
        events[1].data.clip_fault == events[2].data.clip_fault == "the clip contains no frame from before its trigger"
    )
    assert events[1].data.clip_id == events[0].data.clip_id
    assert site.outbox.open_signals() == []


def test_the_sealed_event_carries_the_boxes_of_the_whole_clip(site: Site) -> None:
    for tenth in range(200):
        second = tenth / 10.0
        box = np.array([[0.1, 0.1, 0.2 + tenth * 0.001, 0.5]], np.float32)
        site.history.add(at(second).mono_s, Detections(box, np.array([0.9], np.float32), np.array([1], np.int64)))
    site.builder.record(signal("crowd", BEGAN, 10.0), None)
    site.at_second(15.0)
    sealed = site.events()[-1]
    offsets = [timed.offset_s for timed in sealed.data.tracks[0].boxes]
    assert (min(offsets), max(offsets)) == pytest.approx((-5.0, 5.0), abs=0.11)


def test_overlapping_signals_name_one_clip_each_with_its_own_trigger_offset(site: Site) -> None:
    site.builder.record(signal("crowd", BEGAN, 10.0), frame(10.0))
    site.builder.record(signal("stay", BEGAN, 13.0, severity=Severity.CRITICAL), frame(13.0))
    first, second = site.events()
    assert first.data.clip_id == second.data.clip_id
    assert first.data.signal_id != second.data.signal_id
    site.at_second(18.0)
    clips = {event.data.signal_id: event.data.clip for event in site.events()}
    of_first, of_second = clips[first.data.signal_id], clips[second.data.signal_id]
    assert of_first is not None
    assert of_second is not None
    assert of_first.sha256 == of_second.sha256
    assert (of_first.trigger_offset_s, of_second.trigger_offset_s) == pytest.approx((5.0, 8.0))
    assert of_second.covers_trigger
    assert len(list(site.clips.glob("*.mp4"))) == 1


def test_a_shared_clip_is_sent_in_the_order_of_its_most_severe_signal(site: Site) -> None:
    site.builder.record(signal("crowd", BEGAN, 10.0, severity=Severity.NOTICE), None)
    site.builder.record(signal("stay", BEGAN, 12.0, severity=Severity.CRITICAL), None)
    site.at_second(17.0)
    critical = next(event for event in site.events() if event.data.clip and event.data.severity is Severity.CRITICAL)
    waiting = site.outbox.next_attachment()
    assert waiting is not None
    assert (waiting.kind, waiting.event_id) == (AttachmentKind.CLIP, critical.id)
    assert site.outbox.stats().pending_clips == 1


def test_a_signal_that_the_shared_clip_does_not_show_gets_a_clip_of_its_own(tmp_path: Path, film: list[Packet]) -> None:
    narrow = [packet for packet in film if packet.captured.mono_s < at(12.0).mono_s]
    wide = packets_of(make_video(tmp_path / "wide.mp4", Film(width=320, height=192, seconds=8.0)), starts=at(12.0))
    with site_in(tmp_path, narrow + wide) as site:
        site.builder.record(signal("crowd", BEGAN, 10.0), None)
        site.builder.record(signal("stay", BEGAN, 14.0), None)
        crowd, stay = (event.data for event in site.events())
        assert crowd.clip_id == stay.clip_id
        site.at_second(19.0)
        assert [event.data.signal_id for event in site.events()] == [crowd.signal_id]
        site.at_second(19.0)
        (sealed,) = site.events()
        assert sealed.data.signal_id == stay.signal_id
        assert sealed.data.clip is not None
        assert sealed.data.clip.covers_trigger
        assert sealed.data.clip_id == sealed.data.clip.clip_id != crowd.clip_id


def test_a_spot_check_is_marked_in_every_event_and_has_a_clip_but_no_thumbnail(site: Site) -> None:
    site.at_second(8.0)
    shown = replace(signal("a", BEGAN, 6.0), spot_check_chance=0.03)
    site.builder.record(shown, frame(8.0))
    site.builder.record(replace(shown, phase=ENDED), frame(8.0))
    site.at_second(14.0)

    events = site.events()

    assert [event.data.phase for event in events] == [BEGAN, CONTINUES, ENDED]
    assert {event.data.spot_check.chance for event in events if event.data.spot_check is not None} == {0.03}
    assert all(event.data.spot_check is not None and event.data.thumbnail is None for event in events)
    clip = events[-1].data.clip
    assert clip is not None
    assert clip.covers_trigger
