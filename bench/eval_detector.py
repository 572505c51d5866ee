"""AP50 and CPU time of person detectors: `python -m bench.eval_detector DATA [--model NAME ...]`.

Pictures are taken at their own size; AP counts every box with a score of 0.01 and more. CPU time is that of a whole
detect() at the manifest's own threshold (preparing the tensor, inference on one thread, decoding): the median over
pictures. The last line is one JSON object for the first model, with the others' under `peers`.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.average_precision import AveragePrecision
from bench.motdata import LabelledSet, find_sets
from bench.peers import PersonDetector, open_detector
from models.manifest import load_manifest

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

AP_SCORE_THRESHOLD = 0.01
CPU_PICTURES_PER_SET = 40


def measure_ap(detector: PersonDetector, labelled: LabelledSet, every: int) -> float:
    """AP50 of a detector that hands on boxes from AP_SCORE_THRESHOLD."""
    precision = AveragePrecision()
    for index, picture in labelled.pictures(every):
        precision.add(detector.detect(picture), labelled.truths[index])
    return precision.value()


def measure_cpu_ms(detector: PersonDetector, sets: list[LabelledSet], every: int) -> float:
    """Median CPU milliseconds of one detect()."""
    spent: list[float] = []
    for labelled in sets:
        for count, (_, picture) in enumerate(labelled.pictures(every)):
            if count >= CPU_PICTURES_PER_SET:
                break
            started = time.thread_time()
            detector.detect(picture)
            spent.append(1000 * (time.thread_time() - started))
    return statistics.median(spent)


def evaluate(name: str, sets: list[LabelledSet], data: Path, manifest: Path | None, every: int) -> dict[str, Any]:
    """One model's row: AP50 of each set, their mean, CPU-ms."""
    keen = open_detector(name, data=data, manifest=manifest, score_threshold=AP_SCORE_THRESHOLD)
    by_set = {labelled.name: round(measure_ap(keen, labelled, every), 4) for labelled in sets}
    usual = open_detector(name, data=data, manifest=manifest)
    return {
        "model": name,
        "mean_ap50": round(statistics.mean(by_set.values()), 4),
        "cpu_ms": round(measure_cpu_ms(usual, sets, every), 2),
        **by_set,
    }


@app.command()
def main(
    data: Annotated[Path, typer.Argument(help="folder of MOT sets or YOLO folders", exists=True, file_okay=False)],
    model: Annotated[list[str] | None, typer.Option(help="a model's name; may be given several times")] = None,
    manifest: Annotated[Path | None, typer.Option(help="another manifest than the project's own")] = None,
    every: Annotated[int, typer.Option(min=1, help="take every so-manieth picture")] = 2,
) -> None:
    """Measure detectors on labelled pictures."""
    sets = find_sets(data)
    names = model or [load_manifest(manifest).default]
    rows = [evaluate(name, sets, data, manifest, every) for name in names]
    table = Table(title=f"AP50, every {every}. picture" if every > 1 else "AP50, every picture")
    columns = ["model", *(labelled.name for labelled in sets), "mean_ap50", "cpu_ms"]
    for column in columns:
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console(width=140).print(table)
    print(json.dumps({**rows[0], "every": every, "peers": rows[1:]}))


if __name__ == "__main__":
    app()
