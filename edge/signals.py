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
    """Sparse optical flow: how corners of the frame moved since the frame before, people or not.

    places_xyn: (N, 2) float64, normalised coordinates. velocities: (N, 2) float64, frame heights per second.
    """

    places_xyn: npt.NDArray[np.float64]
    velocities: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TileRegion:
    """Where a crowd needs tiled inference. region: x1, y1, x2, y2, normalised; body_height: in frame heights."""

    region: tuple[float, float, float, float]
    body_height: float


@dataclass(frozen=True, slots=True)
class ObservationRequest:
    """What the next observation should carry beside its people. tiles: where to run tiled inference, None: nowhere."""

    optical_flow: bool = False
    tiles: TileRegion | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One analysed frame of one camera, without its pixels.

    people: all detections, tracked or not. aspect: the frame's width over its height, which makes normalised distances
    across and along the frame comparable. optical_flow and tile_detections: what `ObservationRequest` asked for, as far
    as it could be had. tile_detections: everything like a person in the requested region, low scores included, in
    normalised coordinates of the whole frame.
    """

    captured: Instant
    people: Detections
    aspect: float
    optical_flow: FlowField | None = None
    tile_detections: Detections | None = None


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
