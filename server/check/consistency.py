"""Whether what is stored is true: the checks that docs/invariants.md names, each passed or contradicted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from contract.event import ClipReference
from server.clips.files import PART_SUFFIX, MediaFiles, hash_file
from server.store import audit, checks, heads
from server.store.database import Database

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something stored that contradicts an invariant."""

    invariant: str
    detail: str


class Consistency:
    """Reads everything and changes nothing."""

    def __init__(self, database: Database, files: MediaFiles) -> None:
        self._database = database
        self._files = files

    async def findings(self) -> list[Finding]:
        """Everything that is wrong; empty when all invariants hold."""
        async with self._database.read() as reading:
            return [
                finding
                for source in (self._chain, self._alerts, self._decisions, self._media)
                async for finding in source(reading)
            ]

    async def _chain(self, session: AsyncSession) -> AsyncIterator[Finding]:
        previous, expected = heads.GENESIS_HASH, 0
        while rows := await audit.after(session, expected, PAGE):
            for row in rows:
                expected += 1
                entry = audit.AuditEntry(row.actor, row.action, row.kampung_id, row.subject, audit.detail_of(row))
                if row.sequence != expected:
                    yield Finding("audit-chain", f"entry {expected} is missing; the next is {row.sequence}")
                    expected = row.sequence
                elif row.prev_hash != previous:
                    yield Finding("audit-chain", f"entry {row.sequence} does not follow the entry before it")
                if audit.entry_hash(row.sequence, row.at, entry, row.prev_hash) != row.hash:
                    yield Finding("audit-chain", f"entry {row.sequence} was changed after it was written")
                previous = row.hash
        head = await checks.head(session, heads.AUDIT)
        if (head.sequence if head else 0, head.hash if head else heads.GENESIS_HASH) != (expected, previous):
            yield Finding("audit-chain", "the newest entries were cut off")

    async def _alerts(self, session: AsyncSession) -> AsyncIterator[Finding]:
        for alert_id in await checks.alerts_without_opening_event(session):
            yield Finding("opening-event", f"alert {alert_id} has no opening event")
        for difference, what in (
            (await checks.opening_entries_off(session), "alerts than entries alert.opened"),
            (await checks.events_off(session), "events than entries about them"),
        ):
            if difference:
                yield Finding("opening-event", f"{abs(difference)} {'more' if difference > 0 else 'fewer'} {what}")
        for alert_id in await checks.alerts_without_incident(session):
            yield Finding("one-incident", f"alert {alert_id} is in no incident of its place that asked for it")
        for alert_id in await checks.budgeted_spot_checks(session):
            yield Finding("spot-check-apart", f"spot check {alert_id} asked for a place in the alert budget")

    async def _decisions(self, session: AsyncSession) -> AsyncIterator[Finding]:
        for history_id in await checks.history_without_entry(session):
            yield Finding("audited-decision", f"decision {history_id} has no audit entry of its alert")
        for sequence in await checks.entries_without_history(session):
            yield Finding("audited-decision", f"audit entry {sequence} records a decision that no alert has")

    async def _media(self, session: AsyncSession) -> AsyncIterator[Finding]:
        clips = await checks.stored_clips(session)
        known = {clip.path: (clip.sha256, clip.size_bytes) for clip in clips}
        known |= {picture.path: (picture.sha256, picture.size_bytes) for picture in await checks.thumbnails(session)}
        awaited = await checks.awaited_clip_paths(session)
        for alert_id in await checks.alerts_with_a_wrong_clip(session):
            yield Finding("alert-clip", f"alert {alert_id} counts as having a clip that is not stored for its camera")
        for clip in clips:
            if not ClipReference.model_validate(clip.reference).covers_trigger:
                yield Finding("clip-trigger", f"clip {clip.id} does not show the moment of its trigger")
        for finding in await asyncio.to_thread(self._files_off, known, awaited):
            yield finding

    def _files_off(self, known: dict[str, tuple[str, int]], awaited: set[str]) -> list[Finding]:
        found: list[Finding] = []
        for name, (sha256, size_bytes) in known.items():
            path = self._files.path(name)
            if not path.is_file():
                found.append(Finding("media-file", f"{name} has a row and no file"))
            elif path.stat().st_size != size_bytes:
                found.append(
                    Finding("media-file", f"{name} has {path.stat().st_size} bytes, its row says {size_bytes}")
                )
            elif hash_file(path) != sha256:
                found.append(Finding("media-file", f"{name} does not have the hash of its row"))
        for path in sorted(self._files.root.rglob("*")):
            name = path.relative_to(self._files.root).as_posix()
            # An upload that has not ended is no contradiction, nor one that a killed server has yet to record.
            expected = name in known or name.removesuffix(PART_SUFFIX) in awaited
            if path.is_file() and not expected:
                found.append(Finding("media-file", f"{name} has a file and no row"))
        return found
