"""Clips: resumable, hashed, and never half-true."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import yaml

from contract.event import Phase
from server.clips.files import MediaFiles
from tests.support.events import new_id
from tests.support.server import (
    API,
    LiveServer,
    Template,
    consistency_findings,
    copied_server,
    event_of,
    following,
    problem,
    send,
    upload_clip,
    with_clip,
)

CLIP = os.urandom(600_000)


def announced(server: LiveServer, content: bytes = CLIP, sequence: int = 1) -> UUID:
    """The id of a clip that an accepted event announced."""
    event = with_clip(event_of(sequence), content)
    assert send(server.device(), event).status_code == 201
    assert event.data.clip is not None
    return event.data.clip.clip_id


def offset_of(client: httpx.Client, clip_id: UUID) -> tuple[int, str]:
    answer = client.head(f"{API}/ingest/clips/{clip_id}")
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"]), answer.headers["upload-complete"]


def clip_path(server: LiveServer, clip_id: UUID) -> Path:
    return server.settings.clips / "bahari" / "2026-11" / f"{clip_id}.mp4"


def test_a_clip_arrives_in_pieces_and_is_stored_whole(live_server: LiveServer) -> None:
    clip_id, device = announced(live_server), live_server.device()
    assert offset_of(device, clip_id) == (0, "?0")
    first = upload_clip(device, clip_id, CLIP[:250_000])
    assert (first.status_code, first.headers["upload-offset"], first.headers["upload-complete"]) == (
        204,
        "250000",
        "?0",
    )
    assert offset_of(device, clip_id) == (250_000, "?0")
    last = upload_clip(device, clip_id, CLIP[250_000:], 250_000)
    assert (last.status_code, last.headers["upload-complete"]) == (204, "?1")
    assert offset_of(device, clip_id) == (600_000, "?1")
    assert clip_path(live_server, clip_id).read_bytes() == CLIP
    alert = live_server.log_in("operator-bahari").get(f"{API}/alerts").json()["items"][0]
    assert (alert["has_clip"], alert["clip_expected"]) == (True, False)
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def test_repeating_a_complete_upload_is_harmless(live_server: LiveServer) -> None:
    clip_id, device = announced(live_server), live_server.device()
    for _ in range(2):
        answer = upload_clip(device, clip_id, CLIP)
        assert (answer.status_code, answer.headers["upload-complete"]) == (204, "?1")


@pytest.mark.parametrize("offset", [0, 99, 101, 10**12])
def test_a_wrong_offset_is_answered_with_the_right_one(live_server: LiveServer, offset: int) -> None:
    clip_id, device = announced(live_server), live_server.device()
    upload_clip(device, clip_id, CLIP[:100])
    answer = upload_clip(device, clip_id, CLIP[100:], offset)
    problem(answer, 409, "conflict")
    assert answer.headers["upload-offset"] == "100"


def test_bytes_with_another_hash_are_dropped_and_the_upload_begins_again(live_server: LiveServer) -> None:
    clip_id, device = announced(live_server), live_server.device()
    problem(upload_clip(device, clip_id, CLIP[:-1] + bytes([CLIP[-1] ^ 1])), 422, "digest-mismatch")
    assert offset_of(device, clip_id) == (0, "?0")
    assert upload_clip(device, clip_id, CLIP).status_code == 204
    assert clip_path(live_server, clip_id).read_bytes() == CLIP


def test_more_bytes_than_announced_are_refused_and_none_of_them_kept(live_server: LiveServer) -> None:
    clip_id, device = announced(live_server), live_server.device()
    upload_clip(device, clip_id, CLIP[:1000])
    problem(upload_clip(device, clip_id, CLIP, 1000), 413, "too-large")
    assert offset_of(device, clip_id) == (1000, "?0")


def test_a_piece_over_eight_mebibytes_is_refused(live_server: LiveServer) -> None:
    clip_id, device = announced(live_server), live_server.device()
    problem(upload_clip(device, clip_id, bytes(8 * 1024 * 1024 + 1)), 413, "too-large")


def test_a_clip_that_no_event_announced_is_unknown(live_server: LiveServer) -> None:
    device = live_server.device()
    promised = event_of(1, clip_id=new_id())
    assert send(device, promised).status_code == 201
    for clip_id in (new_id(), promised.data.clip_id):
        assert device.head(f"{API}/ingest/clips/{clip_id}").status_code == 404
        assert clip_id is not None
        problem(upload_clip(device, clip_id, CLIP), 404, "not-found")


def test_two_uploads_of_one_clip_at_once_do_not_mix(live_server: LiveServer) -> None:
    clip_id = announced(live_server)
    statuses = _at_once(lambda: upload_clip(live_server.device(), clip_id, CLIP).status_code, 4)
    assert 204 in statuses
    assert set(statuses) <= {204, 409}
    assert clip_path(live_server, clip_id).read_bytes() == CLIP


def _at_once(call: Callable[[], int], times: int) -> list[int]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(times)]]


def test_another_media_type_is_refused(live_server: LiveServer) -> None:
    headers = {"Upload-Offset": "0", "Content-Type": "video/mp4"}
    answer = live_server.device().patch(f"{API}/ingest/clips/{announced(live_server)}", content=CLIP, headers=headers)
    problem(answer, 422, "bad-input")


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/secret.mp4", "....//x", "a\x00b"]
)
def test_a_name_that_leads_elsewhere_reaches_no_file(live_server: LiveServer, name: str) -> None:
    url = httpx.URL(live_server.base_url).copy_with(
        raw_path=f"{API}/ingest/clips/{name}".encode().replace(b"\0", b"%00")
    )
    headers = {"Content-Type": "application/partial-upload", "Upload-Offset": "0"}
    answer = live_server.device().patch(url, content=b"x", headers=headers)
    assert answer.status_code in {404, 405, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert [path for path in live_server.settings.clips.rglob("*") if path.is_file()] == []


def test_a_stored_name_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    files = MediaFiles(tmp_path / "clips")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    with pytest.raises(Exception, match="no such file"):
        files.existing("../secret.mp4")


def test_a_full_disk_is_said_and_the_upload_goes_on_when_there_is_room(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """os.write is replaced by one that has room for 300,000 bytes, writes what fits and then reports ENOSPC."""
    clip_id, device, free = announced(live_server), live_server.device(), [300_000]
    write = os.write

    def on_a_full_disk(descriptor: int, data: memoryview) -> int:
        if free[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, data[: free[0]])
        free[0] -= written
        return written

    monkeypatch.setattr("server.clips.files.os.write", on_a_full_disk)
    problem(upload_clip(device, clip_id, CLIP), 507, "storage-full")
    free[0] = 10**9
    offset, complete = offset_of(device, clip_id)
    assert (offset, complete) == (300_000, "?0")
    assert upload_clip(device, clip_id, CLIP[offset:], offset).headers["upload-complete"] == "?1"
    monkeypatch.undo()
    assert clip_path(live_server, clip_id).read_bytes() == CLIP


def test_a_real_limit_on_file_size_is_a_full_disk_too(tmp_path: Path) -> None:
    """RLIMIT_FSIZE in a process of its own: the kernel writes up to the limit, then fails with EFBIG."""
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from contract.errors import KentonganError\n"
        "from server.clips.files import MediaFiles\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "files = MediaFiles(Path(sys.argv[1]))\n"
        "try: files.append('k/2026-11/c.mp4', [b'x' * 9000])\n"
        "except KentonganError as error: print(error.kind.value, files.partial_size('k/2026-11/c.mp4'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["storage-full", "5000"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE) != (5000, 5000)


def test_a_device_that_hangs_up_goes_on_where_the_bytes_end(live_server: LiveServer) -> None:
    clip_id = announced(live_server)

    def breaking() -> Iterator[bytes]:
        yield CLIP[:300_000]
        raise ConnectionAbortedError("the link broke")

    headers = {"Content-Type": "application/partial-upload", "Upload-Offset": "0", "Content-Length": "600000"}
    with pytest.raises(ConnectionAbortedError):
        live_server.device().patch(f"{API}/ingest/clips/{clip_id}", content=breaking(), headers=headers)
    device_again = live_server.device()
    offset = _settled_offset(device_again, clip_id)
    assert 0 < offset <= 300_000
    assert upload_clip(device_again, clip_id, CLIP[offset:], offset).headers["upload-complete"] == "?1"
    assert clip_path(live_server, clip_id).read_bytes() == CLIP


def _settled_offset(device: httpx.Client, clip_id: UUID) -> int:
    """The offset once the server has noticed that the link broke."""
    deadline_s = time.monotonic() + 5
    while (offset := offset_of(device, clip_id)[0]) == 0 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return offset


def test_a_device_whose_link_dies_in_silence_does_not_hold_its_clip(make_server: Callable[..., LiveServer]) -> None:
    server = make_server(limits={"body_stall_s": 0.3})
    clip_id = announced(server)
    host, port = server.base_url.removeprefix("http://").split(":")
    head = (
        f"PATCH {API}/ingest/clips/{clip_id} HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {server.tokens['box-1']}\r\n"
        "Content-Type: application/partial-upload\r\nUpload-Offset: 0\r\nContent-Length: 600000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10.0) as silent:
        silent.sendall(head.encode() + CLIP[:1000])
        answer = b""
        while part := silent.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408 ")
    device = server.device()
    assert offset_of(device, clip_id) == (1000, "?0")
    assert upload_clip(device, clip_id, CLIP[1000:], 1000).headers["upload-complete"] == "?1"


def test_a_clip_counts_as_complete_only_once_it_is_checked_and_recorded(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails while the last piece is hashed, then between the new name and the row."""
    clip_id, device = announced(live_server), live_server.device()

    def unreadable(path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error", path)

    monkeypatch.setattr("server.clips.files.hash_file", unreadable)
    problem(upload_clip(device, clip_id, CLIP), 503, "unavailable")
    assert offset_of(device, clip_id) == (600_000, "?0")
    problem(upload_clip(device, clip_id, b"", 600_000), 503, "unavailable")
    monkeypatch.undo()
    clip_path(live_server, clip_id).with_suffix(".mp4.part").rename(clip_path(live_server, clip_id))
    assert offset_of(device, clip_id) == (600_000, "?0")
    assert upload_clip(device, clip_id, b"", 600_000).headers["upload-complete"] == "?1"
    assert offset_of(device, clip_id) == (600_000, "?1")
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def test_only_the_servers_own_user_may_read_a_clip(live_server: LiveServer) -> None:
    clip_id = announced(live_server)
    upload_clip(live_server.device(), clip_id, CLIP)
    path = clip_path(live_server, clip_id)
    for stored in (path, path.parent, path.parent.parent):
        assert stored.stat().st_mode & 0o077 == 0, stored


def test_a_server_killed_during_an_upload_goes_on_after_a_restart(server_template: Template, tmp_path: Path) -> None:
    """kill -9 of a real process while a piece is on its way; the bytes on the disk are the offset afterwards."""
    server = copied_server(server_template, tmp_path / "data")
    event = with_clip(event_of(), CLIP)
    clip = event.data.clip
    assert clip is not None
    with _process(server) as base_url, httpx.Client(base_url=base_url, headers=_bearer(server)) as device:
        assert send(device, event).status_code == 201
    with _process(server, kill=True) as base_url:
        _send_half(base_url, server, clip.clip_id)
    part = server.settings.clips / "bahari/2026-11" / f"{clip.clip_id}.mp4.part"
    on_disk = part.stat().st_size
    assert 0 < on_disk <= 400_000
    with _process(server) as base_url, httpx.Client(base_url=base_url, headers=_bearer(server)) as device:
        assert offset_of(device, clip.clip_id) == (on_disk, "?0")
        assert upload_clip(device, clip.clip_id, CLIP[on_disk:], on_disk).headers["upload-complete"] == "?1"
    stored = server.settings.clips / "bahari/2026-11" / f"{clip.clip_id}.mp4"
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == clip.sha256
    assert consistency_findings(server.settings) == []


def test_a_server_killed_between_the_last_byte_and_the_row_finishes_at_its_next_start(
    server_template: Template, tmp_path: Path
) -> None:
    server = copied_server(server_template, tmp_path / "data")
    with server:
        clip_id = announced(server)
    path = clip_path(server, clip_id)
    path.parent.mkdir(parents=True)
    path.write_bytes(CLIP)
    with LiveServer(server.settings, server.tokens) as restarted:
        assert offset_of(restarted.device(), clip_id) == (600_000, "?1")
        assert restarted.log_in("operator-bahari").get(f"{API}/alerts").json()["items"][0]["has_clip"] is True
    assert consistency_findings(server.settings) == []


def _bearer(server: LiveServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.tokens['box-1']}"}


class _process:  # noqa: N801 - used as a function
    """`kentongan-server run` on the server's data, until the block ends; yields its address."""

    def __init__(self, server: LiveServer, *, kill: bool = False) -> None:
        self._server = server
        self._signal = signal.SIGKILL if kill else signal.SIGTERM

    def __enter__(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = self._server.settings.data_dir.parent / "server.yaml"
        settings = {"data_dir": str(self._server.settings.data_dir), "listen": {"port": port}}
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = [sys.executable, "-m", "server.cli", "run", "--config", str(config)]
        self._running = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE)
        base_url = f"http://127.0.0.1:{port}"
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            try:
                httpx.get(f"{base_url}/healthz", trust_env=False)
                return base_url
            except httpx.TransportError:
                time.sleep(0.02)
        self._running.kill()
        self._running.communicate()
        raise RuntimeError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self._running.send_signal(self._signal)
        assert self._running.stderr is not None
        with self._running.stderr:
            said = self._running.stderr.read()
        status = self._running.wait(timeout=15)
        # uvicorn ends in order and then lets the signal have its way, so that a supervisor sees what ended it.
        assert status == -self._signal, said.decode()
        assert self._signal is signal.SIGKILL or b"Application shutdown complete" in said


def _send_half(base_url: str, server: LiveServer, clip_id: UUID) -> None:
    """Send two thirds of the clip's bytes and leave the request open."""
    host, port = base_url.removeprefix("http://").split(":")
    head = (
        f"PATCH {API}/ingest/clips/{clip_id} HTTP/1.1\r\nHost: {host}\r\nUpload-Offset: 0\r\n"
        f"Authorization: {_bearer(server)['Authorization']}\r\n"
        f"Content-Type: application/partial-upload\r\nContent-Length: {len(CLIP)}\r\n\r\n"
    )
    link = socket.create_connection((host, int(port)))
    link.sendall(head.encode() + CLIP[:400_000])
    part = server.settings.clips / "bahari/2026-11" / f"{clip_id}.mp4.part"
    deadline_s = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size > 0):
        assert time.monotonic() < deadline_s, "no byte reached the disk"
        time.sleep(0.01)
    link.close()


def test_the_clip_reference_of_a_later_event_is_the_alerts_clip(live_server: LiveServer) -> None:
    began = event_of(1, clip_id=new_id())
    alert_id = send(live_server.device(), began).json()["alert_id"]
    client = live_server.log_in("operator-bahari")
    before = client.get(f"{API}/alerts/{alert_id}").json()
    assert (before["clip"], before["clip_expected"]) == (None, True)
    send(live_server.device(), with_clip(following(began, 2, phase=Phase.CONTINUES), CLIP))
    after = client.get(f"{API}/alerts/{alert_id}").json()
    assert (after["clip"]["clip_id"], after["clip"]["uploaded"]) == (str(began.data.clip_id), False)
