"""Third-party footage, tracks and weights for tests, as `tests/data.toml` lists them."""

from __future__ import annotations

import functools
import hashlib
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.data_folder import VARIABLE, data_folder

LIST = Path(__file__).resolve().parents[1] / "data.toml"

DataFile = Callable[[str], Path]
"""Gives the file at a path inside the data folder, and skips the test where it is absent."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of the list. `needed_by`: the tests and evaluations that read it, files or folders of the checkout."""

    path: str
    size_bytes: int
    sha256: str
    needed_by: tuple[str, ...]


@functools.cache
def listed_files() -> dict[str, ListedFile]:
    """The files of `tests/data.toml`, by their path inside the data folder."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["file"]
    files = [ListedFile(**{**entry, "needed_by": tuple(entry["needed_by"])}) for entry in entries]
    return {file.path: file for file in files}


@functools.cache
def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_file(path: str) -> Path:
    """The file at `path` inside the data folder, which must be listed for the running test.

    Skips the test where the file is absent, and fails it where the file is not the listed one: a measurement on other
    footage says nothing.
    """
    running = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    listed = listed_files().get(path)
    assert listed is not None, f"{path} is not listed in {LIST.name}"
    assert any(running == one or running.startswith(f"{one}/") for one in listed.needed_by), (
        f"{LIST.name} does not say that {running} needs {path}"
    )
    found = data_folder() / path
    if not found.is_file():
        pytest.skip(f"needs {path} in {data_folder()} ({VARIABLE} names another folder)")
    assert sha256_of(found) == listed.sha256, f"{found} is not the file that {LIST.name} lists"
    return found


def report() -> str:
    """How many of the listed files are present, for the head of a test run. Raises UsageError for a mistyped folder."""
    folder, files = data_folder(), listed_files()
    if os.environ.get(VARIABLE) and not folder.is_dir():
        raise pytest.UsageError(f"{VARIABLE} names {folder}, which is no folder")
    present = sum((folder / path).is_file() for path in files)
    return f"test data: {present} of {len(files)} files in {folder}"
