"""Keeps the cameras' reference views and noise floors on disk: numbers, from which no picture can be made."""

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
    """What is known of a camera's view when all is well.

    Older files have no `noise`, or one without the mean, which is learnt anew.
    """

    reference: ReferenceView
    noise: NoiseFloor | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object of about 20 kB: the reference view's, with the noise floor in it."""
        return self.reference.to_json() | ({} if self.noise is None else {"noise": self.noise.to_json()})

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` made. Raises ValueError for anything else, saying what was wrong."""
        noise = stored.get("noise")
        if noise is not None and "mean" not in noise:
            noise = None
        return cls(ReferenceView.from_json(stored), None if noise is None else NoiseFloor.from_json(noise))


class ViewStore:
    """A folder with one file per camera.

    Removing a camera's file is how an operator says that the camera was moved on purpose
    (`kentongan-edge accept-view`): a running worker notices and takes the present view on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: set[str] = set()

    def load(self, camera_id: str) -> LearntView | None:
        """The camera's view; None if there is none, or none that can be read, which is logged."""
        path = self._path(camera_id)
        try:
            with path.open("rb") as file:
                view = LearntView.from_json(json.loads(file.read(MAX_BYTES)))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            _log.warning("reference view learnt anew", camera=camera_id, fault=type(error).__name__)
            return None
        self._saved.add(camera_id)
        return view

    def save(self, camera_id: str, view: LearntView) -> None:
        """Replace the camera's file; raises OSError, the old one then stays."""
        replace_file(self._path(camera_id), json.dumps(view.to_json()).encode())
        self._saved.add(camera_id)

    def remove(self, camera_id: str) -> bool:
        """Forget the camera's reference view; true if there was one."""
        path = self._path(camera_id)
        known = path.exists()
        path.unlink(missing_ok=True)
        return known

    def was_removed(self, camera_id: str) -> bool:
        """Whether the file that this store knew has been removed since; said once."""
        if camera_id in self._saved and not self._path(camera_id).exists():
            self._saved.discard(camera_id)
            return True
        return False

    def _path(self, camera_id: str) -> Path:
        return self._folder / f"{camera_id}.json"
