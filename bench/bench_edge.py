"""What the edge worker costs beside its peers: `python -m bench.bench_edge [--rounds N]`.

Measures CPU seconds (user + system, one process for each run, set-up left out) for each second of stream. Every round
runs each program on each clip once, so that other load on the machine affects all programs alike. The table gives
medians and the range from minimum to maximum; the last line is one JSON object. docs/design/bench-edge.md says what is
compared and why.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bench.edge.boxes import boxes_kept, frames_of
from bench.edge.clips import EMPTY_S, LENGTH_S, MAIN, PEOPLE_S, SUB, ensure_clips, has_people
from bench.edge.environment import DEFAULT_MODEL, PeerMissingError, ffmpeg_path, ultralytics_python

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 1200.0
MORE_CAMERAS = 4
DECODE, FLOOR, WORKER, PLAIN = "pure decode", "floor", "worker", "plain loop"
FRIGATE, ULTRALYTICS = "frigate structure", "ultralytics"
Clip = tuple[str, str]
MIXED_MAIN: Clip = ("mixed", MAIN.name)
MIXED_SUB: Clip = ("mixed", SUB.name)
BUSY_MAIN: Clip = ("busy", MAIN.name)
CLIPS = (MIXED_MAIN, MIXED_SUB, BUSY_MAIN)


@dataclass(slots=True)
class Bench:
    """The runs so far. `cpu_s` holds CPU seconds by clip and program, `reports` the last report of each program."""

    videos: dict[Clip, Path]
    scratch: Path
    ultralytics: Path | None
    model: str
    has_ffmpeg: bool
    cpu_s: dict[tuple[Clip, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    reports: dict[tuple[Clip, str], dict[str, Any]] = field(default_factory=dict)

    def round(self) -> None:
        """Run every program on every clip once."""
        for clip in CLIPS:
            video = str(self.videos[clip])
            trace = str(self.trace(clip))
            self._note(clip, WORKER, module("run_worker", video, "--trace", trace))
            self._note(clip, FLOOR, module("run_floor", video, trace))
            self._note(clip, DECODE, module("run_decode", video))
            self._note(clip, PLAIN, module("run_plain", video))
            if self.has_ffmpeg:
                self._note(clip, FRIGATE, module("run_frigate", video))
            if self.ultralytics is not None:
                peer = [str(self.ultralytics), "-m", "bench.edge.run_ultralytics", video, self.model]
                self._note(clip, ULTRALYTICS, peer)

    def trace(self, clip: Clip, kind: str = "gated") -> Path:
        return self.scratch / f"{kind}-{clip[0]}-{clip[1]}.json"

    def _note(self, clip: Clip, program: str, command: list[str]) -> None:
        report = run(command)
        self.cpu_s[clip, program].append(float(report["cpu_s"]))
        self.reports[clip, program] = report

    def median(self, clip: Clip, program: str) -> float:
        return statistics.median(self.cpu_s[clip, program])

    def ratio(self, clip: Clip, over: str, under: str) -> float | None:
        """The ratio of the medians; None where one of the programs was not run."""
        if not self.cpu_s[clip, over] or not self.cpu_s[clip, under]:
            return None
        return round(self.median(clip, over) / self.median(clip, under), 3)


def module(name: str, *arguments: str) -> list[str]:
    """The command of a runner in `bench.edge`."""
    return [sys.executable, "-m", f"bench.edge.{name}", *arguments]


def run(command: list[str]) -> dict[str, Any]:
    """Run a program and return the report on its last line. Raises RuntimeError with the end of its standard error if
    it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def boxes_of(bench: Bench) -> tuple[float, float]:
    """The share of the ungated worker's boxes that the gated one also has while people are present, and the share of
    such time in `mixed`."""
    kept = total = 0
    activity = 0.0
    for clip in CLIPS:
        ungated = bench.trace(clip, "ungated")
        run(module("run_worker", str(bench.videos[clip]), "--ungated", "--trace", str(ungated)))
        everything = frames_of(ungated)
        active = np.array([has_people(clip[0], at_s) for at_s, _ in everything])
        some = boxes_kept(everything, frames_of(bench.trace(clip)), active)
        kept, total = kept + some[0], total + some[1]
        if clip == MIXED_MAIN:
            activity = float(active.mean())
    return kept / max(total, 1), activity


