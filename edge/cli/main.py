"""The command `kentongan-edge`."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

import contract
from contract.clock import SystemClock
from contract.errors import KentonganError
from contract.reasons import Language
from edge.cli.logs import configure_logs
from edge.config import CameraConfig, ConfigError, DeviceConfig, load_device_config
from edge.system.memory import bound_arenas

app = typer.Typer(
    help="The edge worker of Kentongan: cameras in, events and clips out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The device's configuration, a YAML file.")]


@app.command()
def run(
    config: ConfigOption,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log JSON lines.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log details too.")] = False,
) -> None:
    """Read the cameras, watch for behaviours and send events until stopped by Ctrl-C or SIGTERM."""
    bound_arenas()
    from edge.worker import Worker

    configure_logs(as_json=json_log, verbose=verbose)
    device = _load(config)
    _one_thread_for_each_picture()
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        with Worker(device, SystemClock()) as worker:
            worker.run(stop)
    except (KentonganError, OSError) as error:
        _fail(f"the worker cannot start: {error}")


@app.command("check-config")
def check_config(config: ConfigOption) -> None:
    """Check a configuration and show what is in effect, without log-ins."""
    device = _load(config)
    table = Table("camera", "kampung", "stream", "zone", "rules")
    for camera in device.cameras:
        for index, zone in enumerate(camera.zones):
            rules = ", ".join(name for name, rule in zone.rules if rule is not None)
            head = (camera.id, camera.kampung_id, _shown_url(camera)) if index == 0 else ("", "", "")
            table.add_row(*head, zone.id, rules)
    console = _console()
    console.print(table)
    console.print(f"device {device.device_id}, configuration {device.config_sha256[:12]}: valid", highlight=False)


@app.command()
def replay(
    video: Annotated[Path, typer.Argument(help="A video file, or a folder of segments.")],
    config: ConfigOption,
    camera: Annotated[str | None, typer.Option(help="Which camera's zones; by default the first one's.")] = None,
    starts_at: Annotated[
        str | None, typer.Option(help="Local time of the first picture, for example 2026-11-24T22:00:00; now.")
    ] = None,
    annotated: Annotated[Path | None, typer.Option(help="Write a video with boxes, zones and alerts drawn in.")] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="Play at so many times its own speed (0.1 to 100), and say alerts as they begin."),
    ] = None,
    language: Annotated[str, typer.Option(help="Reasons in Indonesian (id) or English (en).")] = "id",
) -> None:
    """Show what would alert on a video file. Stores nothing and sends nothing.

    Runs the worker's own pipeline: the same ladder, motion gate, camera health and rules. It makes no events and no
    clips, and drops no frames: a file waits.
    """
    from edge.camera.analysis import FrameObserver
    from edge.capture.demux import FASTEST, SLOWEST
    from edge.capture.session import SourceFault
    from edge.cli.annotate import Annotator
    from edge.cli.replay import replay as run_replay
    from edge.cli.replay_screen import say_as_they_begin, show

    configure_logs()
    if language not in ("id", "en"):
        _fail(f"--language is id or en, got {language}")
    spoken: Language = "en" if language == "en" else "id"
    if speed is not None and not SLOWEST <= speed <= FASTEST:
        _fail(f"--speed is {SLOWEST:g} to {FASTEST:g} times the video's own, got {speed:g}")
    device = _load(config)
    chosen = _camera(device, camera)
    start = _local_time(starts_at, device)
    _one_thread_for_each_picture()
    annotator = None if annotated is None else Annotator(annotated, chosen.zones, fps=chosen.analysis_fps)
    console = _console()
    observers: list[FrameObserver] = [] if annotator is None else [annotator.draw]
    if speed is not None:
        observers.append(say_as_they_begin(console, spoken))
    try:
        report = run_replay(video, device, chosen, starts_at=start, speed=speed, observers=observers)
    except (SourceFault, KentonganError, OSError) as error:
        _fail(str(error))
    finally:
        if annotator is not None:
            annotator.close()
    show(console, report, spoken)


@app.command()
def status(config: ConfigOption) -> None:
    """Show how the worker, its cameras, its outbox and its link are. Ends with 1 unless the worker is running."""
    from edge.cli.status_screen import show
    from edge.telemetry.status import Life, StatusFile, life_of

    device = _load(config)
    try:
        found = StatusFile(device.data_dir).read()
    except (OSError, ValueError) as error:
        _fail(f"the worker's status cannot be read: {error}")
    if found is None:
        typer.echo(f"kentongan-edge, device {device.device_id}: NOT RUNNING: no worker has run in {device.data_dir}")
        raise typer.Exit(1)
    now = datetime.now(UTC)
    show(_console(), found, now)
    raise typer.Exit(0 if life_of(found, now) is Life.RUNNING else 1)


@app.command()
def calibration(
    config: ConfigOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to draw it, a .jpg or .png file.")],
    camera: Annotated[str | None, typer.Option(help="Which camera; by default the first one.")] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="A picture or video file of that camera; without it the camera is asked for one."),
    ] = None,
) -> None:
    """Draw a camera's metres, zones and pixel density over its picture. Ends with 1 where metres are refused."""
    from edge.cli.calibration_screen import CannotShowError, show

    configure_logs()
    chosen = _camera(_load(config), camera)
    try:
        shown = show(_console(), chosen, picture, output)
    except CannotShowError as error:
        _fail(str(error))
    raise typer.Exit(0 if shown.refused is None else 1)


