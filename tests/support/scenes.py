"""Scenes for the rules: people as functions of time, turned into the observations of one camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from contract.clock import Instant
from edge.config.zones import ZoneConfig
from edge.detections import Detections
from edge.rules.engine import CameraBehaviours
from edge.signals import Observation, Signal

ASPECT = 16 / 9
HEIGHT = 0.2
"""Body height of all people in these scenes, in frame heights."""
NOON_WIB = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
MIDNIGHT_WIB = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)

Where = Callable[[float], tuple[float, float] | None]
"""The foot point in normalised coordinates at a time in seconds; None while the person is not seen."""


@dataclass(frozen=True, slots=True)
class Someone:
    where: Where
    track_id: int | Callable[[float], int] = 1
    height: float = HEIGHT

    def track_at(self, at_s: float) -> int:
        return self.track_id(at_s) if callable(self.track_id) else self.track_id


def standing(x: float, y: float, starts_s: float = 0.0, ends_s: float = float("inf"), sway: float = 0.01) -> Where:
    """A person standing at a point who moves slightly (`sway` in frame heights)."""

    def where(at_s: float) -> tuple[float, float] | None:
        if not starts_s <= at_s <= ends_s:
            return None
        return x + sway / ASPECT * ((at_s * 0.37) % 1.0 - 0.5), y + sway * ((at_s * 0.23) % 1.0 - 0.5)

    return where


def walking(start: tuple[float, float], end: tuple[float, float], starts_s: float, ends_s: float) -> Where:
    """A person who walks straight from one point to another, unseen before and after."""

    def where(at_s: float) -> tuple[float, float] | None:
        if not starts_s <= at_s <= ends_s:
            return None
        part = (at_s - starts_s) / (ends_s - starts_s)
        return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part

    return where


def instant(at_s: float, starts_at: datetime = NOON_WIB) -> Instant:
    return Instant(0.0, starts_at).shifted(at_s)


def observation(people: Sequence[Someone], at_s: float, starts_at: datetime = NOON_WIB) -> Observation:
    boxes, track_ids = [], []
    for person in people:
        foot = person.where(at_s)
        if foot is not None:
            half_width = person.height * 0.2 / ASPECT
            boxes.append((foot[0] - half_width, foot[1] - person.height, foot[0] + half_width, foot[1]))
            track_ids.append(person.track_at(at_s))
    return Observation(instant(at_s, starts_at), Detections.of(boxes, [0.9] * len(boxes), track_ids), ASPECT)


def observations(
    people: Sequence[Someone], ends_s: float, *, fps: float = 5.0, starts_at: datetime = NOON_WIB
) -> Iterator[Observation]:
    for number in range(int(ends_s * fps) + 1):
        yield observation(people, number / fps, starts_at)


def zone_of(rules: dict[str, object], **more: object) -> ZoneConfig:
    """A zone in the middle of the frame, 0.2 to 0.8 in both directions, with these rules."""
    polygon = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]
    return ZoneConfig.model_validate({"id": "gang", "name": "Gang", "polygon": polygon, "rules": rules, **more})


def run(behaviours: CameraBehaviours, seen: Iterator[Observation]) -> list[Signal]:
    return [signal for one in seen for signal in behaviours.observe(one)]
