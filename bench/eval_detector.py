"""AP50 and CPU time of person detectors: `python -m bench.eval_detector [DATA] [--model NAME ...]`.

Frames keep their own size; AP counts every detection with a score of at least 0.01. CPU time is that of a whole
detect() at the manifest's own threshold (preparing the tensor, inference on one thread, decoding the output): the
median over frames. All models see each frame in turn, so that other load affects them alike. The last line is one JSON
object for the first model, with the others under `peers`.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.average_precision import AveragePrecision
from bench.data_folder import data_folder
from bench.motdata import LabelledSet, find_sets
from bench.peers import PersonDetector, open_detector
from contract.errors import KentonganError
from edge.config.device import Backend
from edge.decode.frame import Frame
from models.manifest import load_manifest

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

AP_SCORE_THRESHOLD = 0.01
CPU_FRAMES_PER_SET = 40

Opener = Callable[[str, float | None], PersonDetector]
"""Opens a model's detector with a score threshold, or with the manifest's own (None)."""


def measure_ap(detector: PersonDetector, labelled: LabelledSet, every: int) -> float:
    """AP50 of a detector whose score threshold is AP_SCORE_THRESHOLD."""
    precision = AveragePrecision()
    for index, frame in labelled.frames(every):
        precision.add(detector.detect(frame), labelled.truths[index])
    return precision.value()


def measure_cpu_ms(detectors: Sequence[PersonDetector], sets: list[LabelledSet], every: int) -> list[float]:
    """The median CPU milliseconds of one detect(), for each detector."""
    spent: list[list[float]] = [[] for _ in detectors]
    for labelled in sets:
        for count, (_, frame) in enumerate(labelled.frames(every)):
            if count >= CPU_FRAMES_PER_SET:
                break
            for times_ms, detector in zip(spent, detectors, strict=True):
                # A frame caches its smaller versions: each detector must pay for its own.
                fresh = replace(frame) if isinstance(frame, Frame) else frame
                started = time.thread_time()
                detector.detect(fresh)
                times_ms.append(1000 * (time.thread_time() - started))
    return [statistics.median(times_ms) for times_ms in spent]


def evaluate(opener: Opener, names: list[str], sets: list[LabelledSet], every: int) -> list[dict[str, Any]]:
    """One row for each model: AP50 of each set, their mean, CPU milliseconds, and their ratio to the first model's."""
    costs_ms = measure_cpu_ms([opener(name, None) for name in names], sets, every)
    rows = []
    for name, cpu_ms in zip(names, costs_ms, strict=True):
        keen = opener(name, AP_SCORE_THRESHOLD)
        by_set = {labelled.name: round(measure_ap(keen, labelled, every), 4) for labelled in sets}
        mean = round(statistics.mean(by_set.values()), 4)
        ratio = round(cpu_ms / costs_ms[0], 3)
        rows.append({"model": name, "mean_ap50": mean, "cpu_ms": round(cpu_ms, 2), "cpu_over_first": ratio, **by_set})
    return rows


@app.command()
def main(
    data: Annotated[
        Path,
        typer.Argument(
            help="folder of MOT sets or YOLO folders", default_factory=data_folder, exists=True, file_okay=False
        ),
    ],
    model: Annotated[list[str] | None, typer.Option(help="name of a model; may be repeated")] = None,
    manifest: Annotated[Path | None, typer.Option(help="another manifest than the project's own")] = None,
    every: Annotated[int, typer.Option(min=1, help="take every Nth frame")] = 2,
    backend: Annotated[Backend, typer.Option(help="inference engine for the models of a manifest")] = Backend.AUTO,
) -> None:
    """Measure detectors on labelled frames."""
    try:
        sets = find_sets(data)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    names = model or [load_manifest(manifest).default]

    def opened(name: str, score_threshold: float | None) -> PersonDetector:
        return open_detector(name, data=data, manifest=manifest, score_threshold=score_threshold, backend=backend)

    try:
        rows = evaluate(opened, names, sets, every)
    except KentonganError as error:
        raise typer.BadParameter(str(error)) from None
    table = Table(title=f"AP50, every {every}th frame" if every > 1 else "AP50, every frame")
    columns = ["model", *(labelled.name for labelled in sets), "mean_ap50", "cpu_ms", "cpu_over_first"]
    for column in columns:
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console(width=140).print(table)
    print(json.dumps({**rows[0], "every": every, "peers": rows[1:]}))


if __name__ == "__main__":
    app()
