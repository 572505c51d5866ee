"""`make demo`: everything at once, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from demo.footage import cache_folder, ensure_streams
from demo.sources import fault_of, own_source
from demo.stack import USUAL_PORT, Stack, StackError, free_port
from scripts.say import MissingPrerequisiteError

if TYPE_CHECKING:
    from demo.sources import OwnSource

WATCH_EVERY_S = 0.5


class _StoppedError(BaseException):
    """A signal requested the demo's end."""


def state_folder(source: OwnSource | None) -> Path:
    """The folder of the demo's data between runs; the user's own camera has a folder of its own."""
    states = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return states / "kentongan-demo" / ("simulated" if source is None else "own-camera")


def main() -> int:
    """Run the demo until SIGINT, SIGTERM or SIGHUP. Returns the process's exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stopped)
    try:
        source = _source()
        with Stack(state_folder(source), source=source) as stack:
            _run(stack, source)
    except _StoppedError:
        print("\nEverything is stopped. The next start goes on with the stored alerts.", flush=True)
        return 0
    except (MissingPrerequisiteError, StackError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _source() -> OwnSource | None:
    """The user's source, or None for the simulated cameras, whose footage is then available."""
    given = os.environ.get("SOURCE", "").strip()
    if not given:
        ensure_streams(cache_folder())
        return None
    source = own_source(given)
    fault = fault_of(source) if source.is_file else None
    if fault is not None:
        raise MissingPrerequisiteError(f"SOURCE {source.shown} cannot be played: {fault}.")
    return source


def _run(stack: Stack, source: OwnSource | None) -> None:
    try:
        port = free_port(USUAL_PORT)
        if port != USUAL_PORT:
            print(f"Port {USUAL_PORT} is taken; the console is on {port} instead.", flush=True)
        print("Starting server, cameras and edge worker ...", flush=True)
        stack.start_server(port)
        stack.start_cameras_and_edge()
        _greet(stack, source)
        while True:
            stack.check()
            time.sleep(WATCH_EVERY_S)
    except _StoppedError:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("\nStopping ...", flush=True)
        raise


def _greet(stack: Stack, source: OwnSource | None) -> None:
    width = max(len(account.title) for account in stack.accounts)
    name_width = max(len(account.username) for account in stack.accounts)
    rows = [
        "",
        "Kentongan is running.",
        "",
        f"  {'Console':<{width}}  {stack.address}/",
        *(f"  {one.title:<{width}}  {one.username:<{name_width}}  {one.password}" for one in stack.accounts),
        "",
        *_about_cameras(stack, source, width),
        f"  {'Data and logs':<{width}}  {stack.state} (delete it to start over)",
        "",
        "Ctrl-C stops everything.",
        "",
    ]
    print("\n".join(rows), flush=True)


def _about_cameras(stack: Stack, source: OwnSource | None, width: int) -> list[str]:
    if source is None:
        names: dict[str, list[str]] = {}
        for camera in stack.cameras:
            names.setdefault(camera.kampung.name, []).append(camera.name)
        lines = [f"  {kampung:<{width}}  {', '.join(cameras)}" for kampung, cameras in names.items()]
        return [*lines, "", "The first alerts come within a minute; the operator's page shows them by itself.", ""]
    fault = fault_of(source)
    state = "" if fault is None else f"\n  It delivers no video now ({fault}); Kentongan keeps trying."
    return [f"  {stack.cameras[0].kampung.name:<{width}}  {source.shown}{state}", ""]


def _stopped(*_: object) -> NoReturn:
    raise _StoppedError


if __name__ == "__main__":
    sys.exit(main())
