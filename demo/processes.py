"""Child processes that end with their parent: in order when it stops, by signal when it is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_S = 0.05
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Child:
    """A running child and the file of its output."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self.process.poll()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.is_file() else ""
        return "\n".join(f"  {line}" for line in text.rstrip().splitlines()[-lines:])


def start(
    name: str, command: Sequence[str], log: Path, env: Mapping[str, str], *, stdout: int | IO[bytes] | None = None
) -> Child:
    """Start `command` in its own session, so that a terminal's Ctrl-C reaches only the parent.

    Its output overwrites `log`; `stdout` redirects standard output (for example to a pipe).
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=file if stdout is None else stdout,
            stderr=file,
            env=dict(env),
            start_new_session=True,
            preexec_fn=_follows(os.getpid()),  # noqa: PLW1509 - started from the main thread, before any other
        )
    return Child(name, process, log)


def _follows(parent: int) -> Callable[[], None]:
    """In the child before exec: request SIGTERM from the kernel for the parent's death."""

    def follow() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel knew
            os.kill(os.getpid(), signal.SIGTERM)

    return follow


def stop(children: Sequence[Child], patience_s: float) -> list[str]:
    """Request every child's end, wait for all, and kill the rest. Returns the names of the killed ones."""
    for child in children:
        if child.exit_status is None:
            child.process.terminate()
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and any(child.exit_status is None for child in children):
        time.sleep(POLL_S)
    killed = [child for child in children if child.exit_status is None]
    for child in killed:
        child.process.kill()
        child.process.wait()
    return [child.name for child in killed]
