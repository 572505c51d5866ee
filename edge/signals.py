"""What goes into a rule and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contract.clock import Instant
from contract.event import Phase, Rule, Severity
from contract.reasons import Reason
from edge.detections import Detections


@dataclass(frozen=True, slots=True, eq=False)
class FlowField:
    """How corners of the picture moved just now, whoever they belong to.

    places_xyn: (N, 2) float64, parts of the picture. velocities: (N, 2) float64, picture heights per second.
    """

    places_xyn: npt.NDArray[np.float64]
    velocities: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrowdPlace:
    """Where a close look at a crowd is wanted. region: x1, y1, x2, y2; body_height: both in parts of the picture."""

    region: tuple[float, float, float, float]
    body_height: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What one camera saw at one moment: its detections, tracked, and the picture's shape.

    `aspect` is the picture's width over its height, so that distances in parts of the picture can be compared across
    and along it. `flow` is there while `CameraBehaviours.wants_flow` asked for it, `close_look` where
    `CameraBehaviours.wants_close_look` did: everything like a person at that place, in parts of the whole picture.
    """

    captured: Instant
    people: Detections
    aspect: float
    flow: FlowField | None = None
    close_look: Detections | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """What a rule reports. Signals of one behaviour share `key`, unique within the camera while the behaviour lasts.

    `began` is when the behaviour began (the person entered), `captured` the moment of the frame on which the rule
    decided. `track_ids` are those the signal is about, now and earlier (an episode outlives its tracks).
    """

    key: str
    rule: Rule
    zone_id: str
    phase: Phase
    severity: Severity
    score: float
    reasons: tuple[Reason, ...]
    began: Instant
    captured: Instant
    people_count: int
    track_ids: tuple[int, ...]
    spot_check_chance: float | None = None
    """Not None: no alert but a spot check, which was picked with this chance; see `edge.rules.spot_checks`."""


class BehaviourRule(Protocol):
    """One rule on one zone of one camera."""

    def observe(self, observation: Observation) -> list[Signal]:
        """Take in what was seen and say what began, continues or ended. Times must not decrease."""
        ...

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        """End whatever is open, because the camera is lost or the worker stops, and say so."""
        ...
