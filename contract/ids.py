"""Identifiers: UUIDv7 for what happens, slugs for what people name."""

from __future__ import annotations

import os
import threading
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from contract.clock import Clock

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
"""A name of 1 to 64 lower-case letters, digits and inner hyphens: safe in URLs, paths and topics."""

MAX_COUNT = 2**53 - 1
"""The largest counter. Beyond it, JSON numbers are not exact everywhere, and databases overflow."""

Sha256Hex = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
"""A SHA-256 digest as 64 lower-case hexadecimal digits."""


def _require_version_7(value: UUID) -> UUID:
    if value.version != 7:
        raise ValueError(f"expected a UUID of version 7 (RFC 9562), got version {value.version}: {value}")
    return value


UuidV7 = Annotated[UUID, AfterValidator(_require_version_7)]
"""A UUID of version 7 (RFC 9562)."""


class UuidV7Factory:
    """Makes UUIDs of version 7 (RFC 9562, section 5.7) that sort by order of creation. Thread-safe.

    The 12 bits of `rand_a` and the top 12 bits of `rand_b` count within one millisecond (section 6.2, method 1). If the
    wall clock steps back, the last millisecond is kept, so that the order holds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_ms = -1
        self._counter = 0

    def __call__(self) -> UUID:
        with self._lock:
            now_ms = int(self._clock.utc().timestamp() * 1000)
            if now_ms > self._last_ms:
                self._last_ms = now_ms
                self._counter = int.from_bytes(os.urandom(3)) & 0x3FFFFF  # the top counter bit starts at 0
            else:
                self._counter += 1
                if self._counter >= 1 << 24:
                    self._last_ms += 1
                    self._counter = 0
            timestamp_ms, counter = self._last_ms, self._counter
        rand_a = counter >> 12
        rand_b = (counter & 0xFFF) << 50 | int.from_bytes(os.urandom(7)) & ((1 << 50) - 1)
        return UUID(int=timestamp_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
