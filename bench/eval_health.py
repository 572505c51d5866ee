"""Whether faults of a camera are found within 30 s, without false alarms: `python -m bench.eval_health [DATA]`.

Real clips of fixed cameras are altered as by a hand, a ladder or a broken sensor, compressed by x264 as a camera would,
and put through the product's own pipeline. Each stream is watched three times. `alone`: no person is ever detected, so
the decode ladder falls back to keyframes. `watched`: a person is always detected, so the ladder decodes everything. `by
turns`: one minute of each.

faults: four minutes of ordinary frames, then each fault for 40 s, followed by 50 s of ordinary frames.
frozen: the same with the frozen frame as the only fault, for the remaining encodings.
ordinary: what cameras see without a fault, `--minutes` each, and at its end a frame that freezes for 40 s.

A fault is found if it is reported under its own name within 30 s. Every other report is a false alarm. The last line is
one JSON object.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from bench.data_folder import data_folder
from bench.eval_health_camera import ENCODINGS, Encoding, WatchedCamera, packets
from bench.eval_health_scenes import CLIPS, FPS, Footage, Spell, faults, ordinary
from contract.event import Phase

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

GOAL_S = 30.0
LEARNS_S, FAULT_S, BETWEEN_S = 240.0, 40.0, 50.0
SETTLES_S = 20.0
"""Reports within this time after a fault belong to the fault."""
FAULT_ENCODINGS = ("crf 23, 2 s", "512k, 4 s")
ORDINARY_CLIPS = (CLIPS[0], CLIPS[3])
ORDINARY_ENCODINGS = ("crf 23, 4 s", "256k, 2 s")
PEOPLE: dict[str, Callable[[float], int]] = {
    "alone": lambda _: 0,
    "watched": lambda _: 1,
    "by turns": lambda at_s: int(at_s // 60.0) % 2,
}


@dataclass
class Run:
    """The reports on one camera. `delays_s`: the delay of each spell's report by fault, infinite without one."""

    delays_s: dict[str, float] = field(default_factory=dict)
    fault_of: dict[str, str] = field(default_factory=dict)
    misnamed: int = 0
    false_alarms: list[str] = field(default_factory=list)
    live_s: float = 0.0
    blind_s: float = 0.0
    slowest_end_s: float = 0.0


class _Marker:
    """Compares the reports on a camera with what the camera was shown."""

    def __init__(self, camera: WatchedCamera) -> None:
        self._camera = camera
        self._since_fault_s = float("inf")
        self.run = Run()

    def mark(self, spell: Spell, at_s: float, reported: Iterable[tuple[str, Phase]]) -> None:
        run = self.run
        if spell.fault is not None:
            self._since_fault_s = 0.0
            run.fault_of[spell.name] = spell.fault
            run.delays_s.setdefault(spell.name, float("inf"))
        else:
            self._since_fault_s += 1.0 / FPS
            if self._since_fault_s > SETTLES_S:
                run.live_s += 1.0 / FPS
                run.blind_s += self._camera.is_blind / FPS
        for fault, phase in reported:
            if phase is not Phase.BEGAN:
                run.slowest_end_s = max(run.slowest_end_s, at_s if spell.fault is None else 0.0)
            elif fault == spell.fault:
                run.delays_s[spell.name] = min(run.delays_s[spell.name], at_s)
            elif spell.fault is not None:
                run.misnamed += 1
            elif self._since_fault_s > SETTLES_S:
                run.false_alarms.append(f"{fault} at {at_s:.0f} s of '{spell.name}'")


def watch(footage: Footage, spells: list[Spell], encoding: Encoding) -> dict[str, Run]:
    """Show one stream to three cameras; the runs by name."""
    cameras = {name: WatchedCamera(people) for name, people in PEOPLE.items()}
    markers = {name: _Marker(camera) for name, camera in cameras.items()}
    for spell, at_s, now, packet in packets(footage, spells, encoding):
        for name, camera in cameras.items():
            markers[name].mark(spell, at_s, camera.step(now, packet))
    return {name: marker.run for name, marker in markers.items()}


def fault_spells(*, frozen_alone: bool = False) -> list[Spell]:
    """A camera's life with every fault once."""
    made = [Spell("ordinary at first", LEARNS_S)]
    for fault in faults(FAULT_S, 0.0):
        if fault.still or not frozen_alone:
            made += [fault, Spell("ordinary", BETWEEN_S)]
    return made


