"""Random tokens, kept only as hashes."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32
DEVICE_PREFIX = "kdt_"
"""Makes a device token recognisable to people and to secret scanners."""


def new_token(prefix: str = "") -> str:
    """256 random bits, safe in headers."""
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is stored of a token. A plain hash is enough: there is no dictionary of 256-bit random numbers."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(session_token: str) -> str:
    """The CSRF token that belongs to a session: derived, so that it needs no column and cannot outlive the session."""
    return hashlib.sha256(b"csrf:" + session_token.encode()).hexdigest()