@app.command("accept-view")
def accept_view(
    config: ConfigOption, camera: Annotated[str, typer.Argument(help="The camera that was moved on purpose.")]
) -> None:
    """Take a camera's present view on as the right one, because it was moved on purpose."""
    from edge.camera_health.store import ViewStore

    device = _load(config)
    chosen = _camera(device, camera)
    if ViewStore(device.data_dir / "views").remove(chosen.id):
        typer.echo(f"the old view of {chosen.id} is forgotten; a running worker takes the present one on at once")
    else:
        typer.echo(f"nothing to forget: no view of {chosen.id} has been learnt yet")


@app.command("forget-learned")
def forget_learned(
    config: ConfigOption, camera: Annotated[str, typer.Argument(help="The camera whose learned state goes.")]
) -> None:
    """Forget what a camera has learned about its place. Stop the worker first: it would save its state again."""
    from edge.learned.store import LearnedStore

    device = _load(config)
    chosen = _camera(device, camera)
    known = LearnedStore(device.data_dir / "learned").reset(chosen.id)
    typer.echo(f"{chosen.id}: learned state forgotten" if known else f"{chosen.id}: nothing had been learned yet")


@app.command("shadow-report")
def shadow_report(config: ConfigOption) -> None:
    """Show what rules in shadow would have done, by camera, zone and rule."""
    from rich.table import Table

    from edge.events.shadow_file import ShadowFile, report

    device = _load(config)
    logs = ShadowFile(device.data_dir / "shadow")
    table = Table("camera", "zone", "rule", "alerts", "mean score", "lasted in all", "since")
    for camera in device.cameras:
        entries = logs.read(camera.id)
        for line in report(entries):
            since = device.calendar.local(entries[0].at).strftime("%Y-%m-%d %H:%M")
            total = f"{line.total_s / 60:.0f} min"
            table.add_row(
                camera.id, line.zone_id, line.rule.value, str(line.alerts), f"{line.mean_score:.2f}", total, since
            )
    _console().print(table)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(contract.__version__)


def _load(path: Path) -> DeviceConfig:
    try:
        return load_device_config(path)
    except ConfigError as error:
        _fail(str(error))


def _camera(device: DeviceConfig, camera_id: str | None) -> CameraConfig:
    if camera_id is None:
        return device.cameras[0]
    chosen = next((camera for camera in device.cameras if camera.id == camera_id), None)
    if chosen is None:
        _fail(f"no camera {camera_id} in the configuration; there are {', '.join(one.id for one in device.cameras)}")
    return chosen


def _local_time(text: str | None, device: DeviceConfig) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"--starts-at is a time such as 2026-11-24T22:00:00, got {text}")
    return at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(device.calendar.timezone))


def _one_thread_for_each_picture() -> None:
    """Keep OpenCV from spreading one picture over all cores.

    Cameras are what is spread. Measured on two cores, 1080p to the detector's size: 1.4 ms of CPU on one thread; on two
    1.3 ms of waiting for 1.8 ms of CPU.
    """
    import cv2

    cv2.setNumThreads(1)


def _shown_url(camera: CameraConfig) -> str:
    from edge.system.redact import redact_url

    return redact_url(camera.main_url.get_secret_value())


def _console() -> Console:
    # In a pipe there is no width to keep to, and a table is read by grep.
    return Console(width=None if sys.stdout.isatty() else 200)


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            # The second time is meant: die as the signal asks.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _fail(sentence_of_error: str) -> NoReturn:
    sys.stderr.write(f"kentongan-edge: {sentence_of_error}\n")
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
