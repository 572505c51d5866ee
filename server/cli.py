"""The command `kentongan-server`."""

from __future__ import annotations

import json

import typer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="The Kentongan server.")


@app.callback()
def _main() -> None:
    """The Kentongan server."""


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API."""
    from server.app import openapi_document

    typer.echo(json.dumps(openapi_document(), indent=2, sort_keys=False))


if __name__ == "__main__":
    app()
