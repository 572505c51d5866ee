"""Events that are written together: as few statements as for one, and the incidents that one after the other gives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import event as sql_event
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from contract.clock import ManualClock
from contract.event import Event
from server.ingest.batch import Receipt
from server.ingest.events import EventIngest
from server.store import incidents
from server.store.database import Database
from server.store.devices import EnrolledDevice
from server.store.incidents import NEAREST_AT_ONCE, Source
from server.store.scoping import unscoped
from server.store.tables import Alert
from tests.support.server import LiveServer, consistency_findings, event_of

START = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
BOX = EnrolledDevice("box-1", {"gate": "bahari", "alley": "bahari"})
Maker = Callable[..., LiveServer]


@asynccontextmanager
async def opened(server: LiveServer) -> AsyncIterator[tuple[Database, EventIngest]]:
    """The server's database, and a writer of the test's own that has not started."""
    database = Database(server.settings.database)
    ingest = EventIngest(database, ManualClock(START), lambda: None, max_clip_bytes=1, require_room=lambda: None)
    try:
        yield database, ingest
    finally:
        await ingest.stop()
        await database.close()


async def written_together(ingest: EventIngest, events: Sequence[Event]) -> list[Receipt]:
    """All of `events` wait before the writer starts, so one transaction takes them."""
    waiting = [asyncio.ensure_future(ingest.accept(BOX, event)) for event in events]
    await asyncio.sleep(0)
    assert ingest.waiting == len(events)
    ingest.start()
    return list(await asyncio.gather(*waiting))


def scattered(count: int, seed: int) -> list[Event]:
    """Signals of six sources, their capture times at random within three hours before START."""
    dice = random.Random(seed)
    at = [START - timedelta(seconds=dice.uniform(0, 10_800)) for _ in range(count)]
    return [
        event_of(
            number,
            captured_at=moment,
            began_at=moment - timedelta(seconds=60),
            zone_id=dice.choice(("ronda", "pasar", "pos")),
            camera_id=dice.choice(("gate", "alley")),
        )
        for number, moment in enumerate(at, 1)
    ]


async def test_thirty_signals_that_begin_together_take_as_many_statements_as_two(make_server: Maker) -> None:
    counted: list[int] = []
    async with opened(make_server()) as (database, _):
        for signals in (1, 2, 30):  # the very first one also makes the head of the feed
            ran: list[str] = []

            def note(*of_statement: object, ran: list[str] = ran) -> None:
                ran.append(str(of_statement[2]))

            ingest = EventIngest(
                database, ManualClock(START), lambda: None, max_clip_bytes=1, require_room=lambda: None
            )
            sql_event.listen(database._writer.sync_engine, "before_cursor_execute", note)
            await written_together(ingest, scattered(signals, seed=signals))
            sql_event.remove(database._writer.sync_engine, "before_cursor_execute", note)
            await ingest.stop()
            assert sum("INSERT INTO alert " in statement for statement in ran) == 1
            counted.append(len(ran))
    assert counted[1] == counted[2], counted


async def test_what_stands_beside_many_moments_is_what_a_look_at_every_alert_finds(make_server: Maker) -> None:
    server = make_server()
    async with opened(server) as (database, ingest):
        await written_together(ingest, scattered(100, seed=1))
        events = scattered(2 * NEAREST_AT_ONCE + 5, seed=2)
        moments = [
            (Source(one.data.camera_id, one.data.zone_id, one.data.rule.value), one.data.captured_at) for one in events
        ]
        async with database.read() as reading:
            stored = await _alerts(reading)
            moments += [(_source_of(alert), alert.captured_at) for alert in stored[:5]]
            found = await incidents.nearest_alerts(reading, moments, START)
            assert await incidents.nearest_alerts(reading, moments, START + timedelta(seconds=1)) == {}
            assert await incidents.nearest_alerts(reading, [], START) == {}
    expected: dict[Source, set[tuple[datetime, UUID]]] = {}
    for source, moment in moments:
        own = sorted((one.captured_at, one.incident_id) for one in stored if _source_of(one) == source)
        until = [one for one in own if one[0] <= moment][-1:]
        after = [one for one in own if one[0] > moment][:1]
        expected.setdefault(source, set()).update(until + after)
    assert len(expected) == 6
    assert {source: set(beside) for source, beside in found.items()} == expected


async def test_signals_that_follow_others_join_the_same_incidents_in_one_transaction_as_one_by_one(
    make_server: Maker,
) -> None:
    server = make_server()
    async with opened(server) as (database, ingest):
        before, later = scattered(60, seed=3), scattered(40, seed=4)
        await written_together(ingest, before)
        await ingest.stop()
        async with database.read() as reading:
            joined = {_source_of(one): set[tuple[datetime, UUID]]() for one in await _alerts(reading)}
            for one in await _alerts(reading):
                joined[_source_of(one)].add((one.captured_at, one.incident_id))
        receipts = await written_together(ingest, later)
        async with database.read() as reading:
            stored = {one.id: one for one in await _alerts(reading)}
    for receipt in receipts:  # in the order in which they were applied
        alert = stored[receipt.alert_id]
        near = [
            (abs(at - alert.captured_at), at, incident)
            for at, incident in joined[_source_of(alert)]
            if abs(at - alert.captured_at) <= timedelta(minutes=10)
        ]
        assert alert.incident_id == (min(near)[2] if near else alert.id)
        joined[_source_of(alert)].add((alert.captured_at, alert.incident_id))
    assert len({stored[one.alert_id].incident_id for one in receipts}) < len(receipts)
    assert await asyncio.to_thread(consistency_findings, server.settings) == []


async def _alerts(reading: AsyncSession) -> Sequence[Alert]:
    return (await reading.execute(unscoped(select(Alert), "the test reads what was stored"))).scalars().all()


def _source_of(alert: Alert) -> Source:
    return Source(alert.camera_id, alert.zone_id, alert.rule)
