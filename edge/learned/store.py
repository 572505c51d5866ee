"""Keeps the learned state of cameras on disk: one file each, replaced whole, so that a power cut leaves the old one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.learned.state import CameraLearned
from edge.system.atomic_file import replace_file

MAX_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """The state, and what was wrong with the stored one if a new one had to be begun."""

    state: CameraLearned
    fault: str | None


class LearnedStore:
    """A folder with one file per camera."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, camera_id: str, *, calibration_version: int) -> Loaded:
        """The camera's state; a new one if there is none, if it is damaged, or if the calibration has changed."""
        path = self._path(camera_id)
        if not path.exists():
            return Loaded(CameraLearned(calibration_version), None)
        try:
            with path.open("rb") as file:
                state = CameraLearned.decode(file.read(MAX_BYTES))
        except (ValueError, OSError) as error:
            return Loaded(CameraLearned(calibration_version), f"learned state of {camera_id} dropped: {error}")
        if state.calibration_version != calibration_version:
            fault = f"learned under calibration {state.calibration_version}, now it is {calibration_version}"
            return Loaded(CameraLearned(calibration_version), f"learned state of {camera_id} dropped: {fault}")
        return Loaded(state, None)

    def save(self, camera_id: str, state: CameraLearned) -> None:
        """Replace the camera's file by this state; raises OSError (for example a full disk), the old one then stays."""
        replace_file(self._path(camera_id), state.encode())

    def reset(self, camera_id: str) -> bool:
        """Forget what the camera has learned; true if there was anything."""
        path = self._path(camera_id)
        known = path.exists()
        path.unlink(missing_ok=True)
        return known

    def _path(self, camera_id: str) -> Path:
        return self._folder / f"{camera_id}.json"
