"""Stores cameras' reference views and noise floors: numbers from which no image can be reconstructed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import structlog

from edge.camera_health.noise import NoiseFloor
from edge.camera_health.reference import ReferenceView
from edge.system.atomic_file import replace_file

MAX_BYTES = 1_000_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LearntView:
    """A camera's healthy view: its reference and its noise floor, None before that is learnt.

    Files of earlier versions have no noise floor, or one without the mean, which is ignored.
    """

    reference: ReferenceView
    noise: NoiseFloor | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object of about 20 kB: that of the reference view, with the noise floor added."""
        return self.reference.to_json() | ({} if self.noise is None else {"noise": self.noise.to_json()})

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Parse what `to_json` returned. Raises ValueError for anything else, with the cause."""
        noise = stored.get("noise")
        if noise is not None and "mean" not in noise:
            noise = None
        return cls(ReferenceView.from_json(stored), None if noise is None else NoiseFloor.from_json(noise))


class ViewStore:
    """A folder with one file per camera.

    `kentongan-edge accept-view` removes the file of a camera that was moved on purpose; a running worker notices that
    and accepts the present view.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: set[str] = set()

    def load(self, camera_id: str) -> LearntView | None:
        """The camera's stored view; None if there is no file, or one that cannot be read, which is logged."""
        path = self._path(camera_id)
        try:
            with path.open("rb") as file:
                view = LearntView.from_json(json.loads(file.read(MAX_BYTES)))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            _log.warning("reference_view_reset", camera=camera_id, error=type(error).__name__)
            return None
        self._saved.add(camera_id)
        return view

    def save(self, camera_id: str, view: LearntView) -> None:
        """Replace the camera's file. Raises OSError; the old file then stays."""
        replace_file(self._path(camera_id), json.dumps(view.to_json()).encode())
        self._saved.add(camera_id)

    def remove(self, camera_id: str) -> bool:
        """Delete the camera's file; true if there was one."""
        path = self._path(camera_id)
        known = path.exists()
        path.unlink(missing_ok=True)
        return known

    def was_removed(self, camera_id: str) -> bool:
        """Whether a file that this store loaded or saved has been removed since; true once per removal."""
        if camera_id in self._saved and not self._path(camera_id).exists():
            self._saved.discard(camera_id)
            return True
        return False

    def _path(self, camera_id: str) -> Path:
        return self._folder / f"{camera_id}.json"
