"""Does the worker leak? `python -m bench.soak --minutes 30 --cameras 4`

A worker in its own process reads looping RTSP cameras while links stall, break, corrupt and lose packets, and while
cameras and server go away and come back. Its memory, threads and file descriptors are sampled. The last fifth of the
time is compared with the second fifth: in the first fifth buffers fill and each kind of fault occurs once. The last
line is one JSON object; the exit status is 0 if nothing grew and no event was lost. On a machine that becomes busier
during the run, more frames wait in the worker, which looks like growth: use a quiet machine, or raise the worker's
priority (`nice -n -15`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.process_usage import Held, held_by, typical
from bench.soaking.site import SoakSite
from demo.footage import cache_folder, ensure_streams
from tests.support.outboxes import LeftBehind, left_behind

ROOT = Path(__file__).parents[1]
MAX_GROWTH_MB = 5.0
STOP_S = 40.0
SAY_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Duration, number of cameras, and the intervals between samples and between faults, in seconds."""

    seconds: float
    cameras: int = 4
    sample_every_s: float = 1.0
    fault_every_s: float = 10.0
    max_growth_mb: float = MAX_GROWTH_MB

    def __post_init__(self) -> None:
        if not self.seconds >= 10 * self.sample_every_s:
            raise ValueError(
                f"a soak needs at least 10 samples, got {self.seconds} s, one each {self.sample_every_s} s"
            )
        if not 1 <= self.cameras <= 16:
            raise ValueError(f"cameras is 1 to 16, got {self.cameras}")


class WorkerDiedError(Exception):
    """The worker ended by itself; the message is the end of its log."""


def soak(films: Sequence[Path], folder: Path, plan: Plan, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Run the soak in `folder` and return its summary. Raises WorkerDiedError."""
    stop = threading.Event()
    with SoakSite(films, plan.cameras) as site:
        log_path = folder / "worker.log"
        process = _start_worker(site.write_config(folder), log_path)
        injector = threading.Thread(target=site.inject, args=(stop, plan.fault_every_s), name="faults")
        injector.start()
        try:
            samples = _sampled(process, plan, site, say, log_path)
        finally:
            stop.set()
            injector.join()
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        left = left_behind(folder / "data")
        return summary(samples, plan, site, left, process.returncode)


def _start_worker(config: Path, log_path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edge.cli.main", "run", "--json-log", "--config", str(config)]
    with log_path.open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})


def _sampled(
    process: subprocess.Popen[bytes], plan: Plan, site: SoakSite, say: Callable[[str], None], log_path: Path
) -> list[Held]:
    samples: list[Held] = []
    began_s = said_s = time.monotonic()
    while time.monotonic() - began_s < plan.seconds:
        time.sleep(plan.sample_every_s)
        if process.poll() is not None:
            raise WorkerDiedError(log_path.read_text(encoding="utf-8", errors="replace")[-2000:])
        samples.append(held_by(process.pid))
        if time.monotonic() - said_s >= SAY_EVERY_S:
            said_s, held = time.monotonic(), samples[-1]
            say(
                f"{said_s - began_s:6.0f} s  {held.rss_mb:7.1f} MB  {held.threads} threads  {held.descriptors} fds  "
                f"{len(site.server.events)} events  {site.injected.total()} faults"
            )
    return samples


def summary(samples: Sequence[Held], plan: Plan, site: SoakSite, left: LeftBehind, exit_status: int) -> dict[str, Any]:
    """The figures of a soak; `ok` says whether all of them hold."""
    fifth = len(samples) // 5
    first, last = typical(samples[fifth : 2 * fifth]), typical(samples[-fifth:])
    events = list(site.server.events.values())
    result: dict[str, Any] = {
        "minutes": round(plan.seconds / 60.0, 2),
        "cameras": plan.cameras,
        "rss_first_mb": round(first.rss_mb, 1),
        "rss_last_mb": round(last.rss_mb, 1),
        "rss_growth_mb": round(last.rss_mb - first.rss_mb, 1),
        "threads": first.threads,
        "thread_growth": last.threads - first.threads,
        "fds": first.descriptors,
        "fd_growth": last.descriptors - first.descriptors,
        "events": len(events),
        "events_missing": len(left.missing(events)),
        "clips": len(site.server.clips),
        "faults_injected": site.injected.total(),
        "faults": dict(sorted(site.injected.items())),
        "exit_status": exit_status,
    }
    result["ok"] = (
        result["rss_growth_mb"] <= plan.max_growth_mb
        and result["thread_growth"] <= 0
        and result["fd_growth"] <= 0
        and result["events"] > 0
        and result["events_missing"] == 0
        and exit_status == 0
    )
    return result


def main(
    minutes: Annotated[float, typer.Option(help="How long.")] = 30.0,
    cameras: Annotated[int, typer.Option(help="How many cameras.")] = 4,
    keep: Annotated[Path | None, typer.Option(help="A folder to work in and to leave the worker's log in.")] = None,
) -> None:
    """Soak the worker on the demo's footage."""
    films = list(ensure_streams(cache_folder()).values())
    with tempfile.TemporaryDirectory(prefix="kentongan-soak-") as scratch:
        folder = keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        result = soak(films, folder, Plan(minutes * 60.0, cameras), lambda text: print(text, flush=True))
    print(json.dumps(result))
    raise typer.Exit(0 if result["ok"] else 1)


if __name__ == "__main__":
    typer.run(main)
