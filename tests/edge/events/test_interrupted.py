"""Signals that a crashed worker left open are ended at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.clock import ManualClock
from contract.event import Phase
from contract.reasons import Reason
from edge.events.drafts import DraftQueue
from edge.events.interrupted import CLIP_NOT_SEALED, MAX_UNCERTAINTY_S, end_interrupted
from edge.outbox import Outbox
from tests.support.events import NOON, building, clip_file, new_id
from tests.support.outboxes import open_outbox, pending_event, send_everything


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def restart(outbox: Outbox, clock: ManualClock) -> None:
    send_everything(outbox)
    end_interrupted(outbox, DraftQueue(outbox), clock)


def test_an_open_signal_ends_now_with_an_uncertainty_back_to_its_last_event(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        began = outbox.commit(building(captured_at=NOON, clip_id=new_id()))
        clock.advance(90.0)
        restart(outbox, clock)
        ended = pending_event(outbox).data
        assert (ended.signal_id, ended.phase) == (began.data.signal_id, Phase.ENDED)
        assert (ended.captured_at, ended.time_uncertainty_s) == (clock.utc(), 90.0)
        assert (ended.reasons, ended.clip_fault) == ((Reason(code="worker_restarted"),), CLIP_NOT_SEALED)
        assert outbox.open_signals() == []


def test_the_uncertainty_of_a_long_outage_is_bounded(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building(captured_at=NOON))
        clock.advance(10 * MAX_UNCERTAINTY_S)
        restart(outbox, clock)
        assert pending_event(outbox).data.time_uncertainty_s == MAX_UNCERTAINTY_S


def test_an_open_signal_with_a_sealed_clip_keeps_it(tmp_path: Path, clock: ManualClock) -> None:
    clip, reference = clip_file(tmp_path, b"clip")
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])
        restart(outbox, clock)
        ended = pending_event(outbox).data
        assert (ended.phase, ended.clip, ended.clip_fault) == (Phase.ENDED, reference, None)


def test_an_ended_signal_gets_the_fault_of_its_clip_and_no_second_end(tmp_path: Path, clock: ManualClock) -> None:
    promise = {"signal_id": new_id(), "clip_id": new_id()}
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building(**promise))
        outbox.commit(building(phase=Phase.ENDED, **promise))
        restart(outbox, clock)
        (fault,) = send_everything(outbox)
        assert (fault.data.signal_id, fault.data.phase) == (promise["signal_id"], Phase.CONTINUES)
        assert fault.data.clip_fault == CLIP_NOT_SEALED
        assert outbox.open_signals() == []


def test_nothing_is_committed_without_open_signals(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building(phase=Phase.ENDED))
        restart(outbox, clock)
        assert outbox.next_event() is None
