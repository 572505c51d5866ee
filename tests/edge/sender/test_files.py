from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from contract.errors import ErrorKind
from contract.event import Event
from edge.outbox import Attachment, DeletionReason
from edge.sender import files
from edge.sender.files import CHUNK_MAX_BYTES, CHUNK_MIN_BYTES, CHUNK_START_BYTES, MAX_RESTARTS
from tests.support.delivery import Delivery
from tests.support.events import building, clip_file, thumbnail_file
from tests.support.ingest import Fault, IngestServer, answering, problem

CLIP = bytes(range(256)) * 4096  # 1 MiB


def test_a_conflict_goes_on_from_the_offset_that_the_server_names(device: Delivery, server: IngestServer) -> None:
    event, _ = _commit_clip(device)
    assert event.data.clip_id is not None
    while server.clip_bytes_received == 0:
        device.sender.run_once()
    # The server has more than the sender knows, as after a chunk whose reply was lost.
    server.clips[event.data.clip_id] += CLIP[len(server.clips[event.data.clip_id]) :][:100_000]
    device.run()
    assert bytes(server.clips[event.data.clip_id]) == CLIP
    assert server.clip_bytes_received < len(CLIP) + CHUNK_MAX_BYTES


def test_a_conflict_without_a_usable_offset_is_deferred_and_not_repeated_at_once(
    device: Delivery, server: IngestServer
) -> None:
    _commit_clip(device)
    server.always = _only("PATCH", problem(409, ErrorKind.CONFLICT, {"Upload-Offset": "0"}))
    device.run(for_s=60.0)
    assert sum(request.startswith("PATCH") for request in server.requests) < 10
    assert device.outbox.stats().pending_clips == 1


def test_a_reply_without_progress_is_deferred_and_not_repeated_at_once(device: Delivery, server: IngestServer) -> None:
    _commit_clip(device)
    server.always = _only("PATCH", Response(status_code=204))
    device.run(for_s=60.0)
    assert sum(request.startswith("PATCH") for request in server.requests) < 10
    server.always = _only("nothing", Response())
    device.run(for_s=600.0)
    assert device.outbox.stats().pending_clips == 0


def test_an_upload_that_was_complete_but_unchecked_is_completed_by_an_empty_chunk(
    device: Delivery, server: IngestServer
) -> None:
    event, _ = _commit_clip(device)
    assert event.data.clip_id is not None
    server.clips[event.data.clip_id] = bytearray(CLIP)
    unchecked = Response(status_code=200, headers={"Upload-Offset": str(len(CLIP)), "Upload-Complete": "?0"})
    server.always = _only("HEAD", unchecked)
    device.run()
    assert device.outbox.stats().pending_clips == 0
    assert server.clip_bytes_received == 0


def test_a_clip_that_the_server_has_already_is_not_sent_again(device: Delivery, server: IngestServer) -> None:
    event, _ = _commit_clip(device)
    assert event.data.clip_id is not None
    server.clips[event.data.clip_id] = bytearray(CLIP)
    device.run()
    assert server.clip_bytes_received == 0
    assert device.outbox.stats().pending_clips == 0


def test_a_missing_clip_is_recorded_and_skipped_and_its_fault_sent(device: Delivery, server: IngestServer) -> None:
    lost_event, lost = _commit_clip(device)
    other_event, _ = _commit_clip(device)
    lost.path.unlink()
    device.run()
    assert _faults(server) == {lost_event.data.clip_id: "deleted on the device before it was sent: missing-file"}
    assert [deletion.reason for deletion in device.outbox.deletions()] == ["missing-file"]
    assert other_event.data.clip_id is not None
    assert bytes(server.clips[other_event.data.clip_id]) == CLIP


def test_a_missing_thumbnail_is_recorded_and_skipped(device: Delivery, server: IngestServer) -> None:
    thumbnail, reference = thumbnail_file(device.folder, b"\xff\xd8\xff")
    device.outbox.commit(building(thumbnail=reference), [thumbnail])
    thumbnail.path.unlink()
    device.run()
    assert server.thumbnails == {}
    assert [(deletion.kind, deletion.reason) for deletion in device.outbox.deletions()] == [
        ("thumbnail", "missing-file")
    ]


