"""The server's ingest API as the sender sees it: requests out, replies reduced to what decides the next step."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Self
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from contract.errors import ErrorKind, Problem
from contract.heartbeat import Heartbeat
from contract.verdict import MAX_VERDICTS
from edge.config import ServerConfig
from edge.sender.verdict_page import ReadPage, read_page

MAX_RETRY_AFTER_S = 900.0
MAX_REPLY_BYTES = 64 << 10
WRITE_TIMEOUT_S = 30.0
KEEPALIVE_S = 3.0
"""Shorter than the 5 s after which servers commonly close, so that no request meets a connection that just closes."""

_RETRIED = {408, 421, 425, 429}


class LinkError(Exception):
    """The request got no complete reply: whether it arrived is not known."""


class Verdict(Enum):
    """What a reply means for what was sent."""

    DONE = auto()
    RETRY = auto()
    UNAUTHORISED = auto()
    REFUSED = auto()


class _EventReceipt(BaseModel):
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply. `reason` is for people. `offset` and `complete` are those of the resumable upload."""

    status: int
    verdict: Verdict
    reason: str
    kind: str | None = None
    retry_after_s: float = 0.0
    offset: int | None = None
    complete: bool = False


class IngestClient:
    """One connection to the server, kept open. Timeouts are per step, so that a slow link that moves never fails.

    Raises LinkError from every request that got no complete reply.
    """

    def __init__(self, server: ServerConfig) -> None:
        cafile = None if server.ca_file is None else str(server.ca_file)
        self._http = httpx.Client(
            base_url=f"{server.url.rstrip('/')}/api/v1/ingest/",
            headers={"Authorization": f"Bearer {server.token.get_secret_value()}", "Accept": "application/json"},
            timeout=httpx.Timeout(server.reply_timeout_s, connect=server.connect_timeout_s, write=WRITE_TIMEOUT_S),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_S),
            verify=ssl.create_default_context(cafile=cafile),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def post_event(self, event_id: UUID, body: bytes) -> Reply:
        """Post one event. Done only if the reply names this event: a captive portal also says 200."""
        reply, content = self._send("POST", "events", body, {"Content-Type": "application/cloudevents+json"})
        if reply.verdict is Verdict.DONE and not _is_receipt(content, event_id):
            return Reply(
                reply.status, Verdict.RETRY, f"status {reply.status}, but the reply is no receipt of the event"
            )
        return reply

    def put_thumbnail(self, event_id: UUID, content: bytes) -> Reply:
        return self._send("PUT", f"events/{event_id}/thumbnail", content, {"Content-Type": "image/jpeg"})[0]

    def clip_state(self, clip_id: UUID) -> Reply:
        """How much of the clip the server has: the reply's `offset` and `complete`."""
        return self._send("HEAD", f"clips/{clip_id}", None, {})[0]

    def patch_clip(self, clip_id: UUID, offset: int, chunk: bytes) -> Reply:
        """Append `chunk` at `offset`; with another `offset` than the server's, the reply is 409 with the right one."""
        headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(offset)}
        return self._send("PATCH", f"clips/{clip_id}", chunk, headers)[0]

    def post_heartbeat(self, heartbeat: Heartbeat) -> Reply:
        body = heartbeat.model_dump_json().encode()
        return self._send("POST", "heartbeats", body, {"Content-Type": "application/json"})[0]

    def get_verdicts(self, after: int) -> tuple[Reply, ReadPage | None]:
        """The verdicts on this device's alerts after that place; None, and no verdict DONE, for any other answer."""
        reply, content = self._send("GET", f"verdicts?after={after}&limit={MAX_VERDICTS}", None, {})
        if reply.verdict is not Verdict.DONE:
            return reply, None
        page = read_page(content)
        if page is None or page.cursor < after:
            what = f"status {reply.status}, but the reply is no page of verdicts after {after}"
            return Reply(reply.status, Verdict.RETRY, what), None
        return reply, page

    def _send(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> tuple[Reply, bytes]:
        try:
            with self._http.stream(method, path, content=content, headers=headers) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_REPLY_BYTES:
                        break
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise LinkError(f"{type(error).__name__}: {error}") from error
        return _reply_of(response, bytes(body)), bytes(body)


def _reply_of(response: httpx.Response, body: bytes) -> Reply:
    problem = _problem_of(response, body)
    kind = None if problem is None else problem.type.rpartition(":")[2]
    status = response.status_code
    reason = f"status {status}" if problem is None else f"status {status} {kind}: {problem.detail}"
    offset = response.headers.get("Upload-Offset", "")
    return Reply(
        status=status,
        verdict=_verdict_of(response.request.method, status, answered_by_server=problem is not None),
        reason=reason[:500],
        kind=kind,
        retry_after_s=_retry_after_s(response.headers.get("Retry-After", "")),
        offset=int(offset) if offset.isascii() and offset.isdigit() else None,
        complete=response.headers.get("Upload-Complete") == "?1",
    )


def _verdict_of(method: str, status: int, *, answered_by_server: bool) -> Verdict:
    if status in {200, 201, 204}:
        return Verdict.DONE
    if status in {401, 403}:
        return Verdict.UNAUTHORISED
    if status == 413:
        return Verdict.REFUSED  # whoever says so, proxy or server, will say it again
    # Only the server itself can refuse for good, and it does so by a problem document; a 404 or 400 without one comes
    # from something in between that is set up wrongly, and will pass. A reply to HEAD has no body to tell by.
    if 400 <= status < 500 and status not in _RETRIED and (answered_by_server or method == "HEAD"):
        return Verdict.REFUSED
    return Verdict.RETRY


def _problem_of(response: httpx.Response, body: bytes) -> Problem | None:
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return None
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        return None
    return problem if problem.type in {Problem.type_of(kind) for kind in ErrorKind} else None


def _is_receipt(content: bytes, event_id: UUID) -> bool:
    try:
        return _EventReceipt.model_validate_json(content).event_id == event_id
    except ValidationError:
        return False


def _retry_after_s(text: str) -> float:
    """Seconds of a Retry-After header; its date form and nonsense count as no wish."""
    return min(float(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() else 0.0


def read_chunk(path: Path, offset: int, size_bytes: int) -> bytes:
    """Up to `size_bytes` of the file from `offset`. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size_bytes)
