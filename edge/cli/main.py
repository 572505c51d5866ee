"""The command `kentongan-edge`, with every subcommand.

Commands import their subject inside the function, so that `--help` and short commands start fast.
"""

from __future__ import annotations

import typer

import contract
from edge.cli import camera_commands, replay_command, worker_commands

app = typer.Typer(
    help="The edge worker of Kentongan: cameras in, events and clips out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command("run")(worker_commands.run)
app.command("check-config")(worker_commands.check_config)
app.command("replay")(replay_command.replay)
app.command("status")(worker_commands.status)
app.command("calibration")(camera_commands.calibration)
app.command("accept-view")(camera_commands.accept_view)
app.command("forget-learned")(camera_commands.forget_learned)
app.command("shadow-report")(camera_commands.shadow_report)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(contract.__version__)


if __name__ == "__main__":
    app()
