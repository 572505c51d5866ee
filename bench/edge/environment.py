"""Prerequisites of the peers: Ultralytics and torch in an environment of their own, so that they never mix with the
product's packages, and the ffmpeg command."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from demo.footage import cache_folder
from scripts.say import step

REQUIREMENTS = ("torch==2.13.0", "ultralytics>=8.3.200", "lap>=0.5.12", "shapely>=2.0")
DEFAULT_MODEL = "yolo26n.yaml"
"""ObjectCounter's default model (yolo26n.pt) as an architecture without its weights."""


class PeerMissingError(Exception):
    """The peer cannot run here; the message says why."""


def ultralytics_python() -> Path:
    """The interpreter of the peer's environment; makes the environment if it is missing. Raises PeerMissingError."""
    folder = cache_folder() / "bench" / "ultralytics"
    python = folder / "bin" / "python"
    if _imports(python):
        return python
    step("making an environment for Ultralytics (some 1.5 GB, once)")
    venv.create(folder, with_pip=True, clear=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], capture_output=True, text=True, check=False
    )
    if installed.returncode != 0 or not _imports(python):
        raise PeerMissingError(f"Ultralytics could not be installed: {installed.stderr.strip()[-500:]}")
    return python


def ffmpeg_path() -> str:
    """The ffmpeg command. Raises PeerMissingError if there is none on the PATH."""
    found = shutil.which("ffmpeg")
    if found is None:
        raise PeerMissingError("there is no ffmpeg on the PATH (Debian and Ubuntu: apt-get install ffmpeg)")
    return found


def _imports(python: Path) -> bool:
    if not python.is_file():
        return False
    tried = subprocess.run(
        [python, "-c", "import torch, lap, shapely, ultralytics.solutions"], capture_output=True, check=False
    )
    return tried.returncode == 0


if __name__ == "__main__":
    print(ultralytics_python(), file=sys.stdout)
