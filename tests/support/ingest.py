"""A small ingest server behind a real uvicorn, with injectable faults of link and server.

It keeps what it accepted in memory, also across `stop` and `start`, as a server keeps its disk across a restart.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contract.errors import ErrorKind, Problem
from contract.event import Event
from contract.heartbeat import Heartbeat

TOKEN = "test-token-0123456789"
API = "/api/v1/ingest"

Fault = Callable[[Request, bytes], Response | None]
"""Answers a request in the server's place, or returns None to let it pass."""


@dataclass
class IngestServer:
    """State and faults of the server. `faults` are applied to the next requests, one each; `always` to all others."""

    token: str = TOKEN
    events: dict[UUID, Event] = field(default_factory=dict)
    thumbnails: dict[UUID, bytes] = field(default_factory=dict)
    clips: dict[UUID, bytearray] = field(default_factory=dict)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    clip_bytes_received: int = 0
    faults: deque[Fault] = field(default_factory=deque)
    always: Fault = lambda _request, _body: None
    port: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before if it ran before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(self._app(), lifespan="off", log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="ingest server")
        thread.start()
        self._server, self._thread = server, thread
        while not server.started and thread.is_alive():
            thread.join(0.005)

    def stop(self, *, abruptly: bool = False) -> None:
        """Stop listening and close every connection; `abruptly` without completing requests."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._server.force_exit = abruptly
        self._thread.join()
        self._server = self._thread = None

    def sequences(self) -> list[int]:
        """The sequence numbers of the events in order of arrival."""
        return [event.data.device_sequence for event in self.events.values()]

    def announced(self, clip_id: UUID) -> tuple[str, int] | None:
        """Hash and size of a clip, if an event has announced it."""
        for event in self.events.values():
            if event.data.clip is not None and event.data.clip.clip_id == clip_id:
                return event.data.clip.sha256, event.data.clip.size_bytes
        return None

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(f"{API}/events", self._guarded(self._post_event), methods=["POST"]),
                Route(f"{API}/events/{{id:uuid}}/thumbnail", self._guarded(self._put_thumbnail), methods=["PUT"]),
                Route(f"{API}/clips/{{id:uuid}}", self._guarded(self._clip), methods=["HEAD", "PATCH"]),
                Route(f"{API}/verdicts", self._guarded(self._get_verdicts), methods=["GET"]),
                Route(f"{API}/heartbeats", self._guarded(self._post_heartbeat), methods=["POST"]),
            ]
        )

    def _guarded(
        self, handler: Callable[[Request, bytes], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            self.requests.append(f"{request.method} {request.url.path.removeprefix(API)}")
            fault = self.faults.popleft() if self.faults else self.always
            answer = fault(request, body)
            if answer is not None:
                return answer
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return problem(401, ErrorKind.UNAUTHENTICATED)
            return await handler(request, body)

        return endpoint

    async def _post_event(self, _request: Request, body: bytes) -> Response:
        try:
            event = Event.model_validate_json(body)
        except ValidationError:
            return problem(422, ErrorKind.BAD_INPUT)
        known = self.events.get(event.id)
        if known is not None and known != event:
            return problem(409, ErrorKind.CONFLICT)
        self.events[event.id] = event
        receipt = {"event_id": str(event.id), "alert_id": str(event.id), "duplicate": known is not None}
        return Response(json.dumps(receipt), 201 if known is None else 200, media_type="application/json")

    async def _put_thumbnail(self, request: Request, body: bytes) -> Response:
        event = self.events.get(request.path_params["id"])
        if event is None or event.data.thumbnail is None:
            return problem(404, ErrorKind.NOT_FOUND)
        if hashlib.sha256(body).hexdigest() != event.data.thumbnail.sha256:
            return problem(422, ErrorKind.DIGEST_MISMATCH)
        self.thumbnails[event.id] = body
        return Response(status_code=201)

    async def _clip(self, request: Request, body: bytes) -> Response:
        clip_id = request.path_params["id"]
        announced = self.announced(clip_id)
        if announced is None:
            return problem(404, ErrorKind.NOT_FOUND)
        sha256, size_bytes = announced
        stored = self.clips.setdefault(clip_id, bytearray())
        if request.method == "HEAD":
            return _upload_state(200, stored, size_bytes)
        self.clip_bytes_received += len(body)
        if int(request.headers["upload-offset"]) != len(stored):
            return problem(409, ErrorKind.CONFLICT, {"Upload-Offset": str(len(stored))})
        stored += body
        if len(stored) == size_bytes and hashlib.sha256(stored).hexdigest() != sha256:
            stored.clear()
            return problem(422, ErrorKind.DIGEST_MISMATCH, {"Upload-Offset": "0"})
        return _upload_state(204, stored, size_bytes)

    async def _get_verdicts(self, _request: Request, _body: bytes) -> Response:
        return problem(404, ErrorKind.NOT_FOUND)  # as a server without verdicts answers

    async def _post_heartbeat(self, _request: Request, body: bytes) -> Response:
        self.heartbeats.append(Heartbeat.model_validate_json(body))
        return Response(status_code=204)


def problem(status: int, kind: ErrorKind, headers: dict[str, str] | None = None) -> Response:
    """A refusal in the real server's form."""
    body = Problem(type=Problem.type_of(kind), title=kind.value, status=status, detail=f"refused: {kind.value}")
    return Response(body.model_dump_json(exclude_none=True), status, headers, "application/problem+json")


def answering(response: Response, path: str = "") -> Fault:
    """A fault that answers every request whose path contains `path` with `response`."""
    return lambda request, _body: response if path in request.url.path else None


def _upload_state(status: int, stored: bytearray, size_bytes: int) -> Response:
    complete = "?1" if len(stored) == size_bytes else "?0"
    return Response(status_code=status, headers={"Upload-Offset": str(len(stored)), "Upload-Complete": complete})


@contextmanager
def running_ingest() -> Iterator[IngestServer]:
    """A running server, stopped afterwards."""
    server = IngestServer()
    server.start()
    try:
        yield server
    finally:
        server.stop(abruptly=True)
