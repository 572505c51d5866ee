"""A worker that stops while its disk is full: what it cannot store is said, and what it has stored is kept."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from edge.config import load_device_config
from tests.support.disks import fill_disk, small_file_system
from tests.support.outboxes import left_behind
from tests.support.rtsp import RtspCameras
from tests.support.workers import WHOLE_PICTURE, camera, eventually, working, write_config

ZONES = 4
STOPS_WITHIN_S = 20.0
"""What the container allows; the service is given 30 s."""
CROWD = {"occupancy": {"capacity": 2, "on_delay_s": 1.0, "off_delay_s": 600.0}}


def crowded(url: str) -> dict[str, Any]:
    """A camera that shows a crowd to several zones at once: one signal each, open for as long as it is watched."""
    zone = {"name": "Pos ronda", "polygon": WHOLE_PICTURE, "rules": CROWD}
    return camera("gate", url, CROWD, zones=[zone | {"id": f"ronda-{number}"} for number in range(ZONES)])


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def entries(logs: list[Any], event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


def test_a_stop_on_a_full_disk_says_each_event_that_is_lost_ends_in_time_and_keeps_what_was_stored(
    cameras: RtspCameras, tmp_path: Path
) -> None:
    with small_file_system(tmp_path / "data", "24m") as disk:
        path = write_config(
            tmp_path, nobody_listens(), "token-of-a-server-that-is-down",
            [crowded(cameras.url("street.mp4"))], outbox={"quota_bytes": "16MiB", "keep_free_bytes": 0},
        )  # fmt: skip
        with capture_logs() as logs:
            with working(load_device_config(path)):
                eventually(lambda: len(entries(logs, "event_committed")) >= ZONES or None)
                fill_disk(disk / "ballast")
                before = [line["event_id"] for line in entries(logs, "event_committed")]
                eventually(lambda: entries(logs, "event_waits"))
                stopping_mono_s = time.monotonic()
            stopped_within_s = time.monotonic() - stopping_mono_s
        assert stopped_within_s < STOPS_WITHIN_S
        lost = entries(logs, "event_lost")
        assert len(lost) >= ZONES  # at the least that each zone's signal has ended
        assert [line["lost"] for line in lost] == list(range(1, len(lost) + 1))
        assert len({(line["signal_id"], line["phase"], line["captured_at"]) for line in lost}) == len(lost)
        assert {line["zone"] for line in lost} == {f"ronda-{number}" for number in range(ZONES)}
        assert entries(logs, "worker_stopped")[0]["lost"] == len(lost)
        (disk / "ballast").unlink()
        kept = left_behind(disk).unsent
        committed = [line["event_id"] for line in entries(logs, "event_committed")]
        assert [str(event.id) for event in kept] == committed
        assert committed[: len(before)] == before
        assert [event.data.device_sequence for event in kept] == list(range(1, len(kept) + 1))