@pytest.mark.parametrize("damage", [b"\x00" + CLIP[1:], CLIP[:-1], b""], ids=["flipped", "cut", "emptied"])
def test_a_clip_damaged_on_the_device_is_recorded_and_its_fault_sent(
    device: Delivery, server: IngestServer, damage: bytes
) -> None:
    event, clip = _commit_clip(device)
    clip.path.write_bytes(damage if damage != CLIP else b"x")
    device.run(for_s=1200.0)
    assert _faults(server) == {event.data.clip_id: "deleted on the device before it was sent: digest-mismatch"}
    assert device.outbox.stats().pending_clips == 0


def test_an_unreadable_clip_is_retried_then_given_up_and_blocks_no_other(
    device: Delivery, server: IngestServer
) -> None:
    event, clip = _commit_clip(device)
    other, _ = _commit_clip(device, b"another")
    clip.path.unlink()
    clip.path.mkdir()  # reading it fails, though it is there
    device.run()
    assert list(server.clips) == [other.data.clip_id, event.data.clip_id]
    assert device.sender.status().file_fault == "cannot read the file: Is a directory"
    assert device.outbox.stats().pending_clips == 1
    clip.path.rmdir()
    clip.path.write_bytes(CLIP)
    device.run(for_s=10.0)
    assert device.outbox.stats().pending_clips == 0
    hopeless, unreadable = _commit_clip(device)
    unreadable.path.unlink()
    unreadable.path.mkdir()
    device.run(for_s=120.0)
    assert _faults(server) == {hopeless.data.clip_id: "deleted on the device before it was sent: unreadable"}


def test_a_conflict_beyond_the_end_of_the_clip_does_not_give_it_up(device: Delivery, server: IngestServer) -> None:
    event, _ = _commit_clip(device)
    server.always = _only("PATCH", problem(409, ErrorKind.CONFLICT, {"Upload-Offset": str(len(CLIP) + 1)}))
    device.run(for_s=60.0)
    assert device.outbox.deletions() == []
    server.always = _only("nothing", Response())
    device.run(for_s=600.0)
    assert event.data.clip_id is not None
    assert bytes(server.clips[event.data.clip_id]) == CLIP


def test_a_clip_damaged_on_the_way_is_sent_again_from_the_start(device: Delivery, server: IngestServer) -> None:
    event, _ = _commit_clip(device)
    assert event.data.clip_id is not None
    while server.clip_bytes_received == 0:
        device.sender.run_once()
    server.clips[event.data.clip_id][0] ^= 0xFF
    device.run()
    assert device.outbox.stats().pending_clips == 1
    device.run(for_s=60.0)
    assert bytes(server.clips[event.data.clip_id]) == CLIP
    assert device.outbox.stats().pending_clips == 0


def test_a_clip_that_always_arrives_damaged_is_parked_and_kept(device: Delivery, server: IngestServer) -> None:
    event, clip = _commit_clip(device, b"small clip")
    server.always = _only("PATCH", problem(422, ErrorKind.DIGEST_MISMATCH))
    device.run(for_s=3600.0)
    (parked,) = device.outbox.parked()
    assert parked.clip_id == event.data.clip_id
    assert parked.reason.startswith(f"arrived damaged {MAX_RESTARTS + 1} times, though sound here")
    assert clip.path.exists()


def test_a_clip_that_is_refused_for_good_is_parked_and_the_next_one_sent(
    device: Delivery, server: IngestServer
) -> None:
    refused, _ = _commit_clip(device)
    other, _ = _commit_clip(device)
    assert refused.data.clip_id is not None

    def refuse_one(request: Request, _body: bytes) -> Response | None:
        return problem(422, ErrorKind.BAD_INPUT) if str(refused.data.clip_id) in request.url.path else None

    server.always = refuse_one
    device.run()
    assert [item.clip_id for item in device.outbox.parked()] == [refused.data.clip_id]
    assert set(server.clips) == {other.data.clip_id}


