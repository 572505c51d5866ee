"""One vocabulary of errors, and the one JSON shape (RFC 9457 problem details) in which they cross the wire."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class ErrorKind(StrEnum):
    """What went wrong, as far as a caller needs to tell cases apart. The value is the problem type's last part."""

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
    """An error with a kind and a sentence that says what was expected and what came. Never carries a credential."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class FieldFault(BaseModel):
    """One field that was wrong in a request: where it is, and what is wrong with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pointer: str = Field(description="JSON pointer to the field, for example /data/zone_id")
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details; served as application/problem+json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(description="urn:kentongan:problem:<kind>")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str | None = Field(default=None, description="the request's identifier, as in the server's log")
    errors: tuple[FieldFault, ...] = ()

    @staticmethod
    def type_of(kind: ErrorKind) -> str:
        """The problem type's URI of an error kind."""
        return f"urn:kentongan:problem:{kind.value}"