def memory_of(bench: Bench) -> tuple[float, float]:
    """Peak resident MiB with one 1080p camera, and for each further camera."""
    video = str(bench.videos[BUSY_MAIN])
    first = float(run(module("run_worker", video))["rss_mb"])
    several = float(run(module("run_worker", video, "--cameras", str(MORE_CAMERAS)))["rss_mb"])
    return first, (several - first) / (MORE_CAMERAS - 1)


def table(bench: Bench) -> Table:
    shown = Table(title="CPU seconds for a second of stream: median (least to most); worker = 1 in the last column")
    for column in ("clip", "program", "frames", "median", "spread", "cameras a core", "of the worker"):
        shown.add_column(column, justify="left" if column in ("clip", "program") else "right")
    for clip in CLIPS:
        for program in (DECODE, FLOOR, WORKER, PLAIN, FRIGATE, ULTRALYTICS):
            spent = [seconds / LENGTH_S for seconds in bench.cpu_s[clip, program]]
            if not spent:
                continue
            median = statistics.median(spent)
            shown.add_row(
                " ".join(clip),
                program,
                str(bench.reports[clip, program]["frames"]),
                f"{median:.4f}",
                f"{min(spent):.4f} to {max(spent):.4f}",
                f"{1 / median:.1f}",
                f"{median * LENGTH_S / bench.median(clip, WORKER):.2f}",
            )
    return shown


def main(
    rounds: Annotated[int, typer.Option(min=1, help="runs of each program on each clip")] = 3,
    peer: Annotated[bool, typer.Option(help="run Ultralytics too; its environment is made if missing")] = True,
    model: Annotated[str, typer.Option(help="the architecture for Ultralytics, with random weights")] = DEFAULT_MODEL,
) -> None:
    """Measure the worker beside its peers."""
    console = Console(width=140)
    python: Path | None = None
    if peer:
        try:
            python = ultralytics_python()
        except PeerMissingError as missing:
            console.print(f"without Ultralytics: {missing}")
    has_ffmpeg = True
    try:
        ffmpeg_path()
    except PeerMissingError as missing:
        has_ffmpeg = False
        console.print(f"without Frigate's structure: {missing}")
    videos = ensure_clips()
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as scratch:
        bench = Bench(videos, Path(scratch), python, model, has_ffmpeg)
        for number in range(rounds):
            console.print(f"round {number + 1} of {rounds}")
            bench.round()
        kept, activity = boxes_of(bench)
        first_mb, more_mb = memory_of(bench)
        console.print(table(bench))
    console.print(
        f"mixed: people from {EMPTY_S:g} s to {EMPTY_S + PEOPLE_S:g} s of {LENGTH_S:g} s, activity {activity:.2f}; "
        f"busy: always. Ultralytics runs {model} with random weights: it finds nobody and never pays for tracking."
    )
    result = {
        "rounds": rounds,
        "worker_over_floor": bench.ratio(MIXED_MAIN, WORKER, FLOOR),
        "worker_over_floor_busy": bench.ratio(BUSY_MAIN, WORKER, FLOOR),
        "worker_over_decode_mixed": bench.ratio(MIXED_MAIN, WORKER, DECODE),
        "vs_ultralytics_mixed_main": bench.ratio(MIXED_MAIN, ULTRALYTICS, WORKER),
        "vs_ultralytics_mixed_sub": bench.ratio(MIXED_SUB, ULTRALYTICS, WORKER),
        "vs_ultralytics_busy": bench.ratio(BUSY_MAIN, ULTRALYTICS, WORKER),
        "vs_frigate_mixed_main": bench.ratio(MIXED_MAIN, FRIGATE, WORKER),
        "vs_frigate_mixed_sub": bench.ratio(MIXED_SUB, FRIGATE, WORKER),
        "vs_plain_mixed_main": bench.ratio(MIXED_MAIN, PLAIN, WORKER),
        "vs_plain_mixed_sub": bench.ratio(MIXED_SUB, PLAIN, WORKER),
        "boxes_kept": round(kept, 4),
        "rss_first_mb": round(first_mb, 1),
        "rss_more_mb": round(more_mb, 1),
        "activity": round(activity, 3),
        "ultralytics_model": model if python is not None else None,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
