"""Device tokens: issued once, shown once, kept as a hash, revocable."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from contract.clock import Clock
from contract.errors import ErrorKind, KentonganError
from server.auth.tokens import DEVICE_PREFIX, new_token, token_hash
from server.store import audit, devices
from server.store.audit import AuditEntry
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.tables import Device

TRUSTED_FOR_S = 1.0
"""A device that empties its outbox sends hundreds of requests a second; its token is looked up once in this time, so a
revoked token may be good for so long."""
MAX_TRUSTED = 10_000


class DeviceService:
    """Issues, checks and revokes device tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known_for: dict[str, tuple[float, EnrolledDevice]] = {}

    async def device(self, authorization: str | None) -> EnrolledDevice:
        """The device whose token stands in an Authorization header.

        Raises:
            KentonganError: `unauthenticated`.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise KentonganError(ErrorKind.UNAUTHENTICATED, "a device sends Authorization: Bearer <its token>")
        hashed = token_hash(token.strip())
        now_s = self._clock.mono_s()
        known = self._known_for.get(hashed)
        if known is not None and now_s - known[0] < TRUSTED_FOR_S:
            return known[1]
        async with self._database.read() as reading:
            found = await devices.by_token(reading, hashed)
        self._known_for.pop(hashed, None)
        if found is None:
            raise KentonganError(ErrorKind.UNAUTHENTICATED, "the device token is unknown or was revoked")
        if len(self._known_for) >= MAX_TRUSTED:
            self._known_for.clear()
        self._known_for[hashed] = (now_s, found)
        return found

    async def everyone(self) -> Sequence[Device]:
        """Every enrolled device."""
        async with self._database.read() as reading:
            return await devices.everyone(reading)

    async def issue(self, device_id: str, actor: str) -> str:
        """A new token for the device; the one before is void from now on.

        Raises:
            KentonganError: `not-found`.
        """
        token = new_token(DEVICE_PREFIX)
        now = self._clock.utc()
        async with self._database.write() as writing:
            await self._known(writing.session, device_id)
            await devices.set_token(writing.session, device_id, token_hash(token), now)
            issued = AuditEntry(actor, "device.token_issued", None, f"device:{device_id}")
            await audit.append(writing.session, now, [issued])
        return token

    async def revoke(self, device_id: str, actor: str) -> None:
        """Make the device's token void.

        Raises:
            KentonganError: `not-found`.
        """
        now = self._clock.utc()
        async with self._database.write() as writing:
            await self._known(writing.session, device_id)
            await devices.revoke(writing.session, device_id, now)
            revoked = AuditEntry(actor, "device.revoked", None, f"device:{device_id}")
            await audit.append(writing.session, now, [revoked])

    async def _known(self, session: AsyncSession, device_id: str) -> None:
        if await devices.by_id(session, device_id) is None:
            raise KentonganError(ErrorKind.NOT_FOUND, f"no device has the id {device_id!r}")
