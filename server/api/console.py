"""The console's files, and its index for every address that the console's own router understands."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Depends
from starlette.responses import FileResponse, HTMLResponse, Response

from contract.errors import ErrorKind, KentonganError
from server.deps import PublicGuard

router = APIRouter(include_in_schema=False)
STATIC = Path(__file__).resolve().parents[1] / "static"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Kentongan</title>
<p>The console is not built yet; build it with <code>make console</code> and reload this page.</p></html>
"""
_NOT_THE_CONSOLE = ("api", "healthz", "readyz", "metrics")


@router.api_route(
    "/{path:path}",
    methods=["GET", "HEAD"],
    dependencies=[Depends(PublicGuard("the log-in page must load; it holds no data"))],
)
async def console_file(path: str) -> Response:
    """A file of the built console, or its index."""
    if path.split("/", 1)[0] in _NOT_THE_CONSOLE:
        raise KentonganError(ErrorKind.NOT_FOUND, "there is nothing at this address")
    index = STATIC / "index.html"
    if not index.is_file():
        return HTMLResponse(_NOT_BUILT, headers={"Cache-Control": "no-store"})
    wanted = _file_at(path)
    if wanted is not None:
        return FileResponse(wanted, headers={"Cache-Control": _caching(path)})
    if path.startswith("assets/"):
        # A missing script answered with the index would fail in the browser with a riddle.
        raise KentonganError(ErrorKind.NOT_FOUND, "there is no such file")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


def _file_at(path: str) -> Path | None:
    """The built file of that name, if there is one inside the console's folder."""
    try:
        wanted = (STATIC / path).resolve()
        return wanted if wanted.is_relative_to(STATIC) and wanted.is_file() else None
    except (ValueError, OSError):
        return None  # a NUL byte or a name too long for any file


def _caching(path: str) -> str:
    """Vite puts a hash of the content into the names under assets/, so those never change."""
    return "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
