"""The client of the server's ingest API: it sends requests and reduces each reply to what decides the next step."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from contract.errors import ErrorKind, Problem
from contract.heartbeat import Heartbeat
from contract.verdict import MAX_VERDICTS
from edge.config import ServerConfig
from edge.sender.verdict_page import ParsedPage, parse_page

MAX_RETRY_AFTER_S = 900.0
MAX_REPLY_BYTES = 64 << 10
WRITE_TIMEOUT_S = 30.0
KEEPALIVE_S = 3.0
"""Shorter than the 5 s after which servers commonly close idle connections, so that no request is sent on one that the
server is closing."""

_RETRIED = {408, 421, 425, 429}


class LinkError(Exception):
    """The request got no complete reply; whether it arrived is unknown."""


class DeliveryOutcome(Enum):
    """What a reply means for what was sent.

    DELIVERED: the server has it. RETRY: send it again later. UNAUTHORISED: the server refuses this device's token.
    REFUSED: the server will never accept it.
    """

    DELIVERED = auto()
    RETRY = auto()
    UNAUTHORISED = auto()
    REFUSED = auto()


class _EventReceipt(BaseModel):
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply.

    status: of HTTP. reason: for people, without credentials. kind: the `ErrorKind` of a problem document.
    retry_after_s: what the server asked for, at most MAX_RETRY_AFTER_S. offset, complete: of the resumable upload.
    """

    status: int
    outcome: DeliveryOutcome
    reason: str
    kind: str | None = None
    retry_after_s: float = 0.0
    offset: int | None = None
    complete: bool = False


class IngestClient:
    """One connection to the server, kept open.

    Timeouts limit each read and write, not the whole request, so that a slow link that still carries bytes does not
    fail. Every request raises LinkError when it gets no complete reply.
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
        """Post one event. DELIVERED only if the reply names this event, since a captive portal also replies 200."""
        reply, content = self._send("POST", "events", body, {"Content-Type": "application/cloudevents+json"})
        if reply.outcome is DeliveryOutcome.DELIVERED and not _is_receipt(content, event_id):
            reason = f"status {reply.status}, but the reply is no receipt of the event"
            return Reply(reply.status, DeliveryOutcome.RETRY, reason)
        return reply

    def put_thumbnail(self, event_id: UUID, content: bytes) -> Reply:
        return self._send("PUT", f"events/{event_id}/thumbnail", content, {"Content-Type": "image/jpeg"})[0]

    def clip_state(self, clip_id: UUID) -> Reply:
        """Ask how much of the clip the server has: the reply's `offset` and `complete`."""
        return self._send("HEAD", f"clips/{clip_id}", None, {})[0]

    def patch_clip(self, clip_id: UUID, offset: int, chunk: bytes) -> Reply:
        """Append `chunk` at `offset`. When the server has another offset, it replies 409 and its own `offset`."""
        headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(offset)}
        return self._send("PATCH", f"clips/{clip_id}", chunk, headers)[0]

    def post_heartbeat(self, heartbeat: Heartbeat) -> Reply:
        body = heartbeat.model_dump_json().encode()
        return self._send("POST", "heartbeats", body, {"Content-Type": "application/json"})[0]

    def get_verdicts(self, after: int) -> tuple[Reply, ParsedPage | None]:
        """Get the verdicts on this device's alerts after the cursor `after`.

        The page is None, and the outcome not DELIVERED, unless the reply is a page that starts there.
        """
        reply, content = self._send("GET", f"verdicts?after={after}&limit={MAX_VERDICTS}", None, {})
        if reply.outcome is not DeliveryOutcome.DELIVERED:
            return reply, None
        page = parse_page(content)
        if page is None or page.cursor < after:
            reason = f"status {reply.status}, but the reply is no page of verdicts after {after}"
            return Reply(reply.status, DeliveryOutcome.RETRY, reason), None
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
        outcome=_outcome_of(response.request.method, status, answered_by_server=problem is not None),
        reason=reason[:500],
        kind=kind,
        retry_after_s=_retry_after_s(response.headers.get("Retry-After", "")),
        offset=int(offset) if offset.isascii() and offset.isdigit() else None,
        complete=response.headers.get("Upload-Complete") == "?1",
    )


def _outcome_of(method: str, status: int, *, answered_by_server: bool) -> DeliveryOutcome:
    if status in {200, 201, 204}:
        return DeliveryOutcome.DELIVERED
    if status in {401, 403}:
        return DeliveryOutcome.UNAUTHORISED
    if status == 413:
        return DeliveryOutcome.REFUSED  # proxy or server: the same request gets the same reply
    # Only the server refuses for good, with a problem document. A 404 or 400 without one comes from a proxy or gateway
    # that is set up wrongly, and is retried. A reply to HEAD has no body, so it counts as the server's.
    if 400 <= status < 500 and status not in _RETRIED and (answered_by_server or method == "HEAD"):
        return DeliveryOutcome.REFUSED
    return DeliveryOutcome.RETRY


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
    """Seconds of a Retry-After header, at most MAX_RETRY_AFTER_S; 0 for its date form and malformed values."""
    return min(float(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() else 0.0
