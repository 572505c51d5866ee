"""The commands for the worker as a whole: `run`, `check-config` and `status`."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table

from contract.clock import SystemClock
from contract.errors import KentonganError
from edge.cli.common import ConfigOption, fail, load_config, make_console, use_one_opencv_thread
from edge.cli.logs import configure_logs
from edge.system.memory import bound_arenas
from edge.system.redact import redact_url


def run(
    config: ConfigOption,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log JSON lines.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log details too.")] = False,
) -> None:
    """Read the cameras, detect behaviours and send events until stopped by Ctrl-C or SIGTERM."""
    bound_arenas()  # before the import: libraries start threads when they are loaded
    from edge.worker import Worker

    configure_logs(as_json=json_log, verbose=verbose)
    device = load_config(config)
    use_one_opencv_thread()
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        with Worker(device, SystemClock()) as worker:
            worker.run(stop)
    except (KentonganError, OSError) as error:
        fail(f"the worker cannot start: {error}")


def check_config(config: ConfigOption) -> None:
    """Check a configuration and show its cameras, zones and rules, without credentials."""
    device = load_config(config)
    table = Table("camera", "kampung", "stream", "zone", "rules")
    for camera in device.cameras:
        url = redact_url(camera.main_url.get_secret_value())
        for index, zone in enumerate(camera.zones):
            rules = ", ".join(name for name, rule in zone.rules if rule is not None)
            head = (camera.id, camera.kampung_id, url) if index == 0 else ("", "", "")
            table.add_row(*head, zone.id, rules)
    console = make_console()
    console.print(table)
    console.print(f"device {device.device_id}, configuration {device.config_sha256[:12]}: valid", highlight=False)


def status(config: ConfigOption) -> None:
    """Show the state of the worker, its cameras, its outbox and its link. Ends with 1 unless the worker is running."""
    from edge.cli.status_screen import show
    from edge.telemetry.status import StatusFile, WorkerState, state_of

    device = load_config(config)
    try:
        found = StatusFile(device.data_dir).read()
    except (OSError, ValueError) as error:
        fail(f"the worker's status cannot be read: {error}")
    if found is None:
        typer.echo(f"kentongan-edge, device {device.device_id}: NOT RUNNING: no worker has run in {device.data_dir}")
        raise typer.Exit(1)
    now = datetime.now(UTC)
    show(make_console(), found, now)
    raise typer.Exit(0 if state_of(found, now) is WorkerState.RUNNING else 1)


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            # A second signal ends the process at once, with the signal's default action.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
