"""Messages of the set-up: one line for each step, one sentence for what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MissingPrerequisiteError(Exception):
    """The machine lacks something; the message is one sentence with the remedy."""


def step(text: str) -> None:
    """Print a step on standard error, so that standard output stays the program's own."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str], *, otherwise: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run `command` quietly; if it fails, show the end of its output and raise `otherwise`.

    Raises MissingPrerequisiteError with the sentence `otherwise`.
    """
    result = attempt(command, cwd=cwd, env=env)
    if result is not None:
        raise MissingPrerequisiteError(f"{otherwise}\n{result}")


def attempt(command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str | None:
    """Run `command` quietly. None on success, else the last lines of its output."""
    try:
        done = subprocess.run(
            list(command),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return f"  {command[0]}: {error.strerror}"
    if done.returncode == 0:
        return None
    tail = done.stdout.strip().splitlines()[-25:]
    return "\n".join(f"  {line}" for line in [f"{Path(command[0]).name} ended with status {done.returncode}:", *tail])
