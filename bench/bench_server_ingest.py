"""How many events a second the server accepts and stores durably on SQLite.

`python -m bench.bench_server_ingest` starts a real server on an empty database in a temporary folder, sends events over
several kept-alive connections, and prints one JSON object as its last line. It counts events answered with 201, which
the server sends only after the commit has reached the disk (synchronous=FULL). The client shares the machine's cores
with the server: of all figures, `server_cpu_ms_per_event` depends least on other load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import yaml

from contract.clock import SystemClock
from contract.event import Event, EventData, Phase, Rule, Severity, TimedBox, TrackSummary
from contract.ids import UuidV7Factory
from contract.reasons import Reason

ROOT = Path(__file__).resolve().parents[1]
SITE = {
    "kampung": [{"id": "bahari", "name": "Kampung Bahari"}],
    "cameras": [{"id": "gate", "name": "Gerbang", "kampung_id": "bahari"}],
    "devices": [{"id": "box-1", "name": "Kotak", "cameras": ["gate"]}],
}
_new_id = UuidV7Factory(SystemClock())


@dataclass(slots=True)
class Tally:
    latencies_ms: list[float] = field(default_factory=list)
    refused: int = 0


def build_event(sequence: int) -> bytes:
    """The body of an event as a worker sends it: one person, 50 boxes of a track, and the id of a clip to come."""
    now = datetime.now(UTC)
    boxes = tuple(TimedBox(offset_s=-0.2 * n, box=(0.2, 0.3, 0.25, 0.6)) for n in range(50))
    data = EventData(
        signal_id=_new_id(),
        device_id="box-1",
        device_sequence=sequence,
        kampung_id="bahari",
        camera_id="gate",
        zone_id="ronda",
        rule=Rule.LOITERING,
        phase=Phase.BEGAN,
        severity=Severity.WARNING,
        score=0.8,
        reasons=(Reason(code="stayed", params={"dwell_s": 130.0}),),
        began_at=now - timedelta(seconds=130),
        captured_at=now,
        time_uncertainty_s=0.5,
        people_count=1,
        tracks=(TrackSummary(track_id=1, boxes=boxes),),
        zone_polygon=((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)),
        clip_id=_new_id(),
        model_sha256="0" * 64,
        config_sha256="0" * 64,
        software_version="0.1.0",
    )
    return Event.wrap(_new_id(), data).to_json()


async def send_until(port: int, token: str, bodies: list[bytes], until_s: float, tally: Tally) -> None:
    """Send events one after another over one connection, until `until_s` (time.perf_counter) or until none is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /api/v1/ingest/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: "
    while bodies and time.perf_counter() < until_s:
        body = bodies.pop()
        began_s = time.perf_counter()
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.split("content-length: ")[1].split("\r\n")[0])
        await reader.readexactly(length)
        if answer.startswith("http/1.1 201"):
            tally.latencies_ms.append((time.perf_counter() - began_s) * 1000)
        else:
            tally.refused += 1
    writer.close()
    await writer.wait_closed()


def cli(*words: str) -> str:
    command = [sys.executable, "-m", "server.cli", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


async def measure(
    port: int, token: str, seconds: float, connections: int, process: psutil.Process
) -> dict[str, object]:
    # More than the server can accept; they are built before the measurement.
    bodies = [build_event(number) for number in range(1, int(seconds * 3000))]
    tally = Tally()
    used = process.cpu_times()
    began_s = time.perf_counter()
    senders = [send_until(port, token, bodies, began_s + seconds, tally) for _ in range(connections)]
    await asyncio.gather(*senders)
    took_s = time.perf_counter() - began_s
    cpu_s = sum(process.cpu_times()[:2]) - sum(used[:2])
    latencies = sorted(tally.latencies_ms)
    return {
        "events": len(latencies),
        "events_per_s": round(len(latencies) / took_s, 1),
        "p50_ms": round(statistics.median(latencies), 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)], 2),
        "refused": tally.refused,
        "connections": connections,
        "server_cpu_ms_per_event": round(cpu_s * 1000 / len(latencies), 3),
        "durable": True,
        "database": "sqlite",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as scratch:
        config, site, port = Path(scratch) / "server.yaml", Path(scratch) / "site.yaml", free_port()
        settings = {"data_dir": scratch + "/data", "listen": {"port": port}, "log": {"level": "error"}}
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        site.write_text(yaml.safe_dump(SITE), encoding="utf-8")
        cli("provision", str(site), "--config", str(config))
        token = cli("device", "token", "box-1", "--config", str(config)).strip()
        running = subprocess.Popen([sys.executable, "-m", "server.cli", "run", "--config", str(config)], cwd=ROOT)
        try:
            wait_for(port)
            process = psutil.Process(running.pid)
            result = asyncio.run(measure(port, token, options.seconds, options.connections, process))
        finally:
            running.terminate()
            running.wait(15)
        contradictions = cli("check", "--config", str(config)).strip()
    print(json.dumps({**result, "check": contradictions, "load_average": round(psutil.getloadavg()[0], 1)}))


def wait_for(port: int) -> None:
    """Wait until the server listens on `port`. Raises TimeoutError after 20 s."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no server listens on port {port} after 20 s")


if __name__ == "__main__":
    main()
