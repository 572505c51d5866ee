"""The kinds of errors, and their one JSON form on the wire: RFC 9457 problem details."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class ErrorKind(StrEnum):
    """What went wrong, as far as callers distinguish it. The value is the last part of the problem type."""

    BAD_INPUT = "bad-input"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    TOO_LARGE = "too-large"
    DIGEST_MISMATCH = "digest-mismatch"
    UNKNOWN_CAMERA = "unknown-camera"
    CSRF = "csrf"
    SESSION_EXPIRED = "session-expired"
    RATE_LIMITED = "rate-limited"
    STORAGE_FULL = "storage-full"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class KentonganError(Exception):
    """An error with a kind and a sentence on what was expected and what came. It never contains credentials."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class FieldFault(BaseModel):
    """One wrong field of a request: its location and what is wrong with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pointer: str = Field(description="JSON pointer to the field, for example /data/zone_id")
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details, served as application/problem+json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(description="urn:kentongan:problem:<kind>")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str | None = Field(default=None, description="the request's identifier, as in the server's log")
    errors: tuple[FieldFault, ...] = ()

    @staticmethod
    def type_of(kind: ErrorKind) -> str:
        """Return the URI of the problem type for an error kind."""
        return f"urn:kentongan:problem:{kind.value}"
