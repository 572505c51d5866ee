"""The live feed: each client follows the feed's table from its own position.

No client has a queue that could overflow: the table is the queue, a client's memory is one number, and a slow client
reads later. A client that takes nothing for too long is cut off by the sender and resumes with Last-Event-ID.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contract.errors import ErrorKind, KentonganError
from server.alerts.placements import PlacedAlert, PlacementService
from server.auth.sessions import Person
from server.permissions import Permission, Scope
from server.settings import Live
from server.store import alerts, feed, incidents, places
from server.store.database import Database
from server.store.places import CameraRecord
from server.store.tables import FeedRow

BATCH = 200


@dataclass(frozen=True, slots=True)
class FeedNews:
    """One entry of the feed with the present state of what it is about."""

    sequence: int
    kind: str
    alert: PlacedAlert | None
    camera: CameraRecord | None
    raised: tuple[PlacedAlert, ...] = ()
    """All alerts of its incident, when this brought it from the reader's digest among the shown."""


@dataclass(frozen=True, slots=True)
class FeedBatch:
    entries: list[FeedNews]


class LiveFeed:
    """Wakes the followers, and reads for them what is new."""

    def __init__(self, database: Database, placements: PlacementService, settings: Live) -> None:
        self._database = database
        self._placements = placements
        self._settings = settings
        self._followers: dict[asyncio.Event, UUID] = {}
        self._closed = False

    @property
    def clients(self) -> int:
        return len(self._followers)

    def wake(self) -> None:
        """Something was committed, or somebody's session ended: everybody looks."""
        for woken in self._followers:
            woken.set()

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        self.wake()

    def admit(self, user_id: UUID) -> None:
        """Raises:
        KentonganError: `unavailable` when too many clients follow already, in all or with this account.
        """
        own = sum(follower == user_id for follower in self._followers.values())
        if self._closed or len(self._followers) >= self._settings.max_clients:
            raise KentonganError(ErrorKind.UNAVAILABLE, "too many consoles follow the feed; try again later")
        if own >= self._settings.max_clients_per_account:
            raise KentonganError(ErrorKind.UNAVAILABLE, "too many consoles of this account follow the feed; close some")

    async def follow(
        self, user_id: UUID, renew: Callable[[], Awaitable[Person]], after: int | None
    ) -> AsyncGenerator[tuple[Person, FeedBatch], None]:
        """What is new for the account `user_id` after sequence `after` (None: from now on), until the server stops.

        `renew` says who is following, with the grants of this moment; it is asked before anything is given out and at
        least once per keep-alive, and what it raises ends the stream.
        """
        woken = asyncio.Event()
        self._followers[woken] = user_id
        try:
            position = await self._start(after)
            while not self._closed:
                woken.clear()
                person = await renew()
                batch, position, more = await self._read(person, position)
                if batch.entries:
                    yield person, batch
                if more:
                    continue
                try:
                    await asyncio.wait_for(woken.wait(), self._settings.keepalive_s)
                except TimeoutError:
                    continue
        finally:
            del self._followers[woken]

    async def _start(self, after: int | None) -> int:
        async with self._database.read() as reading:
            newest = await feed.newest(reading)
        # A position beyond the end comes from a database that has since been restored from a backup.
        return newest if after is None else min(after, newest)

    async def _read(self, person: Person, position: int) -> tuple[FeedBatch, int, bool]:
        scope = person.scope(Permission.ALERT_READ)
        async with self._database.read() as reading:
            end = await feed.newest(reading)
            rows = await feed.after(reading, scope, position, BATCH)
            newest = _newest_per_subject(rows)
            created = {row.alert_id for row in rows if row.kind == "created"}
            camera_ids = [row.camera_id for row in newest if row.camera_id is not None]
            placed = await self._placed(reading, scope, [row.alert_id for row in newest if row.alert_id is not None])
            raised = await self._raised(reading, scope, rows, placed)
            cameras = await places.cameras_by_id(reading, scope, camera_ids) if camera_ids else {}
        entries = [
            FeedNews(
                sequence=row.sequence,
                # Created and then updated within one batch: still news to its reader.
                kind="created" if row.alert_id in created else row.kind,
                alert=placed.get(row.alert_id) if row.alert_id else None,
                camera=cameras.get(row.camera_id) if row.camera_id else None,
                raised=raised.get(row.alert_id, ()) if row.alert_id else (),
            )
            for row in newest
        ]
        more = len(rows) == BATCH
        last = rows[-1].sequence if rows else position
        # What happened elsewhere up to `end` is done with too: the console of a quiet kampung would else read all of it
        # again whenever anything happens anywhere.
        return FeedBatch(entries), last if more else max(last, end), more

    async def _placed(self, reading: AsyncSession, scope: Scope, ids: Sequence[UUID]) -> dict[UUID, PlacedAlert]:
        named = await alerts.several(reading, scope, ids) if ids else {}
        return {one.named.alert.id: one for one in await self._placements.placed(reading, scope, list(named.values()))}

    async def _raised(
        self, reading: AsyncSession, scope: Scope, rows: Sequence[FeedRow], placed: dict[UUID, PlacedAlert]
    ) -> dict[UUID, tuple[PlacedAlert, ...]]:
        """By the alert that brought it among the shown: all alerts of an incident that was in the digest before."""
        sequences: dict[UUID, set[int]] = {}
        for row in rows:
            if row.alert_id is not None:
                sequences.setdefault(row.alert_id, set()).add(row.sequence)
        by = {
            alert_id: one.named.alert.incident_id
            for alert_id, one in placed.items()
            if one.incident.raised_by(sequences[alert_id])
        }
        if not by:
            return {}
        mates = await self._placed(reading, scope, await incidents.alert_ids(reading, scope, set(by.values())))
        return {
            alert_id: tuple(one for one in mates.values() if one.named.alert.incident_id == incident_id)
            for alert_id, incident_id in by.items()
        }


def _newest_per_subject(rows: Sequence[FeedRow]) -> list[FeedRow]:
    """Of several entries about one alert or camera the last: each is sent in its present state anyway."""
    last = {row.alert_id or row.camera_id: row for row in rows}
    return sorted(last.values(), key=lambda row: row.sequence)
