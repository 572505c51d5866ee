"""Around every request: an identifier, bounds on the body, headers for the browser, one log line, no stack traces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import ErrorKind
from server.http_errors import problem_of, problem_response
from server.settings import Limits

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
_log = structlog.get_logger(__name__)


def body_limit(path: str, limits: Limits) -> int:
    """How many bytes a request to `path` may carry."""
    if path == "/api/v1/ingest/events":
        return limits.event_bytes
    if path.startswith("/api/v1/ingest/events/"):
        return limits.thumbnail_bytes
    if path.startswith("/api/v1/ingest/clips/"):
        return limits.clip_chunk_bytes
    return limits.json_bytes


class RequestEnvelope:
    """Pure ASGI, so that streams pass through untouched."""

    def __init__(self, app: ASGIApp, limits: Limits, *, https: bool) -> None:
        self._app = app
        self._limits = limits
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began_s = time.perf_counter()
        outcome = {"status": 0}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if self._https:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._bounded(scope, receive, send_with_headers)
            except ClientDisconnect:
                # Links in a kampung break every day; what had arrived was kept.
                _log.info("the client hung up", method=scope["method"], path=scope["path"])
            except Exception:
                # Whatever nobody foresaw: the log gets the trace, the caller gets the request's identifier.
                _log.exception("unforeseen error", method=scope["method"], path=scope["path"])
                if outcome["status"]:
                    raise
                problem = problem_of(ErrorKind.INTERNAL, "the server failed; its log has the details")
                await problem_response(Request(scope), problem)(scope, receive, send_with_headers)
            finally:
                _log.debug(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=outcome["status"],
                    took_ms=round((time.perf_counter() - began_s) * 1000, 1),
                )

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a body over the limit, at once by its declared length or as soon as it has passed it, and one that
        stops coming: a link that dies in silence would else hold its request, and the upload's lock, for ever.
        """
        limit = body_limit(scope["path"], self._limits)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            problem = problem_of(ErrorKind.TOO_LARGE, _too_large(limit))
            await problem_response(Request(scope), problem, {"Connection": "close"})(scope, receive, send)
            return
        received, whole = 0, False

        async def counted() -> Message:
            nonlocal received, whole
            if whole:
                return await receive()  # a reader now waits for the client to leave, which may take hours
            try:
                async with asyncio.timeout(self._limits.body_stall_s):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body stopped coming", {"Connection": "close"}) from None
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > limit:
                # An HTTPException passes through FastAPI's reading of bodies; others become a 400.
                raise HTTPException(413, _too_large(limit), {"Connection": "close"})
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> str:
    return f"a body to this address may have {limit} bytes"
