"""The command `replay`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from contract.errors import KentonganError
from contract.reasons import Language
from edge.cli.common import ConfigOption, choose_camera, fail, load_config, make_console, use_one_opencv_thread
from edge.cli.logs import configure_logs
from edge.config import DeviceConfig


def replay(
    video: Annotated[Path, typer.Argument(help="A video file, or a folder of segments.")],
    config: ConfigOption,
    camera: Annotated[
        str | None, typer.Option(help="The camera whose settings apply; by default the first camera.")
    ] = None,
    starts_at: Annotated[
        str | None,
        typer.Option(help="Local time of the first frame, for example 2026-11-24T22:00:00; by default now."),
    ] = None,
    annotated: Annotated[Path | None, typer.Option(help="Write a video with boxes, zones and alerts drawn in.")] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="Play at this multiple of the video's own speed (0.1 to 100); print alerts as they begin."),
    ] = None,
    language: Annotated[str, typer.Option(help="Reasons in Indonesian (id) or English (en).")] = "id",
) -> None:
    """Show what would alert on a video file. Stores nothing and sends nothing.

    Runs the worker's own pipeline: the same decode ladder, motion gate, camera health and rules. It makes no events and
    no clips, and drops no frames, since a file can wait.
    """
    from edge.camera.analysis import FrameObserver
    from edge.capture.demux import FASTEST, SLOWEST
    from edge.capture.session import SourceFault
    from edge.cli.annotate import Annotator
    from edge.cli.replay import replay as run_replay
    from edge.cli.replay_screen import alert_printer, show

    configure_logs()
    if speed is not None and not SLOWEST <= speed <= FASTEST:
        fail(f"--speed is {SLOWEST:g} to {FASTEST:g} times the video's own, got {speed:g}")
    reasons_in = _language(language)
    device = load_config(config)
    chosen = choose_camera(device, camera)
    start = _local_time(starts_at, device)
    use_one_opencv_thread()
    annotator = None if annotated is None else Annotator(annotated, chosen.zones, fps=chosen.analysis_fps)
    console = make_console()
    observers: list[FrameObserver] = [] if annotator is None else [annotator.draw]
    if speed is not None:
        observers.append(alert_printer(console, reasons_in))
    try:
        report = run_replay(video, device, chosen, starts_at=start, speed=speed, observers=observers)
    except (SourceFault, KentonganError, OSError) as error:
        fail(str(error))
    finally:
        if annotator is not None:
            annotator.close()
    show(console, report, reasons_in)


def _language(text: str) -> Language:
    if text not in ("id", "en"):
        fail(f"--language is id or en, got {text}")
    return "en" if text == "en" else "id"


def _local_time(text: str | None, device: DeviceConfig) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--starts-at is a time such as 2026-11-24T22:00:00, got {text}")
    return at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(device.calendar.timezone))
