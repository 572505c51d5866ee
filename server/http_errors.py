"""The one mapper from errors to HTTP: whatever goes wrong is answered as RFC 9457 problem details, never as a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from contract.errors import ErrorKind, FieldFault, KentonganError, Problem
from server.auth.sessions import RateLimitedError
from server.ingest.clips import OffsetConflictError

PROBLEM_MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 20
"""A malformed body can be wrong in thousands of places; an answer names at most this many."""

STATUS_OF: Mapping[ErrorKind, int] = MappingProxyType(
    {
        ErrorKind.BAD_INPUT: 422,
        ErrorKind.UNAUTHENTICATED: 401,
        ErrorKind.FORBIDDEN: 403,
        ErrorKind.NOT_FOUND: 404,
        ErrorKind.CONFLICT: 409,
        ErrorKind.TOO_LARGE: 413,
        ErrorKind.DIGEST_MISMATCH: 422,
        ErrorKind.UNKNOWN_CAMERA: 422,
        ErrorKind.CSRF: 403,
        ErrorKind.SESSION_EXPIRED: 401,
        ErrorKind.RATE_LIMITED: 429,
        ErrorKind.STORAGE_FULL: 507,
        ErrorKind.UNAVAILABLE: 503,
        ErrorKind.INTERNAL: 500,
    }
)
TITLE_OF: Mapping[ErrorKind, str] = MappingProxyType(
    {
        ErrorKind.BAD_INPUT: "The request is not as expected",
        ErrorKind.UNAUTHENTICATED: "Not logged in",
        ErrorKind.FORBIDDEN: "Not allowed",
        ErrorKind.NOT_FOUND: "Not found",
        ErrorKind.CONFLICT: "Conflict",
        ErrorKind.TOO_LARGE: "Too large",
        ErrorKind.DIGEST_MISMATCH: "The bytes do not have the announced hash",
        ErrorKind.UNKNOWN_CAMERA: "Unknown camera",
        ErrorKind.CSRF: "Request not from this console",
        ErrorKind.SESSION_EXPIRED: "Session expired",
        ErrorKind.RATE_LIMITED: "Too many attempts",
        ErrorKind.STORAGE_FULL: "Storage full",
        ErrorKind.UNAVAILABLE: "Temporarily unavailable",
        ErrorKind.INTERNAL: "Internal error",
    }
)


class InvalidBodyError(Exception):
    """A body that a route parsed by itself and found wrong."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__(f"{error.error_count()} faults")
        self.error = error


def problem_response(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`problem` as a response, with the request's identifier as its instance."""
    request_id = request.scope.get("state", {}).get("request_id")
    instance = f"urn:kentongan:request:{request_id}" if request_id else None
    body = problem.model_copy(update={"instance": instance}).model_dump_json(exclude_none=True)
    return Response(body, problem.status, {**(headers or {}), "Cache-Control": "no-store"}, PROBLEM_MEDIA_TYPE)


def problem_of(kind: ErrorKind, detail: str, errors: Sequence[FieldFault] = ()) -> Problem:
    return Problem(
        type=Problem.type_of(kind), title=TITLE_OF[kind], status=STATUS_OF[kind], detail=detail, errors=tuple(errors)
    )


def faults_of(errors: Sequence[Mapping[str, Any]]) -> list[FieldFault]:
    """Pydantic's errors as JSON pointers. What came is not repeated: it may be long, or a password."""
    faults = []
    for error in errors[:MAX_FAULTS]:
        parts = [str(part).replace("~", "~0").replace("/", "~1") for part in error["loc"]]
        pointer = "".join(f"/{part}" for part in parts)[:500]  # an unknown key may be as long as the body
        faults.append(FieldFault(pointer=pointer, detail=str(error["msg"])[:500].removeprefix("Value error, ")))
    return faults


async def _on_kentongan_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, KentonganError)  # noqa: S101 - Starlette types handlers by Exception
    headers: dict[str, str] = {}
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, OffsetConflictError):
        headers["Upload-Offset"] = str(error.offset)
    if error.kind is ErrorKind.UNAUTHENTICATED and request.url.path.startswith("/api/v1/ingest"):
        headers["WWW-Authenticate"] = "Bearer"
    return problem_response(request, problem_of(error.kind, error.detail), headers)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette types handlers by Exception
    faults = faults_of(error.errors())
    return problem_response(request, problem_of(ErrorKind.BAD_INPUT, "the request does not fit the API", faults))


async def _on_invalid_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidBodyError)  # noqa: S101 - Starlette types handlers by Exception
    faults = faults_of(error.error.errors(include_url=False, include_context=False, include_input=False))
    return problem_response(request, problem_of(ErrorKind.BAD_INPUT, "the body does not fit its schema", faults))


_KIND_OF_STATUS = {400: ErrorKind.BAD_INPUT, 404: ErrorKind.NOT_FOUND, 413: ErrorKind.TOO_LARGE}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette types handlers by Exception
    phrase = HTTPStatus(error.status_code).phrase
    kind = _KIND_OF_STATUS.get(error.status_code)
    problem = Problem(
        type=Problem.type_of(kind) if kind else "about:blank",
        title=TITLE_OF[kind] if kind else phrase,
        status=error.status_code,
        detail=str(error.detail) if error.detail else phrase,
    )
    return problem_response(request, problem, error.headers)


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem. Unforeseen ones are answered by `server.middleware`."""
    app.add_exception_handler(KentonganError, _on_kentongan_error)
    app.add_exception_handler(InvalidBodyError, _on_invalid_body)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