class Report:
    """All runs so far; prints each as it is added."""

    def __init__(self) -> None:
        self._delays_s: dict[str, list[float]] = defaultdict(list)
        self._runs: dict[str, list[Run]] = defaultdict(list)

    def add(self, part: str, clip: str, encoding: str, runs: dict[str, Run]) -> None:
        for camera, run in runs.items():
            self._runs[part].append(run)
            for name, delay_s in run.delays_s.items():
                # A camera that freezes at the end of an ordinary run was set up long before.
                key = run.fault_of[name] if part in ("faults", "frozen") else f"frozen after {part}"
                self._delays_s[key].append(delay_s)
            late = {name: delay_s for name, delay_s in run.delays_s.items() if delay_s > GOAL_S}
            print(f"{part:16} {clip:30} {encoding:12} {camera:8}", *self._figures(run, late), flush=True)

    @staticmethod
    def _figures(run: Run, late: dict[str, float]) -> Iterable[str]:
        yield f"found {len(run.delays_s) - len(late)}/{len(run.delays_s)}"
        if run.delays_s and len(late) < len(run.delays_s):
            yield f"slowest {max(one for one in run.delays_s.values() if one <= GOAL_S):.0f} s"
        yield from (f"MISSED {name} ({delay_s:.0f} s)" for name, delay_s in late.items())
        if run.misnamed:
            yield f"misnamed {run.misnamed}"
        yield from (f"FALSE {alarm}" for alarm in run.false_alarms)
        if run.blind_s:
            yield f"blind for {run.blind_s:.0f} of {run.live_s:.0f} s"

    def summary(self) -> dict[str, Any]:
        runs = [run for part in self._runs.values() for run in part]
        return {
            "faults": {fault: _scored(delays_s) for fault, delays_s in sorted(self._delays_s.items())},
            "misnamed": sum(run.misnamed for run in runs),
            "ordinary": {part: _alarms(some) for part, some in self._runs.items() if part not in ("faults", "frozen")},
            "all": _alarms(runs),
        }


def _scored(delays_s: list[float]) -> dict[str, float]:
    found = [delay_s for delay_s in delays_s if delay_s <= GOAL_S]
    p95_s = float(np.quantile(delays_s, 0.95, method="higher"))
    return {
        "count": len(delays_s),
        "recall": round(len(found) / len(delays_s), 4),
        "p95_s": round(p95_s, 1) if np.isfinite(p95_s) else -1.0,
    }


def _alarms(runs: list[Run]) -> dict[str, float]:
    hours = sum(run.live_s for run in runs) / 3600.0
    alarms = sum(len(run.false_alarms) for run in runs)
    return {
        "camera_hours": round(hours, 2),
        "false_alarms": alarms,
        "per_camera_hour": round(alarms / hours, 3) if hours else 0.0,
        "blind_s": round(sum(run.blind_s for run in runs), 1),
    }


def plan(
    only: str, minutes: float, clips: list[str], encodings: list[str]
) -> Iterator[tuple[str, str, str, list[Spell]]]:
    """Part, clip, encoding and spells of every requested run.

    Raises ValueError for an unknown encoding, clip or part.
    """
    for kind, asked, known in (("encoding", encodings, tuple(ENCODINGS)), ("clip", clips, CLIPS)):
        for name in set(asked) - set(known):
            raise ValueError(f"there is no {kind} {name!r}; there are {'; '.join(known)}")
    parts = {
        "faults": (CLIPS, FAULT_ENCODINGS, fault_spells()),
        "frozen": (CLIPS, tuple(set(ENCODINGS) - set(FAULT_ENCODINGS)), fault_spells(frozen_alone=True)),
        **{scene: (ORDINARY_CLIPS, ORDINARY_ENCODINGS, spells) for scene, spells in ordinary(minutes).items()},
    }
    if only not in ("", "ordinary", *parts):
        raise ValueError(f"there is no part {only!r}; there are ordinary; {'; '.join(parts)}")
    for name in CLIPS:
        for part, (usual_clips, usual_encodings, spells) in parts.items():
            wanted = only in ("", part) or (only == "ordinary" and part not in ("faults", "frozen"))
            if wanted and name in (clips or usual_clips):
                yield from ((part, name, encoding, spells) for encoding in sorted(encodings or usual_encodings))


@app.command()
def main(
    data: Annotated[
        Path,
        typer.Argument(help="folder with video/ and mot/", default_factory=data_folder, exists=True, file_okay=False),
    ],
    minutes: Annotated[float, typer.Option(min=8.0, help="of each ordinary scene")] = 12.0,
    only: Annotated[str, typer.Option(help="'faults', 'frozen', 'ordinary' or the name of an ordinary scene")] = "",
    clip: Annotated[list[str] | None, typer.Option(help="clips below DATA in place of the usual ones")] = None,
    encoding: Annotated[list[str] | None, typer.Option(help=f"of {'; '.join(ENCODINGS)}")] = None,
) -> None:
    """Measure detection and false alarms of camera health on altered real clips."""
    cv2.setNumThreads(1)  # as on a device with more cameras than cores
    report = Report()
    footage: Footage | None = None
    try:
        runs = list(plan(only, minutes, clip or [], encoding or []))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    missing = sorted({name for _, name, _, _ in runs if not (data / name).is_file()})
    if missing:
        raise typer.BadParameter(f"{data} lacks {', '.join(missing)}; --clip chooses among those that are there")
    for part, name, chosen, spells in runs:
        if footage is None or footage.name != Path(name).stem:
            footage = Footage(data / name)
        report.add(part, footage.name, chosen, watch(footage, spells, ENCODINGS[chosen]))
    print(json.dumps({"minutes": minutes, **report.summary()}))


if __name__ == "__main__":
    app()
