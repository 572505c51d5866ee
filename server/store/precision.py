"""What became of the alerts of a stretch of time, by place and rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.permissions import Scope
from server.store.scoping import within
from server.store.tables import Alert, Camera, Kampung, Zone

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, slots=True)
class Span:
    """Which alerts count: captured from `since` on, of the kampung in `scope`, and of `kampung` alone if named."""

    scope: Scope
    since: datetime
    kampung: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class ZoneRule:
    """A zone with its names, and a rule. Sorted as people look for them: by name."""

    kampung_name: str
    camera_name: str
    zone_name: str
    kampung_id: str
    camera_id: str
    zone_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many alerts of a rule in a zone were closed with `verdict` (None: open), or how many spot checks."""

    place: ZoneRule
    verdict: str | None
    spot_check: bool
    count: int


@dataclass(frozen=True, slots=True)
class Course:
    """What an alert, or a stay shown as a spot check, says about the thresholds that it passed or missed.

    verdict: None for a spot check that nobody has judged yet; an alert has one. stayed_s: how long the person stayed in
    all, as the device's last word said. config_sha256: of the settings that held. spot_check_chance: None for an alert.
    """

    camera_id: str
    zone_id: str
    rule: str
    verdict: str | None
    captured_at: datetime
    began_at: datetime
    ended_at: datetime | None
    stayed_s: float | None
    score: float
    people_count: int
    reasons: Sequence[Mapping[str, Any]]
    config_sha256: str | None
    spot_check_chance: float | None

    def has(self, code: str) -> bool:
        return any(reason["code"] == code for reason in self.reasons)

    def param(self, code: str, name: str) -> float | None:
        """A number of one of the reasons for which the rule fired; None without that reason."""
        return next((float(reason["params"][name]) for reason in self.reasons if reason["code"] == code), None)


async def courses(session: AsyncSession, span: Span, rules: Sequence[str]) -> Sequence[Course]:
    """The closed alerts of these rules and all stays shown as a spot check, oldest first."""
    columns = (
        Alert.camera_id, Alert.zone_id, Alert.rule, Alert.verdict, Alert.captured_at, Alert.began_at, Alert.ended_at,
        Alert.stayed_s, Alert.score, Alert.people_count, Alert.reasons, Alert.config_sha256, Alert.spot_check_chance,
    )  # fmt: skip
    telling = or_(Alert.verdict.is_not(None), Alert.spot_check_chance.is_not(None))
    query = _within(select(*columns), span).where(telling, Alert.rule.in_(rules))
    rows = await session.execute(query.order_by(Alert.captured_at, Alert.id))
    return [Course(*row) for row in rows]


async def unjudged(session: AsyncSession, span: Span, rules: Sequence[str]) -> Sequence[Row[str, str, str, datetime]]:
    """Camera, zone, rule and capture time of the alerts of these rules without a verdict."""
    columns = (Alert.camera_id, Alert.zone_id, Alert.rule, Alert.captured_at)
    query = _within(select(*columns), span).where(Alert.verdict.is_(None), Alert.rule.in_(rules))
    return (await session.execute(query.where(Alert.spot_check_chance.is_(None)))).all()


async def outcomes(session: AsyncSession, span: Span) -> Sequence[Outcome]:
    """Alerts and spot checks by place, rule and verdict; what is not granted is not read."""
    keys = (Alert.kampung_id, Alert.camera_id, Alert.zone_id, Alert.rule, Alert.verdict)
    spot_check = Alert.spot_check_chance.is_not(None).label("spot_check")
    some = _within(select(*keys, spot_check, func.count().label("alerts")), span).group_by(*keys, spot_check).subquery()
    named = (
        select(some, Kampung.name, Camera.name, Zone.name)
        .join(Kampung, Kampung.id == some.c.kampung_id)
        .join(Camera, Camera.id == some.c.camera_id)
        .outerjoin(Zone, and_(Zone.camera_id == some.c.camera_id, Zone.id == some.c.zone_id))
    )
    rows = await session.execute(within(named, Kampung.id, span.scope))
    return [
        # A zone that the site file does not know (yet) has no name: its id stands in.
        Outcome(ZoneRule(kampung, camera, zone or zone_id, kampung_id, camera_id, zone_id, rule), *counts)
        for kampung_id, camera_id, zone_id, rule, *counts, kampung, camera, zone in rows
    ]


def _within(query: Select[*Columns], span: Span) -> Select[*Columns]:
    query = within(query, Alert.kampung_id, span.scope).where(Alert.captured_at >= span.since)
    return query if span.kampung is None else query.where(Alert.kampung_id == span.kampung)
