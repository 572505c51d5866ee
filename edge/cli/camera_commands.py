"""The commands for one camera: its calibration, its stored view, what it learned, and its rules in shadow mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from edge.cli.common import ConfigOption, choose_camera, fail, load_config, make_console
from edge.cli.logs import configure_logs


def calibration(
    config: ConfigOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="The image to write, a .jpg or .png file.")],
    camera: Annotated[str | None, typer.Option(help="The camera's id; by default the first camera.")] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="An image or video file of that camera; by default a frame is read from the camera."),
    ] = None,
) -> None:
    """Draw a camera's ground grid, zones and pixel density over a frame. Ends with 1 if its metres are refused."""
    from edge.cli.calibration_screen import CannotShowError, show

    configure_logs()
    chosen = choose_camera(load_config(config), camera)
    try:
        report = show(make_console(), chosen, image, output)
    except CannotShowError as error:
        fail(str(error))
    raise typer.Exit(0 if report.refused is None else 1)


def accept_view(
    config: ConfigOption, camera: Annotated[str, typer.Argument(help="The id of a camera that was moved on purpose.")]
) -> None:
    """Accept a camera's present view as its reference view, after the camera was moved on purpose."""
    from edge.camera_health.store import ViewStore

    device = load_config(config)
    chosen = choose_camera(device, camera)
    if ViewStore(device.data_dir / "views").remove(chosen.id):
        typer.echo(f"{chosen.id}: the old reference view is deleted; a running worker accepts the present view at once")
    else:
        typer.echo(f"{chosen.id}: no reference view has been learned yet, so there is nothing to delete")


def forget_learned(config: ConfigOption, camera: Annotated[str, typer.Argument(help="The id of the camera.")]) -> None:
    """Delete what a camera has learned about its scene. Stop the worker first: it would save its state again."""
    from edge.learned.store import LearnedStore

    device = load_config(config)
    chosen = choose_camera(device, camera)
    known = LearnedStore(device.data_dir / "learned").reset(chosen.id)
    typer.echo(f"{chosen.id}: learned state deleted" if known else f"{chosen.id}: nothing has been learned yet")


def shadow_report(config: ConfigOption) -> None:
    """Show what rules in shadow mode would have alerted, by camera, zone and rule."""
    from edge.events.shadow_file import ShadowFile, report

    device = load_config(config)
    logs = ShadowFile(device.data_dir / "shadow")
    table = Table("camera", "zone", "rule", "alerts", "mean score", "total time", "since")
    for camera in device.cameras:
        entries = logs.read(camera.id)
        for line in report(entries):
            since = device.calendar.local(entries[0].at).strftime("%Y-%m-%d %H:%M")
            total = f"{line.total_s / 60:.0f} min"
            table.add_row(
                camera.id, line.zone_id, line.rule.value, str(line.alerts), f"{line.mean_score:.2f}", total, since
            )
    make_console().print(table)
