"""`kentongan-models`: list the detectors, verify their files, export one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from contract.errors import KentonganError
from models.manifest import Manifest, load_manifest, verify

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

ManifestOption = Annotated[Path | None, typer.Option("--manifest", help="another manifest than the project's own")]


@app.command("list")
def list_models(manifest: ManifestOption = None) -> None:
    """Show the models that a manifest names."""
    loaded = _load(manifest)
    table = Table()
    for column in ("model", "licence", "layout", "input", "size", "measured"):
        table.add_column(column)
    for spec in loaded.models:
        figures = "; ".join(f"{figure.what} {figure.value:g} {figure.unit} ({figure.on})" for figure in spec.measured)
        table.add_row(
            f"{spec.name} (default)" if spec.name == loaded.default else spec.name,
            spec.licence,
            spec.output.layout,
            f"{spec.input.width} x {spec.input.height}",
            f"{spec.size_bytes / 1e6:.1f} MB",
            figures or "–",
        )
    Console().print(table)


@app.command("verify")
def verify_models(
    name: Annotated[str | None, typer.Argument(help="one model; all of the manifest if left out")] = None,
    manifest: ManifestOption = None,
) -> None:
    """Compare the files' digests with the manifest's. Exit status 1 if any differs or is missing."""
    loaded = _load(manifest)
    faults = 0
    try:
        chosen = [loaded.get(name)] if name else list(loaded.models)
    except KentonganError as unknown:
        _refuse(unknown)
    for spec in chosen:
        try:
            verify(spec)
            typer.echo(f"ok: {spec.name} is sha256 {spec.sha256}")
        except KentonganError as wrong:
            faults += 1
            typer.echo(wrong.detail, err=True)
    if faults:
        raise typer.Exit(1)


@app.command("export")
def export_model(
    source: Annotated[str, typer.Argument(help="a .pt file, or a description such as yolo11n.yaml (random weights)")],
    target: Annotated[Path, typer.Argument(help="the .onnx file to write")],
    width: Annotated[int, typer.Option(help="of the input, pixels")] = 416,
    height: Annotated[int, typer.Option(help="of the input, pixels")] = 256,
) -> None:
    """Export an ultralytics model to ONNX and print its manifest entry. Needs the train extra."""
    from models.export import export_yolo

    try:
        typer.echo(export_yolo(source, target, width=width, height=height))
    except KentonganError as refused:
        _refuse(refused)


def _load(manifest: Path | None) -> Manifest:
    try:
        return load_manifest(manifest)
    except KentonganError as refused:
        _refuse(refused)


def _refuse(error: KentonganError) -> NoReturn:
    typer.echo(error.detail, err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
