"""The learned state of one camera: bounded, versioned, resettable, numbers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from edge.learned.counts import HOURS_OF_WEEK, CountBaseline
from edge.learned.dwell import BINS, DwellMap
from edge.learned.flow import DIRECTIONS, FlowMap

FORMAT = 1
CONFIRM_WITHIN_S = 86_400.0
"""What was seen is learned a day later, so that a person can say before that it was an event and not the usual."""
MAX_PENDING = 6000

Kind = Literal["count", "dwell"]


@dataclass(slots=True)
class Pending:
    """Something seen that is not learned yet: at `utc_s`, in `hour_of_week`, for dwell in `cell`."""

    utc_s: float
    kind: Kind
    hour_of_week: Annotated[int, Field(ge=0, lt=HOURS_OF_WEEK)]
    cell: int
    value: float


@dataclass(slots=True)
class ZoneLearned:
    """What one zone has learned, and of which polygon: another polygon starts anew."""

    polygon: tuple[tuple[float, float], ...]
    counts: CountBaseline = field(default_factory=CountBaseline)
    dwell: DwellMap = field(default_factory=DwellMap)
    flow: FlowMap = field(default_factory=FlowMap)
    pending: list[Pending] = field(default_factory=list)

    def see(self, sample: Pending) -> None:
        """Keep a sample for later; of too many, the oldest are learned early."""
        self.pending.append(sample)
        if len(self.pending) > MAX_PENDING:
            self._learn(self.pending.pop(0))

    def settle(self, now_utc_s: float) -> None:
        """Learn what is older than a day and was not excluded."""
        while self.pending and now_utc_s - self.pending[0].utc_s >= CONFIRM_WITHIN_S:
            self._learn(self.pending.pop(0))

    def exclude(self, since_utc_s: float, until_utc_s: float) -> int:
        """Forget what was seen in a confirmed event; returns how many samples of the last day that were."""
        before = len(self.pending)
        self.pending = [one for one in self.pending if not since_utc_s <= one.utc_s <= until_utc_s]
        return before - len(self.pending)

    def _learn(self, sample: Pending) -> None:
        if sample.kind == "count":
            self.counts.learn(sample.hour_of_week, sample.value, sample.utc_s)
        else:
            self.dwell.learn(sample.cell, sample.hour_of_week, sample.value)


@dataclass(slots=True)
class CameraLearned:
    """Everything that one camera has learned, under one calibration."""

    calibration_version: int = 0
    zones: dict[str, ZoneLearned] = field(default_factory=dict)
    format: Literal[1] = 1

    def zone(self, zone_id: str, polygon: tuple[tuple[float, float], ...]) -> ZoneLearned:
        """The zone's state; empty if it is new or its polygon has changed."""
        known = self.zones.get(zone_id)
        if known is None or known.polygon != polygon:
            known = self.zones[zone_id] = ZoneLearned(polygon)
        return known

    def encode(self) -> bytes:
        """JSON, UTF-8."""
        return _ADAPTER.dump_json(self)

    @classmethod
    def decode(cls, data: bytes) -> CameraLearned:
        """The inverse of `encode`; raises ValueError for anything that it did not write in this format."""
        try:
            state = _ADAPTER.validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = "/".join(str(part) for part in first["loc"])
            raise ValueError(
                f"learned state must be JSON of format {FORMAT}: {where}: {first['msg']} ({error.error_count()} faults)"
            ) from error
        for zone_id, zone in state.zones.items():
            histograms = (*zone.dwell.cells.values(), *zone.dwell.slots.values())
            sound = (
                len(zone.counts.hours) == HOURS_OF_WEEK
                and all(len(one) == BINS for one in histograms)
                and all(len(one) == DIRECTIONS for one in zone.flow.cells.values())
            )
            if not sound:
                raise ValueError(f"learned state of zone {zone_id!r} has tables of the wrong size")
        return state


_ADAPTER: TypeAdapter[CameraLearned] = TypeAdapter(CameraLearned)
