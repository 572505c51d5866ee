"""A complete edge worker for tests: configured as by a user, run in a thread or as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from contract.clock import SystemClock
from edge.config import DeviceConfig, load_device_config
from edge.worker import Worker

REPOSITORY = Path(__file__).resolve().parents[2]
WHOLE_PICTURE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]

T = TypeVar("T")


def camera(camera_id: str, url: str, rules: dict[str, Any], **more: object) -> dict[str, Any]:
    """A camera of the test site with one zone over the whole frame."""
    zone = {"id": "ronda", "name": "Pos ronda", "polygon": WHOLE_PICTURE, "rules": rules}
    return {"id": camera_id, "kampung_id": "bahari", "url": url, "zones": [zone], **more}


def write_config(folder: Path, server_url: str, token: str, cameras: list[dict[str, Any]], **more: object) -> Path:
    """Write a device's configuration with short clips into `folder`; `more` adds or replaces settings."""
    (folder / "token").write_text(token)
    (folder / "token").chmod(0o600)
    path = folder / "edge.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "device_id": "box-1",
                "server": {"url": server_url, "token_file": "token"},
                "data_dir": "data",
                "clip": {"before_s": 3, "after_s": 2, "ring_s": 20},
                "heartbeat_s": 5,
                "metrics": None,
                "cameras": cameras,
                **more,
            }
        )
    )
    return path


@contextmanager
def working(config: DeviceConfig) -> Iterator[Worker]:
    """A worker running in a thread; leaving stops it as SIGTERM does."""
    stop = threading.Event()
    with Worker(config, SystemClock()) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,), name="worker")
        thread.start()
        try:
            yield worker
        finally:
            stop.set()
            thread.join(30.0)
            assert not thread.is_alive(), "the worker did not stop within 30 s"


def start_process(config_path: Path) -> subprocess.Popen[bytes]:
    """The worker as its own process, for tests that kill it."""
    command = [sys.executable, "-m", "edge.cli.main", "run", "--config", str(config_path)]
    with (config_path.parent / "worker.log").open("ab") as log:
        return subprocess.Popen(command, cwd=REPOSITORY, stderr=log, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


def eventually(condition: Callable[[], T | None], within_s: float = 30.0) -> T:
    """The result of `condition` as soon as it is true. Raises AssertionError after `within_s` seconds."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{condition} was not true within {within_s:g} s")


__all__ = ["REPOSITORY", "camera", "eventually", "load_device_config", "start_process", "working", "write_config"]
