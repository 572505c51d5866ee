"""The worker's state in a file, for `kentongan-edge status`: how everything was when it was written, some seconds ago.

A file and no port: it needs no log-in of its own (mode 0600, in a folder that is the worker's alone), and it is still
there when the worker is not, to say since when.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from contract.heartbeat import CameraTelemetry
from edge.outbox import OutboxStats
from edge.sender import SenderStatus

FILE_NAME = "status.json"
WRITE_EVERY_S = 5.0
STALE_AFTER_S = 30.0
"""A worker that has not written for so long has died, or hangs."""

MAX_BYTES = 1 << 20


class CameraStatus(BaseModel):
    """One camera: what the heartbeat says of it, and more."""

    model_config = ConfigDict(frozen=True)

    telemetry: CameraTelemetry
    attention: str = Field(
        description="how closely it is watched: quiet, waiting, resting, watching, searching or active"
    )
    sessions_lost: int = Field(ge=0)


class WorkerStatus(BaseModel):
    """The whole worker at `written_at`. `stopped`: it has ended in order, and this was its last word."""

    model_config = ConfigDict(frozen=True)

    device_id: str
    software_version: str
    pid: int = Field(ge=1)
    written_at: AwareDatetime
    uptime_s: float = Field(ge=0.0)
    stopped: bool
    cameras: tuple[CameraStatus, ...]
    outbox: OutboxStats
    sender: SenderStatus


class Life(StrEnum):
    """Whether the worker that wrote a status is still at work."""

    RUNNING = "running"
    SILENT = "silent"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StatusFile:
    """`status.json` in the worker's data folder."""

    folder: Path

    def write(self, status: WorkerStatus) -> None:
        """Replace the file, readable by its owner only. Raises OSError; the old one then stays.

        It is not flushed to the disk: after a power cut nobody needs it, and flushes wear a flash disk out.
        """
        temporary = self.folder / f".{FILE_NAME}.new"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(status.model_dump_json().encode())
            temporary.replace(self.folder / FILE_NAME)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def read(self) -> WorkerStatus | None:
        """What was written last; None if nothing was. Raises OSError, and ValueError for a file of another kind."""
        try:
            with (self.folder / FILE_NAME).open("rb") as file:
                return WorkerStatus.model_validate_json(file.read(MAX_BYTES))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise ValueError(f"{FILE_NAME} is not this version's: {error.error_count()} fields differ") from error


def life_of(status: WorkerStatus, now: datetime) -> Life:
    """Whether the worker still works: it says so every few seconds, and its process exists."""
    if status.stopped:
        return Life.STOPPED
    if not Path(f"/proc/{status.pid}").exists():
        return Life.DIED
    return Life.RUNNING if (now - status.written_at).total_seconds() < STALE_AFTER_S else Life.SILENT
