"""Generated files in console/ match their sources. Needs no browser."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from server.app import openapi_document

CONSOLE = Path(__file__).resolve().parents[2] / "console"


def test_the_consoles_openapi_document_is_the_servers() -> None:
    committed = json.loads((CONSOLE / "openapi.json").read_text(encoding="utf-8"))
    assert committed == openapi_document(), (
        "write it anew: python -m server.cli openapi > console/openapi.json, then npm run generate in console/"
    )


def test_the_consoles_types_are_generated_from_that_document(tmp_path: Path) -> None:
    generator = CONSOLE / "node_modules/openapi-typescript/bin/cli.js"
    if not generator.is_file():
        pytest.skip("needs openapi-typescript: npm ci in console/")
    command = json.loads((CONSOLE / "package.json").read_text(encoding="utf-8"))["scripts"]["generate"]
    flags = [word for word in command.split() if word.startswith("--") and word != "--output"]
    made = tmp_path / "schema.d.ts"
    subprocess.run(
        ["node", str(generator), "openapi.json", "--output", str(made), *flags],
        cwd=CONSOLE, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert made.read_text(encoding="utf-8") == (CONSOLE / "src/api/schema.d.ts").read_text(encoding="utf-8")


def test_the_lock_file_names_no_registry() -> None:
    lock = (CONSOLE / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name), "every package has its digest"


def test_the_built_page_loads_nothing_from_elsewhere() -> None:
    index = (CONSOLE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", index) == []
    assert "<style" not in index
    assert re.findall(r"<script(?![^>]*\bsrc=)", index) == []
