from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from uuid import UUID

import pytest

from contract.clock import ManualClock
from contract.event import EventData, Phase, Severity
from edge.outbox import Attachment, AttachmentKind, DeletionReason, Outbox, OutboxError
from tests.support.events import NOON, building, clip_file, event_data, new_id, thumbnail_file
from tests.support.outboxes import open_outbox, pending_event, send_everything


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def test_sequence_numbers_count_without_gaps_and_survive_reopening(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        assert [outbox.commit(building()).data.device_sequence for _ in range(3)] == [1, 2, 3]
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.commit(building()).data.device_sequence == 4


def test_the_sequence_survives_the_deletion_of_every_row(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, keep_sent_s=10.0) as outbox:
        outbox.commit(building())
        send_everything(outbox)
        clock.advance(11.0)
        outbox.tidy()
        assert outbox.stats().last_sequence == 1
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.commit(building()).data.device_sequence == 2


def test_a_number_whose_build_failed_is_handed_out_again(tmp_path: Path, clock: ManualClock) -> None:
    def broken(sequence: int) -> NoReturn:
        raise RuntimeError(f"no event for {sequence}")

    with open_outbox(tmp_path, clock) as outbox:
        with pytest.raises(RuntimeError, match="no event for 1"):
            outbox.commit(broken)
        assert outbox.commit(building()).data.device_sequence == 1


def test_data_with_another_sequence_number_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        with pytest.raises(ValueError, match="must carry device_sequence 1, got 7"):
            outbox.commit(lambda _: event_data(7))
        assert outbox.stats().last_sequence == 0


def test_a_build_that_calls_the_outbox_is_refused_and_nothing_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:

        def nested(sequence: int) -> EventData:
            outbox.commit(building())
            return event_data(sequence)

        with pytest.raises(OutboxError, match="cannot start a transaction within a transaction"):
            outbox.commit(nested)
        assert outbox.stats().last_sequence == 0
        assert outbox.commit(building()).data.device_sequence == 1


def test_a_new_folder_is_readable_by_its_owner_only(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path / "data", clock):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_nobody_else_may_read_the_outbox_even_in_a_folder_that_is_open_to_all(
    tmp_path: Path, clock: ManualClock
) -> None:
    tmp_path.chmod(0o755)
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building())
        modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert len(modes) >= 3
    assert set(modes.values()) == {0}, modes


def test_events_come_out_in_order_and_as_they_went_in(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        events = [outbox.commit(building(severity=severity)) for severity in (Severity.NOTICE, Severity.CRITICAL)]
        for event in events:
            pending = outbox.next_event()
            assert pending is not None
            assert (pending.event_id, pending.body) == (event.id, event.to_json())
            outbox.mark_event_sent(pending.sequence)
        assert outbox.next_event() is None


def test_files_wait_for_their_event_then_thumbnails_go_before_clips_and_severe_before_new(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        expected = {}
        for name, severity in (("old", Severity.CRITICAL), ("mild", Severity.NOTICE), ("new", Severity.CRITICAL)):
            thumbnail, thumbnail_reference = thumbnail_file(tmp_path, b"\xff\xd8\xff")
            clip, clip_reference = clip_file(tmp_path, b"clip")
            changes = {"clip_id": clip_reference.clip_id, "clip": clip_reference, "thumbnail": thumbnail_reference}
            outbox.commit(building(severity=severity, **changes), [thumbnail, clip])
            expected[name] = (thumbnail.path, clip.path)
        assert outbox.next_attachment() is None
        while (event := outbox.next_event()) is not None:
            outbox.mark_event_sent(event.sequence)
        order = []
        while (attachment := outbox.next_attachment()) is not None:
            order.append(attachment.path)
            outbox.mark_attachment_sent(attachment.attachment_id)
    assert order == [expected[name][kind] for kind in (0, 1) for name in ("new", "old", "mild")]


def test_excluded_files_are_passed_over(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        first = _commit_clip(outbox, tmp_path)
        second = _commit_clip(outbox, tmp_path)
        for sequence in (1, 2):
            outbox.mark_event_sent(sequence)
        newest = outbox.next_attachment()
        assert newest is not None
        assert newest.path == second.path
        other = outbox.next_attachment(excluding=[newest.attachment_id])
        assert other is not None
        assert other.path == first.path


def test_a_clip_that_two_signals_share_is_stored_once(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        clip, reference = clip_file(tmp_path, b"clip")
        for _ in range(2):
            outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])
        assert outbox.stats().pending_clips == 1


def test_an_attachment_of_another_size_than_announced_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    clip, reference = clip_file(tmp_path, b"clip")
    clip.path.write_bytes(b"cut")
    with open_outbox(tmp_path, clock) as outbox:
        with pytest.raises(OutboxError, match="should have 4 bytes as announced, it has 3"):
            outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])
        assert outbox.stats().last_sequence == 0