def test_a_full_server_holds_back_files_but_no_events(device: Delivery, server: IngestServer) -> None:
    event, _ = _commit_clip(device)
    server.always = _only("PATCH", problem(507, ErrorKind.STORAGE_FULL))
    device.run(for_s=30.0)
    device.outbox.commit(building())
    device.run()
    assert server.sequences() == [1, 2]
    assert sum(request.startswith("PATCH") for request in server.requests) < 8
    assert (device.sender.status().fault, device.sender.status().file_fault) == (
        None,
        "status 507 storage-full: refused: storage-full",
    )
    server.always = _only("nothing", Response())
    device.run(for_s=600.0)
    assert event.data.clip_id is not None
    assert bytes(server.clips[event.data.clip_id]) == CLIP
    assert device.sender.status().file_fault is None


def test_retry_states_of_deleted_files_are_discarded(
    device: Delivery, server: IngestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "RETRY_STATES", 3)
    device.sender._files._retries_limit = 3
    server.always = _only("HEAD", Response("oops", 500))
    for _ in range(10):
        _commit_clip(device, b"small clip")
    device.run(for_s=2.0)
    assert len(device.sender._files._retries) == 10
    for attachment_id in device.outbox.pending_attachment_ids():
        device.outbox.drop_attachment(attachment_id, DeletionReason.QUOTA)
    for _ in range(12):
        _commit_clip(device, b"small clip")
    device.run(for_s=2.0)
    assert set(device.sender._files._retries) == device.outbox.pending_attachment_ids()


def test_an_event_that_the_server_lost_is_sent_again_before_its_clip(device: Delivery, server: IngestServer) -> None:
    event, _ = _commit_clip(device)
    while server.clip_bytes_received == 0:
        device.sender.run_once()
    server.events.clear()  # restored from a backup
    server.clips.clear()
    device.run(for_s=60.0)
    assert list(server.events) == [event.id]
    assert event.data.clip_id is not None
    assert bytes(server.clips[event.data.clip_id]) == CLIP


def test_a_clip_that_the_server_denies_even_after_its_event_is_parked(device: Delivery, server: IngestServer) -> None:
    _commit_clip(device)
    server.always = _only("HEAD", Response(status_code=404))
    device.run(for_s=60.0)
    assert [item.kind for item in device.outbox.parked()] == ["clip"]


def test_chunks_grow_on_a_fast_link_and_shrink_on_a_slow_one(device: Delivery, server: IngestServer) -> None:
    sizes: list[int] = []
    slowness_s = 0.0

    def take_time(request: Request, body: bytes) -> Response | None:
        if request.method == "PATCH":
            sizes.append(len(body))
            device.clock.advance(slowness_s)
        return None

    server.always = take_time
    _commit_clip(device, CLIP * 3)
    device.run()
    assert sizes[:4] == [CHUNK_START_BYTES, *(CHUNK_START_BYTES << shift for shift in (1, 2, 3))]
    assert max(sizes) == CHUNK_MAX_BYTES
    sizes.clear()
    slowness_s = 30.0
    _commit_clip(device, CLIP)
    device.run(for_s=1200.0)
    assert sizes[0] == CHUNK_MAX_BYTES
    assert set(sizes[1:]) == {CHUNK_MIN_BYTES}


def test_a_clip_under_way_is_finished_before_a_newer_one(device: Delivery, server: IngestServer) -> None:
    first, _ = _commit_clip(device)
    while server.clip_bytes_received == 0:
        device.sender.run_once()
    second, _ = _commit_clip(device)
    device.run()
    assert list(server.clips) == [first.data.clip_id, second.data.clip_id]


def _commit_clip(device: Delivery, content: bytes = CLIP) -> tuple[Event, Attachment]:
    clip, reference = clip_file(device.folder, content)
    return device.outbox.commit(building(clip_id=reference.clip_id, clip=reference), [clip]), clip


def _only(method: str, response: Response) -> Fault:
    return lambda request, body: answering(response)(request, body) if request.method == method else None


def _faults(server: IngestServer) -> dict[object, str]:
    return {event.data.clip_id: event.data.clip_fault for event in server.events.values() if event.data.clip_fault}
