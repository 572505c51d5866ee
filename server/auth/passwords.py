"""Passwords: argon2id, the same work whether or not the account exists, and a bound on attempts."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import secrets
import time
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from server.settings import LogInLimits

MIN_PASSWORD_LENGTH = 10
_CONCURRENT_HASHES = 2
"""One argon2id hash takes 64 MiB: more at once would let log-ins exhaust the memory."""


class Passwords:
    """Hashes and verifies off the event loop. `hasher` defaults to the parameters of RFC 9106's second profile."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())
        self._slots = asyncio.Semaphore(_CONCURRENT_HASHES)

    def hash(self, password: str) -> str:
        """The hash to store.

        Raises:
            ValueError: the password is too short.
        """
        if len(password) < MIN_PASSWORD_LENGTH:
            raise ValueError(f"a password needs at least {MIN_PASSWORD_LENGTH} characters, got {len(password)}")
        return self._hasher.hash(password)

    async def verify(self, stored_hash: str | None, password: str) -> bool:
        """Whether `password` belongs to `stored_hash`; None (no such account) costs the same and is always false."""
        async with self._slots:
            matches = await asyncio.to_thread(self._verify, stored_hash or self._nobodys_hash, password)
        return matches and stored_hash is not None

    def _verify(self, stored_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored_hash, password)
        except (VerificationError, InvalidHashError):
            return False


class Throttle(Protocol):
    """Counts log-in attempts."""

    def attempt(self, account: str, address: str) -> int | None:
        """Count an attempt. None: go on; otherwise the seconds to wait."""
        ...

    def succeeded(self, account: str, address: str) -> None: ...


class LogInThrottle:
    """Moving windows per account and address, in this process's memory.

    The address's window bounds guessing at many names, and comes first: who is over it counts nowhere else. The
    account's window is kept per address, so that a stranger cannot lock an operator out of the desk by guessing at the
    name from elsewhere; five times as many attempts from anywhere close the account to all, as guessing from many
    addresses must be bounded too.
    """

    def __init__(self, limits: LogInLimits) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_account = RateLimitItemPerSecond(limits.attempts_per_account, limits.window_s, namespace="account")
        self._per_account_anywhere = RateLimitItemPerSecond(
            limits.attempts_per_account * 5, limits.window_s, namespace="account-anywhere"
        )
        self._per_address = RateLimitItemPerSecond(limits.attempts_per_address, limits.window_s, namespace="address")

    def attempt(self, account: str, address: str) -> int | None:
        for item, keys in self._windows(account, address):
            if not self._limiter.hit(item, *keys):
                reset_at = self._limiter.get_window_stats(item, *keys).reset_time
                return max(1, math.ceil(reset_at - time.time()))
        return None

    def succeeded(self, account: str, address: str) -> None:
        for item, keys in self._windows(account, address)[1:]:
            self._limiter.clear(item, *keys)

    def _windows(self, account: str, address: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
        line = _line_of(address)
        return (
            (self._per_address, (line,)),
            (self._per_account, (account, line)),
            (self._per_account_anywhere, (account,)),
        )


def _line_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or all of an IPv6 /64 network (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))