def test_an_attachment_outside_the_outbox_folder_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    clip, reference = clip_file(tmp_path / "elsewhere", b"clip")
    with (
        open_outbox(tmp_path / "data", clock) as outbox,
        pytest.raises(OutboxError, match="files of the outbox lie in"),
    ):
        outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])


def test_a_missing_attachment_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    clip, reference = clip_file(tmp_path, b"clip")
    clip.path.unlink()
    with open_outbox(tmp_path, clock) as outbox, pytest.raises(OutboxError, match="No such file"):
        outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip])


@pytest.mark.parametrize(
    ("kind", "clip_id"), [(AttachmentKind.CLIP, None), (AttachmentKind.THUMBNAIL, new_id())], ids=["clip", "thumbnail"]
)
def test_only_clips_have_a_clip_id(kind: AttachmentKind, clip_id: UUID | None) -> None:
    with pytest.raises(ValueError, match="a clip has a clip_id and a thumbnail has none"):
        Attachment(kind, Path("x"), "0" * 64, 1, clip_id)


def test_what_the_server_refused_is_kept_shown_and_retried_on_request(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        event = outbox.commit(building())
        outbox.commit(building())
        outbox.park_event(1, "status 422 unknown-camera")
        pending = outbox.next_event()
        assert pending is not None
        assert pending.sequence == 2
        assert outbox.stats().parked == 1
        assert [(item.event_id, item.reason) for item in outbox.parked()] == [(event.id, "status 422 unknown-camera")]
        assert outbox.retry_parked() == 1
        retried = outbox.next_event()
        assert retried is not None
        assert retried.sequence == 1
        assert outbox.parked() == []


def test_a_parked_clip_is_shown_with_its_reason(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        clip = _commit_clip(outbox, tmp_path)
        outbox.mark_event_sent(1)
        attachment = outbox.next_attachment()
        assert attachment is not None
        outbox.park_attachment(attachment.attachment_id, "status 422")
        assert outbox.next_attachment() is None
        assert [(item.kind, item.clip_id, item.reason) for item in outbox.parked()] == [
            ("clip", clip.clip_id, "status 422")
        ]


def test_open_signals_are_listed_with_their_latest_event(tmp_path: Path, clock: ManualClock) -> None:
    open_id, ended_id = new_id(), new_id()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.commit(building(signal_id=open_id))
        outbox.commit(building(signal_id=ended_id))
        latest = outbox.commit(building(signal_id=open_id, phase=Phase.CONTINUES))
        outbox.commit(building(signal_id=ended_id, phase=Phase.ENDED))
        send_everything(outbox)
    with open_outbox(tmp_path, clock) as outbox:
        assert [(signal.latest, signal.ended) for signal in outbox.open_signals()] == [(latest, False)]
        outbox.commit(building(signal_id=open_id, phase=Phase.ENDED))
        assert outbox.open_signals() == []


def test_a_promised_clip_stays_open_until_it_is_sealed_or_given_up(tmp_path: Path, clock: ManualClock) -> None:
    sealed_id, faulty_id = new_id(), new_id()
    clip, reference = clip_file(tmp_path, b"clip")
    with open_outbox(tmp_path, clock) as outbox:
        for signal_id, clip_id in ((sealed_id, reference.clip_id), (faulty_id, new_id())):
            outbox.commit(building(signal_id=signal_id, clip_id=clip_id))
            outbox.commit(building(signal_id=signal_id, clip_id=clip_id, phase=Phase.ENDED))
        assert [(signal.ended, signal.clip_settled) for signal in outbox.open_signals()] == [(True, False)] * 2
        sealed = building(signal_id=sealed_id, clip_id=reference.clip_id, clip=reference, phase=Phase.CONTINUES)
        outbox.commit(sealed, [clip])
        (left,) = outbox.open_signals()
        assert left.latest.data.signal_id == faulty_id
        fault = {"clip_id": left.latest.data.clip_id, "clip_fault": "the worker was restarted"}
        outbox.commit(building(signal_id=faulty_id, phase=Phase.ENDED, **fault))
        assert outbox.open_signals() == []


def test_a_dropped_clip_is_recorded_and_its_fault_sent_to_the_server(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        clip, reference = clip_file(tmp_path, b"clip")
        promise = {"clip_id": reference.clip_id, "clip": reference}
        event = outbox.commit(building(phase=Phase.ENDED, **promise), [clip])
        outbox.mark_event_sent(1)
        attachment = outbox.next_attachment()
        assert attachment is not None
        outbox.drop_attachment(attachment.attachment_id, DeletionReason.MISSING_FILE)
        outbox.drop_attachment(attachment.attachment_id, DeletionReason.MISSING_FILE)  # the second finds nothing
        (deletion,) = outbox.deletions()
        assert (deletion.clip_id, deletion.sent, deletion.reason) == (reference.clip_id, False, "missing-file")
        fault = pending_event(outbox).data
        assert (fault.signal_id, fault.clip_id) == (event.data.signal_id, reference.clip_id)
        assert (fault.clip, fault.reasons, fault.phase) == (None, (), Phase.CONTINUES)
        assert fault.clip_fault == "deleted on the device before it was sent: missing-file"
        assert outbox.open_signals() == []
        assert outbox.stats().deleted_unsent == 1
        assert not clip.path.exists()


def test_sent_files_are_deleted_after_the_retention_time(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock, keep_sent_s=3600.0) as outbox:
        clip = _commit_clip(outbox, tmp_path)
        send_everything(outbox)
        clock.advance(3599.0)
        outbox.tidy()
        assert clip.path.exists()
        clock.advance(2.0)
        outbox.tidy()
        assert not clip.path.exists()
        assert [(deletion.sent, deletion.reason) for deletion in outbox.deletions()] == [(True, "retention")]
        assert outbox.stats().deleted_unsent == 0
        assert outbox.next_event() is None  # no clip fault: the server has the clip


def test_files_that_no_event_refers_to_are_swept_away(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        known = _commit_clip(outbox, tmp_path)
        orphan, _ = clip_file(tmp_path, b"left by a crash")
        assert outbox.sweep_orphans(tmp_path / "clips") == 1
        assert outbox.sweep_orphans(tmp_path / "nothing-here") == 0
    assert known.path.exists()
    assert not orphan.path.exists()


def test_a_second_worker_on_the_same_folder_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock), pytest.raises(OutboxError, match="another worker has the outbox open"):
        Outbox(tmp_path / "outbox.db", quota_bytes=1 << 20, clock=clock, new_id=new_id)
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.commit(building()).data.device_sequence == 1


def test_a_path_that_cannot_be_a_database_is_refused_with_a_sentence(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "outbox.db").mkdir()
    with pytest.raises(OutboxError, match="the outbox's database refuses"):
        Outbox(tmp_path / "outbox.db", quota_bytes=1 << 20, clock=clock, new_id=new_id)
    (tmp_path / "outbox.db").rmdir()
    with open_outbox(tmp_path, clock) as outbox:  # the failed attempt released the lock
        assert outbox.next_event() is None


def test_a_database_that_fails_later_is_an_outbox_error_for_readers_and_writers(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox._database._connection.execute("DROP TABLE deletions")
        outbox._database._connection.execute("ALTER TABLE events RENAME TO lost")
        with pytest.raises(OutboxError, match="database refuses: no such table"):
            outbox.next_event()
        with pytest.raises(OutboxError, match="database refuses: no such table"):
            outbox.commit(building())


def test_stats_say_how_old_the_oldest_unsent_event_is(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.stats().oldest_pending_at is None
        outbox.commit(building())
        clock.advance(60.0)
        outbox.commit(building())
        stats = outbox.stats()
        assert (stats.pending_events, stats.oldest_pending_at) == (2, NOON)
        assert 0 < stats.used_bytes < stats.quota_bytes


def _commit_clip(outbox: Outbox, folder: Path, content: bytes = b"clip", **changes: object) -> Attachment:
    clip, reference = clip_file(folder, content)
    outbox.commit(building(clip_id=reference.clip_id, clip=reference, **changes), [clip])
    return clip
