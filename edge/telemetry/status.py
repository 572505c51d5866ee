"""The status file: the worker's state for `kentongan-edge status`, rewritten every few seconds.

A file instead of a port: it needs no log-in (mode 0600, in a folder that only the worker's user can read), and after
the worker has stopped or died it still says when that was.
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
"""A worker that has not written for this long has died or hangs."""

MAX_BYTES = 1 << 20


class CameraStatus(BaseModel):
    """One camera: its telemetry as in the heartbeat, its attention, and its lost sessions."""

    model_config = ConfigDict(frozen=True)

    telemetry: CameraTelemetry
    attention: str = Field(
        description="how closely it is watched: quiet, waiting, resting, watching, searching or active"
    )
    sessions_lost: int = Field(ge=0)


class WorkerStatus(BaseModel):
    """The whole worker at `written_at`. `stopped`: it was shut down in order; this is its last status."""

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


class WorkerState(StrEnum):
    """Whether the worker that wrote a status still runs.

    SILENT: its process exists, but it has not written for STALE_AFTER_S. DIED: its process is gone without a shutdown.
    """

    RUNNING = "running"
    SILENT = "silent"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StatusFile:
    """`status.json` in the worker's data folder."""

    folder: Path

    def write(self, status: WorkerStatus) -> None:
        """Replace the file, readable by its owner only. Raises OSError; the old file then stays.

        The file is not flushed to the disk: after a power cut it is useless, and flushes wear out flash storage.
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
        """The last status; None if there is none. Raises OSError, and ValueError for a file of another version."""
        try:
            with (self.folder / FILE_NAME).open("rb") as file:
                return WorkerStatus.model_validate_json(file.read(MAX_BYTES))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise ValueError(f"{FILE_NAME} is of another version: {error.error_count()} fields differ") from error


def state_of(status: WorkerStatus, now: datetime) -> WorkerState:
    """The worker's state at `now`, from its last status and the existence of its process on this machine."""
    if status.stopped:
        return WorkerState.STOPPED
    if not Path(f"/proc/{status.pid}").exists():
        return WorkerState.DIED
    age_s = (now - status.written_at).total_seconds()
    return WorkerState.RUNNING if age_s < STALE_AFTER_S else WorkerState.SILENT
