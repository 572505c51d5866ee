"""Real RTSP cameras for tests, and the network between them and the edge worker, with its faults.

`RtspCameras` serves a folder of .mp4 files over RTSP (aio-rtsp-toolkit, in a thread of its own) and loops each with
continuous timestamps. Its limits: TCP only, no authentication, no B-frames (it makes timestamps grow in sending order),
and a resolution that changes within a file is announced in band only.

`FaultyLink` is a TCP proxy in front of it that understands RTSP. It can require a log-in (Basic or Digest, both
verified), use TLS, send the media by UDP and add sender reports of a camera with its own clock. While it runs it can
stall, cut, corrupt or drop what the camera sends.

    with RtspCameras(folder) as cameras, FaultyLink(cameras.port, log_in=LogIn("admin", "secret")) as link:
        url = link.url("street.mp4", user="admin", password="secret")
        ...
        link.stalled = True
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import re
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

from aio_rtsp_toolkit import server as toolkit_server

from tests.support.rtcp import SenderReports, is_sender_report

_RTP_HEADER_BYTES = 12


class _Silent:
    """A logger that drops everything: the toolkit prints every request."""

    def log(self, *_: object, **__: object) -> None:
        return None

    debug = info = warning = error = log


T = TypeVar("T")


class _LoopThread:
    """An asyncio loop in a thread, for cameras beside blocking code."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=15)

    def close(self) -> None:
        async def cancel_all() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.loop.shutdown_default_executor()

        self.run(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()


class RtspCameras:
    """An RTSP server on a free port of `host`; every .mp4 or .mkv in `folder` is a camera of that name."""

    def __init__(self, folder: Path, port: int = 0, host: str = "127.0.0.1") -> None:
        self._server = toolkit_server.RtspServer(directory=str(folder), host=host, port=port)
        self._server.logger = _Silent()
        self.port = port

    def __enter__(self) -> Self:
        self._thread = _LoopThread("rtsp-cameras")
        self._thread.run(self._server.start())
        self.port = self._server._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._server.close())
        self._thread.close()

    def url(self, name: str, plays: int = 0) -> str:
        """The camera's address; it plays its film `plays` times and then hangs up, or for ever (0)."""
        return f"rtsp://127.0.0.1:{self.port}/{name}/play_count_{plays}"


@dataclass(frozen=True, slots=True)
class LogIn:
    """The credentials that a camera requires, and its authentication scheme."""

    user: str
    password: str
    scheme: Literal["basic", "digest"] = "digest"
    realm: str = "camera"


@dataclass(slots=True)
class _Route:
    """Where a connection's RTP channels go if the client chose UDP: to ports of `client_host`."""

    client_host: str
    ports_of_channel: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)
    reports: SenderReports | None = None


