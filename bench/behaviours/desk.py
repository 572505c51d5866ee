"""The load of one operator's desk: days of 32 kampung with four cameras each, through the server itself.

Whole camera-hours are simulated and run through the rules (`desk_hours`), a few of each kind; the day is then drawn
from them, because simulating 3,072 camera-hours would take a night. The server's own ingest and lists (`desk_server`)
join the alerts to incidents and decide, in the order of receipt, which are shown and which wait in the digest.

The quiet day stages three dispersals and nothing else. The busy day stages nineteen acts; twelve kampung have a night
market in the evening, and the links of four of them are down for two hours of it, after which their alerts arrive all
at once.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np

from bench.behaviours.desk_hours import ACTS, FAIR, QUIET, Act, Said, camera_hour
from bench.behaviours.desk_server import DeskAlert, Listed, through_the_server
from bench.scenarios.people import Rng
from contract.event import Severity
from server.alerts.governor import Placement, hour_start
from server.settings import AlertBudget

KAMPUNG, CAMERAS = 32, 4
PART_OF_HOUR = ("night",) * 5 + ("day",) * 11 + ("evening",) * 6 + ("night",) * 2
MIDNIGHT = datetime(2026, 3, 3, 17, tzinfo=UTC)
"""In Jakarta, as are the hours of PART_OF_HOUR."""
FIRST_STAGED = 16
MARKET = "market"
MARKET_HOURS = range(18, 22)
LINK_DOWN_HOURS = range(19, 21)


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a day. markets: kampung with a night market; the links of the first `cut` of them fail during it."""

    acts: dict[str, int]
    markets: int = 0
    cut: int = 0


QUIET_DAY = Kind({"dispersal": 3})
BUSY_DAY = Kind({"dispersal": 4, "gathering": 6, "loiterer": 9}, markets=12, cut=4)


@dataclass(frozen=True, slots=True)
class DeskDay:
    """The incidents of one day at a desk that covers every kampung.

    per_hour: shown incidents, mean over the hours. worst_hour: in the busiest hour.
    beyond_budget: shown beyond the budget's places, which only critical ones are.
    asked_per_hour, asked_worst_hour: all incidents, by the hour in which the server first received them, as without a
        budget.
    false_shown, true_digest: shown incidents without a true alert; incidents in the digest with one.
    critical, critical_shown: critical alerts, and those whose incident is shown.
    """

    alerts: int
    shown: int
    per_hour: float
    worst_hour: int
    beyond_budget: int
    asked_per_hour: float
    asked_worst_hour: int
    false_shown: int
    digest: int
    true_digest: int
    critical: int
    critical_shown: int


def desk_day(seed: int, kind: Kind, *, library: int = 16) -> DeskDay:
    """A day drawn from `library` simulated hours of each kind of street."""
    alerts = list(_dealt(seed, kind, library))
    with tempfile.TemporaryDirectory() as folder:
        listed = asyncio.run(through_the_server(alerts, Path(folder), KAMPUNG, CAMERAS, AlertBudget()))
    return scored(listed)


def scored(listed: Sequence[Listed]) -> DeskDay:
    """The figures of a day, from its alerts as a console lists them."""
    incidents: dict[UUID, list[Listed]] = {}
    for one in sorted(listed, key=lambda one: one.alert.received_at):
        incidents.setdefault(one.incident, []).append(one)
    shown = [own for own in incidents.values() if own[0].placement is Placement.SHOWN]
    waiting = [own for own in incidents.values() if own[0].placement is Placement.DIGEST]
    critical = [one for one in listed if one.alert.severity is Severity.CRITICAL]
    by_hour = Counter(hour_start(own[0].shown_at) for own in shown if own[0].shown_at is not None)
    asked = Counter(hour_start(own[0].alert.received_at) for own in incidents.values())
    budget = AlertBudget().incidents_per_hour
    return DeskDay(
        alerts=len(listed),
        shown=len(shown),
        per_hour=len(shown) / 24.0,
        worst_hour=max(by_hour.values(), default=0),
        beyond_budget=sum(max(0, count - budget) for count in by_hour.values()),
        asked_per_hour=len(incidents) / 24.0,
        asked_worst_hour=max(asked.values(), default=0),
        false_shown=sum(not _is_true(own) for own in shown),
        digest=len(waiting),
        true_digest=sum(map(_is_true, waiting)),
        critical=len(critical),
        critical_shown=sum(one.placement is Placement.SHOWN for one in critical),
    )


def _is_true(incident: list[Listed]) -> bool:
    return any(one.alert.true for one in incident)


def _dealt(seed: int, kind: Kind, library: int) -> Iterator[DeskAlert]:
    """Every camera's hours, drawn from the library; an hour with a staged act is simulated with it."""
    rng = np.random.default_rng(seed)
    quiet = {part: _library(seed, part, library) for part in QUIET}
    market = _library(seed, MARKET, library) if kind.markets else ()
    staged = _staged(rng, kind)
    for hour, part in enumerate(PART_OF_HOUR):
        for kampung in range(KAMPUNG):
            at_market = kampung < kind.markets and hour in MARKET_HOURS
            for camera in range(CAMERAS):
                act = staged.get((kampung, camera, hour))
                said: Sequence[Said]
                if act is not None:
                    street = FAIR if at_market else QUIET[part]
                    said = camera_hour(seed * 97 + 1000 + kampung * 97 + hour, street, act)
                else:
                    said = _drawn(rng, market if at_market else quiet[part])
                cut = kampung < kind.cut and hour in LINK_DOWN_HOURS
                yield from _on_the_desk(said, kampung, camera, hour, cut=cut)


@functools.cache
def _library(seed: int, kind: str, size: int) -> tuple[tuple[Said, ...], ...]:
    """Hours without an act, equal for every day of a seed."""
    street = FAIR if kind == MARKET else QUIET[kind]
    first = seed * 97 + 10_000 * sorted((*QUIET, MARKET)).index(kind)
    return tuple(tuple(camera_hour(first + n, street)) for n in range(size))


def _drawn(rng: Rng, library: Sequence[Sequence[Said]]) -> Sequence[Said]:
    return library[int(rng.integers(len(library)))]


def _staged(rng: Rng, kind: Kind) -> dict[tuple[int, int, int], Act]:
    """Where each act is staged: each in another kampung, in the afternoon or evening."""
    names = [name for name, count in kind.acts.items() for _ in range(count)]
    kampung = rng.permutation(KAMPUNG)[: len(names)]
    return {
        (int(where), int(rng.integers(CAMERAS)), int(rng.integers(FIRST_STAGED, 22))): ACTS[name]
        for where, name in zip(kampung, names, strict=True)
    }


def _on_the_desk(said: Sequence[Said], kampung: int, camera: int, hour: int, *, cut: bool) -> Iterator[DeskAlert]:
    """One camera-hour's alerts as the server receives them: two seconds later, or when the link is back."""
    begins, back = MIDNIGHT + timedelta(hours=hour), MIDNIGHT + timedelta(hours=LINK_DOWN_HOURS.stop)
    for one in said:
        at = begins + timedelta(seconds=one.at_s)
        received_at = back if cut else at + timedelta(seconds=2)
        yield DeskAlert(kampung, camera, at, received_at, one.rule, one.severity, one.score, one.true)
