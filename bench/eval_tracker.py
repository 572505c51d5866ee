"""HOTA, IDF1 and identity switches of our tracker and of others: `python -m bench.eval_tracker [DATA]`.

Every tracker gets the same detections: those of the default detector on the MOT sets in DATA; the same four times with
    3 % of the boxes left out at random, because with few people a single switch is worth several points; and two kinds
    of simulation, the PETS2009 crowds (true boxes from tracks/pets2009 in or beside DATA, where present, with a
    simulated detector) and simulated people whose paths cross. A set is sampled at 25, 10, 5 and 2 frames a second, or
    at its own rate where that is lower, each with up to four phases, so that nearly every frame is used. Scores are
    summed over sequences and phases as TrackEval combines sequences.

The oracles, ByteTrack and OC-SORT of the package `trackers`, need the dependency group `bench` (`uv run --group bench
...`); without it the output says that they are left out. Each runs twice: with the detector's own score threshold, and
with the package's defaults. The last line is one JSON object: scores in per cent by group, rate and tracker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.data_folder import data_folder
from bench.motdata import find_sets
from bench.oracles import Factory, Ours, oracles
from bench.tracker_sets import TrackSequence, annotated, crossings, detected, thinned
from bench.tracking_scores import TrackingScores, score
from edge.detector import Detector
from edge.tracker import TrackerSettings
from models.manifest import load_manifest

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

RATES_HZ = (25.0, 10.0, 5.0, 2.0)
SEED = 7
THINNED = 4
OURS = "ours"


def run(sequence: TrackSequence, rate_hz: float, factory: Factory) -> TrackingScores:
    """Scores of one tracker on one sequence at one rate, summed over all phases."""
    parts = []
    for phase in sequence.phases(rate_hz):
        tracker = factory(min(rate_hz, sequence.rate_hz))
        frames = []
        for index in sequence.indices(rate_hz, phase):
            boxes, ids = tracker.follow(sequence.detections[index], index / sequence.rate_hz, sequence.aspect)
            frames.append(sequence.tracked(index, boxes, ids))
        parts.append(score(frames))
    return _total(parts)


def groups(data: Path, crossing_count: int) -> Iterator[tuple[str, list[TrackSequence]]]:
    """The sequences by group: each real set alone, all real sets, and the simulations."""
    detector = Detector(load_manifest().get())
    real = [detected(labelled, detector) for labelled in find_sets(data) if labelled.frame_rate_hz > 0]
    yield "real", real
    for sequence in real:
        yield sequence.name, [sequence]
    yield "real-thinned", [thinned(sequence, seed) for sequence in real for seed in range(THINNED)]
    tracks = next((place / "tracks" for place in (data, data.parent) if (place / "tracks").is_dir()), data)
    crowds = list(annotated(tracks / "pets2009" / "annotations", SEED))
    if crowds:
        yield "simulated-crowds", crowds
    yield "simulated-crossings", list(crossings(range(1, crossing_count + 1)))


def measure(sequences: list[TrackSequence], factories: dict[str, Factory]) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by rate, then by tracker. A rate above every sequence's own is left out."""
    fastest = max(sequence.rate_hz for sequence in sequences)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for rate_hz in RATES_HZ:
        # The next higher rate stands for a sequence's own: one at 7 frames a second is measured in the row of 10.
        if rate_hz > fastest and any(lower >= fastest for lower in RATES_HZ if lower < rate_hz):
            continue
        row = found.setdefault(f"{rate_hz:g}", {})
        for name, factory in factories.items():
            total = _total([run(sequence, rate_hz, factory) for sequence in sequences])
            row[name] = {
                "hota": round(100 * total.hota, 1),
                "idf1": round(100 * total.idf1, 1),
                "switches": total.switches,
            }
    return found


def _total(parts: list[TrackingScores]) -> TrackingScores:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@app.command()
def main(
    data: Annotated[
        Path, typer.Argument(help="folder of MOT sets", default_factory=data_folder, exists=True, file_okay=False)
    ],
    crossing_count: Annotated[int, typer.Option(min=1, help="how many made-up scenes")] = 4,
) -> None:
    """Measure trackers on the same detections."""
    settings = TrackerSettings(strong_score=load_manifest().get().output.strong_score)
    factories: dict[str, Factory] = {OURS: lambda _rate: Ours(settings)}
    others = oracles(settings.strong_score)
    if not others:
        print("SKIPPED: the oracles (the package `trackers` is not installed; use `uv run --group bench`)")
    factories |= others
    results: dict[str, Any] = {}
    for group, sequences in groups(data, crossing_count):
        results[group] = measure(sequences, factories)
        _show(group, results[group], list(factories))
    print(json.dumps({"oracles": sorted(others), "scores": results}))


def _show(group: str, rows: dict[str, dict[str, dict[str, Any]]], names: list[str]) -> None:
    table = Table(title=f"{group}: HOTA / IDF1 / switches")
    table.add_column("frames a second", justify="right")
    for name in names:
        table.add_column(name, justify="right")
    for rate, row in rows.items():
        cells = [f"{row[name]['hota']} / {row[name]['idf1']} / {row[name]['switches']}" for name in names]
        table.add_row(rate, *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    app()