class FaultyLink:
    """A proxy to `upstream_port` of 127.0.0.1 on a free port of `host`, without faults until one is set.

    The test's thread may set at any time:
    stalled: receive and send nothing, keep the connections open.
    corrupt_share, lose_share: share of the RTP packets to corrupt or to drop, 0..1.
    hide_parameter_sets: remove them from the SDP, so that they are in band only.
    report_every_s: interval of sender reports on connections opened from now on; None for none. The reports of
        `RtspCameras`, which give only the time of sending, are always dropped.
    clock_offset_s: how far the camera's clock in the next reports is ahead of ours.
    Counters: `connections` accepted, `refusals` answered with 401. `reports` are those of the newest connection.
    """

    def __init__(
        self,
        upstream_port: int,
        *,
        host: str = "127.0.0.1",
        log_in: LogIn | None = None,
        tls: ssl.SSLContext | None = None,
        seed: int = 1,
    ) -> None:
        self._upstream_port = upstream_port
        self._host = host
        self._log_in = log_in
        self._tls = tls
        self._random = random.Random(seed)
        self._nonce = secrets.token_hex(8)
        self._writers: set[asyncio.StreamWriter] = set()
        self.stalled = False
        self.corrupt_share = 0.0
        self.lose_share = 0.0
        self.hide_parameter_sets = False
        self.report_every_s: float | None = None
        self.clock_offset_s = 0.0
        self.reports: SenderReports | None = None
        self.connections = 0
        self.refusals = 0
        self.port = 0

    def __enter__(self) -> Self:
        self._thread = _LoopThread("faulty-link")
        server = self._thread.run(asyncio.start_server(self._serve, self._host, 0, ssl=self._tls))
        self.port = server.sockets[0].getsockname()[1]
        self._server = server
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.close()

    def url(self, name: str, *, user: str = "", password: str = "", plays: int = 0) -> str:
        """The camera's address through this link."""
        scheme = "rtsps" if self._tls else "rtsp"
        who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"{scheme}://{who}{self._host}:{self.port}/{name}/play_count_{plays}"

    def cut(self) -> None:
        """Drop every connection at once."""

        def close_all() -> None:
            for writer in self._writers:
                writer.transport.abort()

        self._thread.loop.call_soon_threadsafe(close_all)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            camera, to_camera = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:  # the camera is gone, so its client's connection ends
            to_client.transport.abort()
            return
        self._writers |= {to_client, to_camera}
        if self.report_every_s is not None:
            self.reports = SenderReports(self.report_every_s)
        route = _Route(client_host=to_client.get_extra_info("peername")[0], reports=self.reports)
        try:
            both = (self._requests(client, to_client, to_camera, route), self._answers(camera, to_client, route))
            tasks = [asyncio.ensure_future(one) for one in both]
            with contextlib.suppress(asyncio.CancelledError):  # the link is closing; asyncio would log an error
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for writer in (to_client, to_camera):
                self._writers.discard(writer)
                writer.transport.abort()
            for _, sending in route.ports_of_channel.values():
                sending.close()

    async def _requests(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        to_camera: asyncio.StreamWriter,
        route: _Route,
    ) -> None:
        async for message in _messages(client):
            await self._wait_while_stalled()
            if message[:1] == b"$":
                to_camera.write(message)
                continue
            text = message.decode()
            if self._log_in and not _is_authorised(text, self._log_in, self._nonce):
                self.refusals += 1
                to_client.write(self._challenge(text))
                continue
            to_camera.write(_as_tcp_setup(text, route, self._host).encode())

    async def _answers(self, camera: asyncio.StreamReader, to_client: asyncio.StreamWriter, route: _Route) -> None:
        async for message in _messages(camera):
            await self._wait_while_stalled()
            if message[:1] != b"$":
                text = _without_parameter_sets(message.decode()) if self.hide_parameter_sets else message.decode()
                to_client.write(_as_udp_answer(text, route).encode())
            elif not is_sender_report(message[4:]) and self._random.random() >= self.lose_share:
                self._report(message, to_client, route)
                self._forward_rtp(self._damaged(message), to_client, route)
            await to_client.drain()

    def _report(self, message: bytes, to_client: asyncio.StreamWriter, route: _Route) -> None:
        if route.reports is None or message[1] % 2:  # odd channels carry RTCP
            return
        report = route.reports.beside(message[4:], self.clock_offset_s)
        if report is not None:
            head = struct.pack("!cBH", b"$", message[1] + 1, len(report))
            self._forward_rtp(head + report, to_client, route)

    def _forward_rtp(self, message: bytes, to_client: asyncio.StreamWriter, route: _Route) -> None:
        where = route.ports_of_channel.get(message[1])
        if where is None:
            to_client.write(message)
        else:
            port, sending = where
            with contextlib.suppress(OSError):  # the client closed its port, which UDP does not notice
                sending.sendto(message[4:], (route.client_host, port))

    def _damaged(self, message: bytes) -> bytes:
        body = 4 + _RTP_HEADER_BYTES + 2
        if len(message) <= body + 8 or self._random.random() >= self.corrupt_share:
            return message
        damaged = bytearray(message)
        for _ in range(8):
            damaged[self._random.randrange(body, len(damaged))] ^= self._random.randrange(1, 256)
        return bytes(damaged)

    async def _wait_while_stalled(self) -> None:
        while self.stalled:  # noqa: ASYNC110 - set from the test's thread, where an asyncio event must not be touched
            await asyncio.sleep(0.02)

    def _challenge(self, request: str) -> bytes:
        log_in = self._log_in
        assert log_in is not None
        how = f'Digest realm="{log_in.realm}", nonce="{self._nonce}"'
        if log_in.scheme == "basic":
            how = f'Basic realm="{log_in.realm}"'
        sequence = _header(request, "CSeq") or "0"
        return f"RTSP/1.0 401 Unauthorized\r\nCSeq: {sequence}\r\nWWW-Authenticate: {how}\r\n\r\n".encode()


