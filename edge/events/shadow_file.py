"""The shadow log on disk: the signals of rules in shadow mode, as JSON lines in files of bounded size, and its
report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from contract.event import Phase, Rule
from contract.reasons import Reason
from edge.signals import Signal

MAX_BYTES = 1_000_000
"""A file larger than this becomes the older of two; the previous older one is overwritten."""


class ShadowEntry(BaseModel):
    """One signal of a rule in shadow mode, which raised no alert."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    began_at: AwareDatetime
    zone_id: str
    rule: Rule
    phase: Phase
    score: float
    people_count: int
    lasted_s: float
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, signal: Signal) -> ShadowEntry:
        return cls(
            at=signal.captured.utc,
            began_at=signal.began.utc,
            zone_id=signal.zone_id,
            rule=signal.rule,
            phase=signal.phase,
            score=signal.score,
            people_count=signal.people_count,
            lasted_s=signal.captured.mono_s - signal.began.mono_s,
            reasons=signal.reasons,
        )


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """One rule on one zone: how often it would have alerted, its mean score, and the total duration in seconds."""

    zone_id: str
    rule: Rule
    alerts: int
    mean_score: float
    total_s: float


class ShadowFile:
    """The shadow logs of a device's cameras, at most two files per camera."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, camera_id: str, signals: Iterable[Signal]) -> None:
        """Add signals to the camera's log. Raises OSError when the disk refuses them."""
        lines = "".join(f"{ShadowEntry.of(signal).model_dump_json()}\n" for signal in signals)
        if not lines:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(camera_id)
        if path.exists() and path.stat().st_size > MAX_BYTES:
            path.replace(self._older(camera_id))
        with path.open("a", encoding="utf-8") as file:
            file.write(lines)

    def read(self, camera_id: str) -> list[ShadowEntry]:
        """The camera's entries, oldest first; lines that cannot be parsed, as after a power cut, are left out."""
        return [entry for path in (self._older(camera_id), self._path(camera_id)) for entry in _entries(path)]

    def _path(self, camera_id: str) -> Path:
        return self._folder / f"{camera_id}.jsonl"

    def _older(self, camera_id: str) -> Path:
        return self._folder / f"{camera_id}.older.jsonl"


def report(entries: Iterable[ShadowEntry]) -> list[ShadowLine]:
    """One line for each zone and rule that would have alerted."""
    scores: dict[tuple[str, Rule], list[float]] = {}
    total_s: dict[tuple[str, Rule], float] = {}
    for entry in entries:
        key = entry.zone_id, entry.rule
        if entry.phase is Phase.BEGAN:
            scores.setdefault(key, []).append(entry.score)
        elif entry.phase is Phase.ENDED:
            total_s[key] = total_s.get(key, 0.0) + entry.lasted_s
    return [
        ShadowLine(zone_id, rule, len(found), sum(found) / len(found), total_s.get((zone_id, rule), 0.0))
        for (zone_id, rule), found in sorted(scores.items())
    ]


def _entries(path: Path) -> Iterator[ShadowEntry]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield ShadowEntry.model_validate_json(line)
        except ValidationError:
            continue