@contextlib.contextmanager
def deaf_server(answer: bytes = b"") -> Iterator[int]:
    """A TCP port on 127.0.0.1 that accepts, answers every connection with the same bytes, and then stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    held.append(connection)
                    connection.sendall(answer)

        thread = threading.Thread(target=accept, name="deaf-server", daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
            for connection in held:
                connection.close()


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Complete RTSP messages and interleaved frames (RFC 2326, section 10.12), one at a time."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            first = await reader.readexactly(1)
            if first == b"$":
                head = await reader.readexactly(3)
                yield first + head + await reader.readexactly(int.from_bytes(head[1:]))
                continue
            text = first + await reader.readuntil(b"\r\n\r\n")
            length = int(_header(text.decode(), "Content-Length") or 0)
            yield text + await reader.readexactly(length)


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*?)\s*$", message, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def _is_authorised(request: str, log_in: LogIn, nonce: str) -> bool:
    given = _header(request, "Authorization")
    if log_in.scheme == "basic":
        expected = base64.b64encode(f"{log_in.user}:{log_in.password}".encode()).decode()
        return given == f"Basic {expected}"
    fields = dict(re.findall(r'(\w+)="([^"]*)"', given))
    method = request.split(" ", 1)[0]
    secret = _md5(f"{log_in.user}:{log_in.realm}:{log_in.password}")
    action = _md5(f"{method}:{fields.get('uri', '')}")
    return given.startswith("Digest ") and fields.get("response") == _md5(f"{secret}:{nonce}:{action}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # as RFC 2617 requires


def _as_tcp_setup(request: str, route: _Route, host: str) -> str:
    """A SETUP for UDP rewritten as the interleaved one that the camera supports; other requests unchanged."""
    asked = re.search(r"client_port=(\d+)-(\d+)", _header(request, "Transport"))
    if not request.startswith("SETUP ") or not asked:
        return request
    channel = len(route.ports_of_channel)
    for offset in (0, 1):
        sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sending.bind((host, 0))
        route.ports_of_channel[channel + offset] = (int(asked[1 + offset]), sending)
    interleaved = f"Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
    return re.sub(r"Transport:[^\r]*", interleaved, request, flags=re.IGNORECASE)


def _as_udp_answer(answer: str, route: _Route) -> str:
    channels = re.search(r"interleaved=(\d+)-(\d+)", answer)
    if not channels or not route.ports_of_channel:
        return answer
    pairs = [route.ports_of_channel[int(channels[index])] for index in (1, 2)]
    client = "-".join(str(port) for port, _ in pairs)
    server = "-".join(str(sending.getsockname()[1]) for _, sending in pairs)
    return re.sub(
        r"Transport:[^\r]*", f"Transport: RTP/AVP/UDP;unicast;client_port={client};server_port={server}", answer
    )


def _without_parameter_sets(answer: str) -> str:
    head, separator, body = answer.partition("\r\n\r\n")
    body = re.sub(r";?\s*sprop-[^\r]*", "", body)
    return re.sub(r"Content-Length: \d+", f"Content-Length: {len(body)}", head) + separator + body
